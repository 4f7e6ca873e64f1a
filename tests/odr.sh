#!/usr/bin/env bash
# Compiles everything with GCC and its warnings as errors, and reads the whole with link-time information: a type or a function that two files
# define differently is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages "${build_packages[@]}" catch2
cmake --preset odr >/dev/null
# All files but those that hold a main function, and the tests that engine_tests has a second time.
mapfile -t objects < <(ninja -C build-odr -t targets all | sed -n 's/^\(.*\.cpp\.o\): CXX_COMPILER.*/\1/p' |
  grep -vE '^apps/CMakeFiles/([a-z_]+)\.dir/\1\.cpp|^tests/CMakeFiles/(bench|engine_tests)|catch2_main')
ninja -C build-odr -k 0 "${objects[@]}"
# The linker merges types and symbols, which is what finds the collisions, and makes no code.
cd build-odr
c++ -flto -r -flinker-output=rel -Wodr -Werror=odr -o everything.o "${objects[@]}"
rm everything.o
echo "odr: ${#objects[@]} files with one definition each, without a warning"
