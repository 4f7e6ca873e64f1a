#!/usr/bin/env bash
# Installs what is missing, builds everything, and runs the whole suite but its slow tests. Arguments go to ctest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages "${build_packages[@]}" catch2
build_release -DSOBOGRAD_TESTS=ON --
# The tests use all cores themselves, so that half as many at once keep them busy.
exec ctest --test-dir build --output-on-failure -LE slow --parallel "$((($(nproc) + 1) / 2))" "$@"
