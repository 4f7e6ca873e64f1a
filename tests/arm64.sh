#!/usr/bin/env bash
# Builds the engine and its tests for arm64 with Debian's cross compiler, and runs the numeric ones under qemu's emulation of that processor.
# The libraries for arm64 are unpacked into build-arm64/packages: the system's own stay as they are. Arguments are the tests to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. apps/common/setup.sh
need_packages cmake ninja-build g++-aarch64-linux-gnu qemu-user
libraries=(libfmt9 libfmt-dev libopenblas0-pthread libopenblas-pthread-dev libgfortran5 zlib1g zlib1g-dev libsleef3 libsleef-dev
           libfftw3-double3 libfftw3-single3 libfftw3-dev catch2 libstb-dev)
packages=$PWD/build-arm64/packages
if [ ! -f "$packages/complete" ]; then
  rm -rf "$packages"
  mkdir -p "$packages"
  if ! dpkg --print-foreign-architectures | grep -q '^arm64$'; then
    dpkg --add-architecture arm64
    apt-get update -q
  fi
  (cd "$packages" && apt-get download -q "${libraries[@]/%/:arm64}" libcli11-dev nlohmann-json3-dev && for package in *.deb; do dpkg -x "$package" .; done)
  touch "$packages/complete"
fi
cmake -S . -B build-arm64 -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE=tests/arm64.cmake -DSOBOGRAD_MPI=OFF >build-arm64/configure.log ||
  { cat build-arm64/configure.log; exit 1; }
cmake --build build-arm64 --parallel "${JOBS:-$(nproc)}" --target engine_tests
folder=$packages/usr/lib/aarch64-linux-gnu
[ $# -gt 0 ] || set -- "~[slow]" "~[threads]"
exec qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$folder:$folder/openblas-pthread" build-arm64/tests/engine_tests "$@"
