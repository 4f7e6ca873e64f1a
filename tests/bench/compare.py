#!/usr/bin/python3
"""Runs the benchmark's workloads in this project and in PyTorch, by turns in the same run, and prints a table.

Every measurement is a process of its own: ours, PyTorch, ours, PyTorch, ... for a number of rounds, on the same number
of threads. The median column is the median of the rounds' medians, the minimum the least step of all rounds, the peak
the greatest resident size of a process (PyTorch's includes the interpreter and its libraries).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INTERPRETER = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

try:
    import torch_workloads
except ModuleNotFoundError:
    # Debian's PyTorch is there for the system's interpreter only.
    if os.path.realpath(sys.executable) == os.path.realpath(INTERPRETER):
        raise
    os.execv(INTERPRETER, [INTERPRETER, *sys.argv])


def cpu_has_avx512():
    with open("/proc/cpuinfo") as file:
        return any(line.startswith("flags") and "avx512f" in line.split() for line in file)


def run(command, name, environment):
    """(median, minimum, peak MB), or None with the reason on standard error."""
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    for line in result.stdout.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[0] == name:
            return tuple(float(field) for field in fields[1:])
    reason = (result.stderr.strip().splitlines() or [f"exit status {result.returncode}, no line for {name}"])[-1]
    print(f"  {os.path.basename(command[0])}: {reason}", file=sys.stderr)
    return None


def run_ours(bench, name, threads, seconds):
    return run([bench, name, "--threads", str(threads), "--seconds", str(seconds)], name, dict(os.environ))


def run_torch(name, threads, seconds, core_type):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    if core_type:
        environment["OPENBLAS_CORETYPE"] = core_type
    script = os.path.join(HERE, "torch_workloads.py")
    return run([INTERPRETER, script, name, "--threads", str(threads), "--seconds", str(seconds)], name, environment)


def faster_core_type(name, threads, seconds):
    """Debian's OpenBLAS does not use AVX-512 on processors that it doesn't know; PyTorch gets whichever set is faster."""
    if "OPENBLAS_CORETYPE" in os.environ or not cpu_has_avx512():
        return ""
    best, best_time = "", float("inf")
    for core_type in ("", "SkylakeX"):
        result = run_torch(name, threads, seconds, core_type)
        if result and result[1] < best_time:
            best, best_time = core_type, result[1]
    return best


def summary(results):
    results = [result for result in results if result]
    if not results:
        return None
    return {"median_ms": statistics.median(r[0] for r in results), "min_ms": min(r[1] for r in results),
            "peak_mb": max(r[2] for r in results), "rounds": len(results)}


def cells(side):
    if side is None:
        return f"{'-':>10} {'-':>10} {'-':>8}"
    return f"{side['median_ms']:10.3f} {side['min_ms']:10.3f} {side['peak_mb']:8.1f}"


def too_slow(results):
    return any(r and r[1] > 1e3 * torch_workloads.STEP_LIMIT_SECONDS for r in results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="default: all")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side (default 3)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    parser.add_argument("--bench", metavar="PATH", default=os.path.join(ROOT, "build", "tests", "bench", "bench"))
    parser.add_argument("--torch-only", action="store_true", help="measure PyTorch alone")
    arguments = parser.parse_args()

    names = arguments.workloads or list(torch_workloads.WORKLOADS)
    unknown = [name for name in names if name not in torch_workloads.WORKLOADS]
    if unknown:
        parser.error(f"no workload named {', '.join(unknown)}; there are {', '.join(torch_workloads.WORKLOADS)}")
    ours_too = not arguments.torch_only
    known_to_bench = set()
    if ours_too:
        if not os.access(arguments.bench, os.X_OK):
            parser.error(f"{arguments.bench}: no such program; build it, give --bench PATH, or --torch-only")
        listing = subprocess.run([arguments.bench, "--list"], capture_output=True, text=True)
        known_to_bench = {line.split()[0] for line in listing.stdout.splitlines() if line.strip()}

    kernels = os.path.join(os.path.dirname(arguments.bench), "bench_kernels")
    if os.access(kernels, os.X_OK):
        peak = subprocess.run([kernels, "--peak", "--threads", str(arguments.threads)], capture_output=True, text=True)
        print(peak.stdout.strip() or peak.stderr.strip())
    print(f"{arguments.threads} threads, {arguments.rounds} rounds of {arguments.seconds:g} s a side; ms a step, peak MB")
    print(f"{'workload':20} {'ours: med':>10} {'min':>10} {'peak':>8}   {'torch: med':>10} {'min':>10} {'peak':>8}   "
          f"{'med ratio':>9} {'min ratio':>9}")

    rows = []
    stopped, core_type = False, ""
    for name in names:
        torch_runs = not (stopped and name.startswith("mlp_order_"))
        # A step of a high order takes seconds: it keeps the choice made for the order before.
        if torch_runs and name not in ("mlp_order_6", "mlp_order_7", "mlp_order_8"):
            core_type = faster_core_type(name, arguments.threads, min(1.5, arguments.seconds))
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            if name in known_to_bench:
                ours.append(run_ours(arguments.bench, name, arguments.threads, arguments.seconds))
            if torch_runs:
                theirs.append(run_torch(name, arguments.threads, arguments.seconds, core_type))
                if theirs[-1] is None or too_slow(theirs):
                    torch_runs = False
                    stopped = stopped or name.startswith("mlp_order_")
        row = {"workload": name, "ours": summary(ours), "torch": summary(theirs), "torch_core_type": core_type}
        ratios = ["-", "-"]
        if row["ours"] and row["torch"]:
            row["ratio_median"] = row["ours"]["median_ms"] / row["torch"]["median_ms"]
            row["ratio_min"] = row["ours"]["min_ms"] / row["torch"]["min_ms"]
            ratios = [f"{row['ratio_median']:.3f}", f"{row['ratio_min']:.3f}"]
        rows.append(row)
        note = f"  {core_type}" if core_type else ""
        print(f"{name:20} {cells(row['ours'])}   {cells(row['torch'])}   {ratios[0]:>9} {ratios[1]:>9}{note}", flush=True)

    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"threads": arguments.threads, "rounds": arguments.rounds, "seconds": arguments.seconds,
                       "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
