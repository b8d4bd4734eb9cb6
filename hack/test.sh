#!/usr/bin/env bash
# Runs the tests.
#
#   hack/test.sh quick   format, lints, unit and golden tests, drift of generated files
#   hack/test.sh api     against a real API server
#   hack/test.sh node    against a whole node with Thanos, Prometheus Operator and Prometheus
#   hack/test.sh         all of them
#
# With THANOS_TEST_LONG=1, also those tests that take long.
#
# It starts the cluster that it needs and stops it afterwards. If a test fails, a dump of the cluster
# is left behind and its place is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=${1:-all}
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
# Goldens are compared, never rewritten; see CONTRIBUTING.md for how to rewrite them.
export INSTA_UPDATE=${INSTA_UPDATE:-no}

started=$SECONDS
step() { printf '==> [%4ds] %s\n' $((SECONDS - started)) "$*"; }

# Every build is one of the whole workspace and of a test, whatever it selects: features of dependencies are
# those of the packages, and of their dev-dependencies if a test is built, so that others would be compiled anew.
WITH_CLUSTER_TESTS=(--workspace --features "e2e/api,e2e/node")
programs=${CARGO_TARGET_DIR:-target}/debug

quick() {
  step "format"
  cargo fmt --all --check
  step "lints"
  cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings
  step "words"
  hack/check-words.sh
  step "dependencies between crates"
  hack/check-crates.sh
  step "build"
  cargo build --quiet --workspace --all-targets
  step "generated files"
  "$programs/xtask" --check all
  hack/promql-table.sh --check
  step "dependencies"
  hack/check-deny.sh
  step "scripts"
  hack/check-scripts.sh
  step "unit, golden and property tests"
  cargo test --workspace --all-targets
}

# Starts a cluster, runs one suite of the crate e2e against it, stops it.
with_cluster() {
  local name=$1 suite=$2 program
  local -a selected
  shift 2
  step "build the controllers and the $suite tests"
  for program in thanos-{query,receive,ruler,store}-controller kubectl-thanos; do selected+=(--bin "$program"); done
  [ "$suite" != node ] || selected+=(--test install)
  cargo build --quiet "${WITH_CLUSTER_TESTS[@]}" "${selected[@]}" --test "$suite"
  step "cluster $name up $*"
  hack/cluster.sh up --name "$name" "$@"
  cluster=$name
  eval "$(hack/cluster.sh env --name "$name")"
  "prepare_$suite"
  "run_$suite"
  step "cluster $name down"
  hack/cluster.sh down --name "$name"
  cluster=
}

# Runs one test program of the crate e2e; if it fails, leaves a dump of the cluster.
run_tests() {
  local program=$1 threads=$2 failed=0 dump
  shift 2
  local -a long=()
  [ -z "${THANOS_TEST_LONG:-}" ] || long=(--include-ignored)
  cargo test "${WITH_CLUSTER_TESTS[@]}" --test "$program" -- --test-threads="$threads" --nocapture \
    "${long[@]}" "$@" || failed=$?
  if [ "$failed" -ne 0 ]; then
    dump=$(mktemp -d "${TMPDIR:-/tmp}/thanos-$program-XXXXXX")
    hack/cluster.sh dump "$dump" --name "$cluster" || true
    echo "$program tests failed; a dump of the cluster is in $dump" >&2
    return "$failed"
  fi
}

run_api() {
  step "api tests"
  # Prometheus Operator as a process: its handling of rules needs no node.
  PROMETHEUS_OPERATOR=$(hack/cluster.sh build operator)
  NEWEST_PROMETHEUS_OPERATOR=$(hack/cluster.sh build operator-newest)
  export PROMETHEUS_OPERATOR NEWEST_PROMETHEUS_OPERATOR
  run_tests api 3
}

# Tests with namespaces of their own, which mostly wait: the lines run in parallel.
APART=(
  "receive::changes receive::deletion receive::walk"
  "receive::drain receive::loopback rulers::evidence rulers::namesake rulers::refused rulers::tenants"
)

run_node() {
  local failed=0 lane name logs
  local -a names apart=() skip=()
  read -ra names <<<"${APART[*]}"
  for name in "${names[@]}"; do skip+=(--skip "$name"); done
  step "node tests; ${APART[*]} go on meanwhile, and are shown after the others"
  logs=$(mktemp -d)
  for lane in "${!APART[@]}"; do
    read -ra names <<<"${APART[$lane]}"
    run_tests node 1 "${names[@]}" >"$logs/$lane" 2>&1 &
    apart+=($!)
  done
  # The others share one Prometheus.
  run_tests node 1 "${skip[@]}" || failed=$?
  for lane in "${!APART[@]}"; do
    wait "${apart[$lane]}" || failed=$?
    cat "$logs/$lane"
  done
  rm -rf "$logs"
  [ "$failed" -eq 0 ] || exit "$failed"
}

# A test cluster must not outlive the tests, however they end.
cluster=
stop_cluster() {
  if [ -n "$cluster" ]; then hack/cluster.sh down --name "$cluster"; fi
}
trap stop_cluster EXIT
trap 'exit 130' INT TERM

prepare_api() {
  kubectl apply --server-side -k deploy/overlays/existing-prometheus-operator >/dev/null
}

prepare_node() {
  local program stripped
  # Line tables are most of a program, and an image is copied several times.
  stripped=$(mktemp -d)
  for program in thanos-{query,receive,ruler,store}-controller forgetful; do
    strip --strip-debug -o "$stripped/$program" "$programs/$program"
  done
  for program in thanos-{query,receive,ruler,store}-controller; do
    hack/cluster.sh load-image "docker.io/library/$program:v0.1.0" "$stripped/$program" --name "$cluster"
  done
  # A Thanos that fails to load valid rules; it was built with the tests, whose package has it.
  hack/cluster.sh load-image docker.io/library/forgetful:v0.42.4 "$stripped/forgetful" \
    "$(hack/cluster.sh build thanos):/bin/thanos" --name "$cluster"
  rm -rf "$stripped"
  # From an empty cluster to one that is empty again.
  step "install tests"
  run_tests install 1
  hack/demo.sh --test-fixtures
}

case $suite in
  quick) quick ;;
  api) with_cluster test-api api --control-plane-only ;;
  node) with_cluster test-node node ;;
  all)
    quick
    with_cluster test-api api --control-plane-only
    with_cluster test-node node
    ;;
  -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" ;;
  *)
    echo "unknown suite $suite: quick, api, node or all" >&2
    exit 2
    ;;
esac
step "passed"
