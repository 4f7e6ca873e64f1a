#!/usr/bin/env bash
# Long runs: `soak.sh MINUTES` (after a build) trains with regression under h2, ddim and image_autoencoder at the same time, a thread each, for that long, and
# prints how the memory of each grew after the first minute, and its steps a second by sixths of the time: both have to be flat.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ "${1:-}" =~ ^[0-9]+$ ]] || { echo "usage: $0 MINUTES" >&2; exit 2; }
seconds=$(($1 * 60))
place=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null || true; wait; rm -rf "$place"' EXIT

soak() {
  local name=$1 start now pid
  shift
  "$@" --threads 1 --steps 1000000000 --quiet --out "$place/$name" >"$place/$name.log" 2>&1 &
  pid=$!
  trap "kill $pid 2>/dev/null || true" EXIT  # of this soak's own shell
  start=$SECONDS
  while now=$((SECONDS - start)); [ $now -lt "$seconds" ] && kill -0 $pid 2>/dev/null; do
    awk -v now=$now '/VmRSS/ {print now, $2}' /proc/$pid/status >>"$place/$name.memory"
    sleep 5
  done
  kill -0 $pid 2>/dev/null || { echo "$name ended by itself:" >&2; tail -3 "$place/$name.log" >&2; return 1; }
  kill -INT $pid
  wait $pid || true
  trap - EXIT
  awk -v name="$name" '
    $1 >= 60 && !first {first = $2}
    {last = $2}
    END {printf "| `%s` | %.1f | %.1f | %+.2f %% |", name, first / 1024, last / 1024, 100 * (last / first - 1)}' "$place/$name.memory"
  awk -F, -v seconds="$seconds" '
    NR > 1 {part = int(6 * $3 / seconds); if (part > 5) part = 5; if (!(part in begin)) {begin[part] = $3; step[part] = $1} end[part] = $3; to[part] = $1}
    END {for (p = 0; p < 6; ++p) printf "%s%.4g", p ? ", " : " ", (to[p] - step[p]) / (end[p] - begin[p]); print " |"}' "$place/$name/metrics.csv"
}

echo "| run | MB after a minute | at the end | growth | steps a second, by sixths |"
echo "|---|---|---|---|---|"
soak regression build/apps/regression fit --loss h2 --activation tanh --cosine-steps 0 &
soak ddim build/apps/ddim train --loss h1 --sample-every 0 &
soak image_autoencoder build/apps/image_autoencoder --loss h1 --cosine-steps 0 &
wait -n && wait -n && wait -n
