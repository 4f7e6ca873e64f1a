#!/usr/bin/env bash
# Compiles everything with GCC and its warnings as errors, and links it with link-time information: a type or a function that two files define
# differently is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages "${build_packages[@]}" catch2
cmake --preset odr >/dev/null
cmake --build build-odr --parallel "$(nproc)" --target tests mnist_denoise image_autoencoder ddim regression theory
echo "odr: one definition each, without a warning"
