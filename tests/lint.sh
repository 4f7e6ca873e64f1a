#!/usr/bin/env bash
# Runs clang-tidy, with the checks of .clang-tidy, on the library and the applications; or on the files named as arguments. Without precompiled
# headers: every file includes what it uses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages "${build_packages[@]}" catch2 clang-14 clang-tidy-14
cmake --preset lint >/dev/null
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'engine/*.cpp' 'nn/*.cpp' 'losses/*.cpp' 'data/*.cpp' 'apps/*.cpp')
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-14 -p build-lint --quiet
echo "lint: ${#files[@]} files without a finding"
