#!/usr/bin/env bash
# Runs clang-tidy, with the checks of .clang-tidy, on the library and the applications; or on the files named as arguments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages "${build_packages[@]}" catch2 clang-14 clang-tidy-14
configure_for_clang
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'engine/*.cpp' 'nn/*.cpp' 'losses/*.cpp' 'data/*.cpp' 'apps/*.cpp')
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-14 -p build-clang --quiet
echo "lint: ${#files[@]} files without a finding"
