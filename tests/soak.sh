#!/usr/bin/env bash
# Long runs: `soak.sh MINUTES` (after a build) trains with regression under h2, ddim and image_autoencoder at the same time, a thread each, for that long, and
# prints the memory of each, taken every second, from its second minute on and at the end, five minutes each (less in a
# short soak), and its steps a second by sixths of the time: both have to be flat. The median is that of training, the
# most that of the evaluations between epochs.
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
    sleep 1
  done
  kill -0 $pid 2>/dev/null || { echo "$name ended by itself:" >&2; tail -3 "$place/$name.log" >&2; return 1; }
  kill -INT $pid
  wait $pid || true
  trap - EXIT
  awk -v name="$name" -v seconds="$seconds" '
    function sort(numbers, count,   i, j, kept) {
      for (i = 2; i <= count; ++i) {
        kept = numbers[i]
        for (j = i - 1; j > 0 && numbers[j] > kept; --j) numbers[j + 1] = numbers[j]
        numbers[j + 1] = kept
      }
    }
    BEGIN {window = (seconds - 60) / 2; if (window > 300) window = 300}
    $1 >= 60 && $1 < 60 + window {begin[++begins] = $2}
    $1 >= seconds - window {end[++ends] = $2}
    END {
      sort(begin, begins)
      sort(end, ends)
      a = begin[int((begins + 1) / 2)]; b = end[int((ends + 1) / 2)]
      printf "| `%s` | %.1f, %.1f | %.1f, %.1f | %+.2f %%, %+.2f %% |", name, a / 1024, begin[begins] / 1024, b / 1024, end[ends] / 1024, 100 * (b / a - 1), 100 * (end[ends] / begin[begins] - 1)
    }' "$place/$name.memory"
  awk -F, -v seconds="$seconds" '
    NR > 1 {part = int(6 * $3 / seconds); if (part > 5) part = 5; if (!(part in begin)) {begin[part] = $3; step[part] = $1} end[part] = $3; to[part] = $1}
    END {for (p = 0; p < 6; ++p) printf "%s%.4g", p ? ", " : " ", (to[p] - step[p]) / (end[p] - begin[p]); print " |"}' "$place/$name/metrics.csv"
}

[ "$seconds" -ge 120 ] || { echo "$0: at least two minutes" >&2; exit 2; }
echo "| run | median and most MB after a minute | at the end | growth | steps a second, by sixths |"
echo "|---|---|---|---|---|"
soak regression build/apps/regression fit --loss h2 --activation tanh --cosine-steps 0 &
soak ddim build/apps/ddim train --loss h1 --sample-every 0 &
soak image_autoencoder build/apps/image_autoencoder --loss h1 --cosine-steps 0 &
wait -n && wait -n && wait -n
