# The web client: what ./dev needs for it. Sourced like setup.sh, after it.

kNodeLeast=18

node_is_there() {
  command -v npm >/dev/null && command -v node >/dev/null &&
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$kNodeLeast" ]
}

# Node (a machine that has one of $kNodeLeast or newer keeps its own) and the packages of package-lock.json.
setup_web() {
  node_is_there || apt_install nodejs npm
  local stamp=web/node_modules/.installed-lock.json
  if ! cmp -s web/package-lock.json "$stamp"; then
    say "installing what the web client's build needs in web/node_modules"
    npm ci --prefix web --no-audit --no-fund --loglevel=error >&2
    cp web/package-lock.json "$stamp"
  fi
}

# web/dist, unless nothing that it is made of has changed since it was made.
build_web() {
  setup_web
  local parts=(web/src web/public web/index.html web/build.mjs web/vite.config.ts web/tsconfig.json web/package-lock.json)
  [ ! -d web/tv ] || parts+=(web/tv)
  if [ -f web/dist/sw.js ] && [ -z "$(find "${parts[@]}" -newer web/dist/sw.js -print -quit)" ]; then
    return 0
  fi
  npm run --silent build --prefix web
}

# For commands that do without: a machine without network still serves the API.
build_web_if_possible() {
  quietly "building the web client" build_web ||
    say "going on without it: the server will have no page to show"
}

command_web() {
  local what=${1:-build}
  [ $# -gt 0 ] && shift
  case $what in
    build) build_web ;;
    dev) setup_web && cd web && exec npx vite "$@" ;;
    ipk) setup_web && exec node web/webos/package.mjs "$@" ;;
    test) test_web "$@" ;;
    *)
      echo "usage: ./dev web [build | test [unit | dom | tv | xr] | ipk [FOLDER] | dev]" >&2
      return 2
      ;;
  esac
}

# The unit tests, then each shell in a real browser with the real server; or only what is named.
test_web() {
  build_web
  if [ "${1:-unit}" = unit ]; then
    npm run --silent check --prefix web
    npm run --silent test --prefix web
    [ $# -eq 0 ] || return 0
  fi
  setup_packages web
  quietly "building ondol" build_preset release ondol
  fetch_test_data build/release/bin/ondol
  ONDOL_BINARY=$PWD/build/release/bin/ondol node --test --test-reporter=spec --test-concurrency=1 "web/tests/e2e/${1:-}"*.test.mjs
}
