#!/usr/bin/env bash
# Builds with assertions and with sanitizers, and runs tests: `sanitize.sh asan` all but those tagged [slow] or [release] with those of
# addresses and undefined behaviour, `sanitize.sh tsan` the engine's and the threads' with that of threads. Further arguments go to the tests' binary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
case "${1:-}" in
  asan) target=tests ;;
  tsan) target=engine_tests ;;
  *) echo "usage: $0 asan|tsan [TESTS...]" >&2; exit 2 ;;
esac
preset=$1
shift
[ $# -gt 0 ] || set -- "~[slow]~[release]"
need_packages "${build_packages[@]}" catch2
# Under some kernels' randomisation of addresses GCC's thread sanitizer cannot map its memory, and a jail may keep the address sanitizer from
# looking for leaks; then nothing can be said.
case "$preset" in
  asan) flag=-fsanitize=address,undefined ;;
  tsan) flag=-fsanitize=thread ;;
esac
probe=$(mktemp)
echo 'int main() {}' | c++ -x c++ "$flag" -o "$probe" -
for _ in 1 2 3 4 5; do
  "$probe" || { rm -f "$probe"; echo "sanitize.sh $preset: no program of this sanitizer runs here: left out" >&2; exit 0; }
done
rm -f "$probe"
cmake --preset "$preset" >/dev/null
cmake --build "build-$preset" --parallel "$(nproc)" --target "$target"
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
exec "build-$preset/tests/$target" "$@"
