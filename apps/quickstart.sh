#!/usr/bin/env bash
# Installs what is missing, builds, and trains the denoiser on the embedded digits. Arguments go to mnist_denoise.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started_in=$PWD
cd "$here"
. apps/common/setup.sh
need_packages "${build_packages[@]}"
build_release -DSOBOGRAD_TESTS=OFF -- mnist_denoise
cd "$started_in"
exec "$here/build/apps/mnist_denoise" "$@"
