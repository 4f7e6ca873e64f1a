#!/usr/bin/env bash
# Fuzzes the readers of files: `fuzz.sh MINUTES [TARGET ...]` gives each target (default: all) that many minutes of a core's time, as many targets
# at once as there are cores, and prints the rows of the table in tests/README.md. What a target has had is kept in build-fuzz/log: stopped and
# started again, it goes on. A finding ends with status 1 and lies in build-fuzz/found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
[[ "${1:-}" =~ ^[0-9]+$ ]] || { echo "usage: $0 MINUTES [TARGET ...]" >&2; exit 2; }
export minutes=$1
shift
need_packages "${build_packages[@]}" clang-14 libclang-rt-14-dev llvm-14 python3 time
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
/usr/bin/python3 tests/fuzz/make_corpus.py seeds build-fuzz/seeds
mkdir -p build-fuzz/log
targets=("$@")
if [ ${#targets[@]} = 0 ]; then mapfile -t targets < <(ls build-fuzz/seeds); fi

# Other programs may have taken the five seconds: a finding is what shows again, and takes five of the processor's own.
showed_once_only() {
  local file
  for file in "build-fuzz/found/$1-finding-"*; do
    [ -e "$file" ] || continue  # no finding: the slice was interrupted
    if (ulimit -t 5 && SOBOGRAD_FUZZ_TARGET=$1 build-fuzz/tests/fuzz -timeout=60 -malloc_limit_mb=1024 "$file") \
      >"build-fuzz/log/$1.finding" 2>&1; then
      rm "$file"
    else
      echo "$1: $file: see build-fuzz/log/$1.finding" >&2
      return 1
    fi
  done
}

fuzz() {
  local target=$1 log=build-fuzz/log/$1 found=build-fuzz/found/$1
  mkdir -p "$found"
  touch "$log.seconds"
  # In slices, whose processor time is added up: what other programs take does not count.
  while [ "$(awk '{s += $1 + $2} END {print int(s)}' "$log.seconds")" -lt $((minutes * 60)) ]; do
    SOBOGRAD_FUZZ_TARGET=$target /usr/bin/time -f '%U %S' -a -o "$log.seconds" \
      build-fuzz/tests/fuzz -timeout=5 -malloc_limit_mb=1024 -max_len=4096 -max_total_time=60 -print_final_stats=1 \
      -report_slow_units=60 -artifact_prefix="$found-finding-" "$found" "build-fuzz/seeds/$target" >"$log.last" 2>&1 || showed_once_only "$target"
    awk '/number_of_executed_units/ {print $2}' "$log.last" >>"$log.executions"
    grep -o 'cov: [0-9]*' "$log.last" | tail -1 >"$log.coverage"
  done
  echo "| \`$target\` | $(awk '{s += $1} END {print s}' "$log.executions") | $(awk '{s += $1 + $2} END {print int(s)}' "$log.seconds")" \
    "| $(cut -d' ' -f2 "$log.coverage") | $(find "$found" -type f | wc -l) |"
}
export -f fuzz showed_once_only
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'fuzz {}'
