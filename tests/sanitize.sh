#!/usr/bin/env bash
# Builds with assertions and with sanitizers, and runs tests: `sanitize.sh asan` all but the slow ones with those of addresses and undefined
# behaviour, `sanitize.sh tsan` the engine's and the threads' with that of threads. Further arguments go to the tests' binary.
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
[ $# -gt 0 ] || set -- "~[slow]"
need_packages "${build_packages[@]}" catch2
if [ "$preset" = tsan ]; then
  # Under some kernels' randomisation of addresses GCC's thread sanitizer cannot map its memory; then nothing can be said.
  probe=$(mktemp)
  echo 'int main() {}' | c++ -x c++ -fsanitize=thread -o "$probe" -
  for _ in 1 2 3 4 5; do
    "$probe" || { rm -f "$probe"; echo "sanitize.sh tsan: this kernel runs no program of the thread sanitizer: left out" >&2; exit 0; }
  done
  rm -f "$probe"
fi
cmake --preset "$preset" >/dev/null
cmake --build "build-$preset" --parallel "$(nproc)" --target "$target"
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
exec "build-$preset/tests/$target" "$@"
