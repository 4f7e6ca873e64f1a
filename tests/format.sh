#!/usr/bin/env bash
# Checks that every C++ file is as clang-format writes it; with --fix it rewrites those that are not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages clang-format-14
mode=(--dry-run -Werror)
[ "${1:-}" = --fix ] && mode=(-i)
git ls-files -z '*.h' '*.cpp' | xargs -0 clang-format-14 --style=file "${mode[@]}"
echo "format: every file is as clang-format writes it"
