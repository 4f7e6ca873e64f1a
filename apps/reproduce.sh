#!/usr/bin/env bash
# Installs what is missing, builds, and reproduces the paper's figures: apps/reproduce.sh [--quick|--full] [FIGURE ...]
# It goes on where it was interrupted, and leaves one folder with index.html. --help tells more.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started_in=$PWD
cd "$here"
. apps/common/setup.sh
need_packages "${build_packages[@]}"
build_release -DSOBOGRAD_TESTS=OFF -- reproduce regression theory mnist_denoise image_autoencoder ddim
cd "$started_in"
exec "$here/build/apps/reproduce" "$@"
