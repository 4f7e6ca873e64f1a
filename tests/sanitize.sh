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
cmake --preset "$preset" >/dev/null
cmake --build "build-$preset" --parallel "$(nproc)" --target "$target"
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
exec "build-$preset/tests/$target" "$@"
