#!/usr/bin/env bash
# Builds with assertions and sanitizers, and runs all tests but those tagged [slow] or [release]: `sanitize.sh asan` builds everything with clang
# and its warnings as errors, for the sanitizers of addresses and undefined behaviour; `sanitize.sh tsan` takes the engine's and the threads'
# tests alone, for that of threads. Further arguments go to ctest, of tsan to the tests' binary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
case "${1:-}" in
  asan) target=all compiler=clang++-14 flag=-fsanitize=address,undefined packages=(clang-14 libclang-rt-14-dev llvm-14) ;;
  tsan) target=engine_tests compiler=c++ flag=-fsanitize=thread packages=() ;;
  *) echo "usage: $0 asan|tsan [TESTS...]" >&2; exit 2 ;;
esac
preset=$1
shift
need_packages "${build_packages[@]}" catch2 "${packages[@]}"

probe=$(mktemp)
# Under some kernels' randomisation of addresses the thread sanitizer cannot map its memory, and a jail may keep the address sanitizer from
# looking for leaks; then nothing can be said.
echo 'int main() {}' | "$compiler" -x c++ "$flag" -o "$probe" -
for _ in 1 2 3 4 5; do
  "$probe" || { rm -f "$probe"; echo "sanitize.sh $preset: no program of this sanitizer runs here: left out" >&2; exit 0; }
done
rm -f "$probe"
cmake --preset "$preset" >/dev/null
cmake --build "build-$preset" --parallel "$(nproc)" --target "$target"
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
if [ "$preset" = tsan ]; then exec build-tsan/tests/engine_tests "~[slow]~[release]" "$@"; fi
# As many tests at once as there are cores: instrumented code seldom keeps a second one busy.
exec ctest --test-dir build-asan --output-on-failure --parallel "$(nproc)" -LE "slow|release" "$@"
