# Set-up that quickstart.sh and tests/run.sh share: packages of the system, and the build. Sourced, not run.

# need_packages NAME...: installs those of the Debian or Ubuntu packages that are not there; asks nothing.
need_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    [ -n "${SOBOGRAD_SKIP_PACKAGES:-}" ] && return
    echo "$0: this is neither Debian nor Ubuntu. Install what these packages of theirs hold: $*" >&2
    echo "$0: then run again with the variable SOBOGRAD_SKIP_PACKAGES=1 set" >&2
    exit 1
  fi
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "$0: these packages are missing, and neither root nor sudo is at hand: ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "Installing ${missing[*]}"
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
  # The lists of a fresh machine are empty or old: then they are fetched, and the packages after them.
  "${install[@]}" </dev/null >/dev/null 2>&1 && return
  "${as_root[@]}" apt-get update -q </dev/null || true
  if ! "${install[@]}" </dev/null; then
    echo "$0: these packages could not be installed: ${missing[*]}" >&2
    exit 1
  fi
}

build_packages=(g++ cmake ninja-build ccache libopenblas-dev libfmt-dev libsleef-dev libfftw3-dev zlib1g-dev libcli11-dev nlohmann-json3-dev
                libstb-dev gnuplot-nox)

# build_release OPTIONS -- TARGET...: configures build/ in Release with these CMake options and builds the targets (all without any).
build_release() {
  local options=()
  while [ $# -gt 0 ] && [ "$1" != "--" ]; do options+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  local targets=()
  [ $# -gt 0 ] && targets=(--target "$@")
  if ! configure "${options[@]}"; then
    # A build folder that came from another place or another generator is begun anew.
    rm -rf build/CMakeCache.txt build/CMakeFiles
    if ! configure "${options[@]}"; then
      cat build/configure.log >&2
      echo "$0: the build could not be configured" >&2
      exit 1
    fi
  fi
  cmake --build build --parallel "$(nproc)" "${targets[@]}"
}

configure() {
  mkdir -p build
  if command -v ninja >/dev/null; then
    cmake --preset release "$@" >build/configure.log 2>&1
  else
    cmake -S . -B build -DCMAKE_BUILD_TYPE=Release "$@" >build/configure.log 2>&1
  fi
}
