#!/usr/bin/env bash
# Compiles everything with clang and its warnings as errors, without precompiled headers: every file includes what it uses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages "${build_packages[@]}" catch2 clang-14
configure_for_clang
cmake --build build-clang --parallel "$(nproc)"
echo "clang: everything compiles, without a warning"
