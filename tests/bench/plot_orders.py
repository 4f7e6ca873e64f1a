#!/usr/bin/python3
"""plot_orders.py FIGURES.json OUT.png: the rows mlp_order_N that `compare.py --json` wrote, as curves over N, by gnuplot."""

import json
import subprocess
import sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        rows = json.load(file)["rows"]
    orders = {int(row["workload"].rsplit("_", 1)[1]): row for row in rows if row["workload"].startswith("mlp_order_")}
    points = {side: "\n".join(f"{n} {row[side]['min_ms']}" for n, row in sorted(orders.items()) if row[side])
              for side in ("ours", "torch")}
    subprocess.run(["gnuplot"], check=True, text=True, input=f"""
set terminal pngcairo size 760,420 font 'sans,11'
set output '{sys.argv[2]}'
set logscale y
set key top left
set grid
set xlabel 'order N'
set ylabel 'ms a step (minimum)'
set title 'N derivatives of an MLP by x, and the gradient of a loss on all of them'
$torch << END
{points['torch']}
END
$ours << END
{points['ours']}
END
plot $torch with linespoints lw 2 pt 7 lc rgb '#e06000' title 'PyTorch, nested autograd.grad', \\
     $ours with linespoints lw 2 pt 7 lc rgb '#0b84d8' title 'Sobograd, jets'
""")


if __name__ == "__main__":
    main()
