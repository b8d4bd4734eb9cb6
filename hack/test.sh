#!/usr/bin/env bash
# Runs the tests.
#
#   hack/test.sh lints   format, lints, dependencies, drift of generated files
#   hack/test.sh quick   lints, and unit, golden and property tests
#   hack/test.sh api     against a real API server
#   hack/test.sh node    against a whole node with Thanos, Prometheus Operator and Prometheus
#   hack/test.sh         all of them
#
# With THANOS_TEST_LONG=1, also those tests that take long.
#
# It starts the clusters that it needs and stops them afterwards. If a test fails, a dump of its cluster
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
controllers=(thanos-query-controller thanos-receive-controller thanos-ruler-controller thanos-store-controller)

quick() {
  lints
  unit
}

lints() {
  # In a folder of their own: builds of tests do not wait for them.
  local folder=${CARGO_TARGET_DIR:-target}/lints
  step "format"
  cargo fmt --all --check
  step "lints"
  CARGO_TARGET_DIR=$folder cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings
  step "words"
  hack/check-words.sh
  step "dependencies between crates"
  CARGO_TARGET_DIR=$folder hack/check-crates.sh
  step "build"
  cargo build --quiet --workspace --all-targets
  step "generated files"
  "$programs/xtask" --check all
  hack/promql-table.sh --check
  step "dependencies"
  hack/check-deny.sh
  step "scripts"
  hack/check-scripts.sh
}

unit() {
  step "unit, golden and property tests"
  cargo test --workspace --all-targets
}

# The controllers, and a suite of the crate e2e.
build_suite() { # TEST...
  local name
  local -a selected=()
  step "build the controllers and the tests: $*"
  for name in "${controllers[@]}" kubectl-thanos; do selected+=(--bin "$name"); done
  for name in "$@"; do selected+=(--test "$name"); done
  cargo build --quiet "${WITH_CLUSTER_TESTS[@]}" "${selected[@]}"
}

# --- clusters and parts: neither outlives the script, however it ends --------------------------------

clusters=()
cluster_up() { # NAME [ARGUMENT...]
  step "cluster $1 up ${*:2}"
  clusters+=("$1")
  hack/cluster.sh up --name "$@"
}

clusters_down() {
  local name
  for name in "${clusters[@]}"; do
    step "cluster $name down"
    hack/cluster.sh down --name "$name"
  done
  clusters=()
}

# What later commands, and parts, work with.
enter_cluster() { # NAME
  eval "$(hack/cluster.sh env --name "$1")"
}

# Parts run at the same time. Each writes a log, which is shown when all have ended.
logs=$(mktemp -d)
declare -A parts=()

start_part() { # NAME COMMAND...: in a session of its own, by whose process group it can be ended
  local name=$1
  shift
  # Before the part has started, too, there is a log to follow.
  : >"$logs/$name"
  setsid "$@" </dev/null >"$logs/$name" 2>&1 &
  parts[$name]=$!
}

# The same, but only while nothing else wants the processors. The scheduler divides time between sessions before it looks
# at processes.
start_idle_part() { # NAME COMMAND...
  local name=$1
  shift
  # shellcheck disable=SC2016 # expanded by the shell that it starts
  setsid chrt --idle 0 bash -c '(echo 19 >/proc/self/autogroup) 2>/dev/null || true; exec "$@"' idle "$@" \
    </dev/null >"$logs/$name" 2>&1 &
  parts[$name]=$!
}

# Shows what the first part prints while it runs, waits for the others and stops the clusters. Then shows the logs of the
# others and, in the end, those of parts that failed. Fails if one did.
finish_parts() { # NAME...
  local name
  local -a passed=() failed=()
  tail -n +1 -f --pid="${parts[$1]}" "$logs/$1"
  for name in "$@"; do
    if ! wait "${parts[$name]}"; then
      failed+=("$logs/$name")
    elif [ "$name" != "$1" ]; then
      passed+=("$logs/$name")
    fi
    unset "parts[$name]"
  done
  clusters_down
  cat "${passed[@]}" "${failed[@]}" </dev/null
  [ ${#failed[@]} -eq 0 ]
}

clean_up() {
  local id
  for id in "${parts[@]}"; do kill -- "-$id" 2>/dev/null || true; done
  clusters_down
  rm -rf "$logs"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Runs one test program of the crate e2e; if it fails, leaves a dump of the cluster.
run_tests() { # PROGRAM THREADS [ARGUMENT...]
  local program=$1 threads=$2 code=0 dump
  shift 2
  local -a long=()
  [ -z "${THANOS_TEST_LONG:-}" ] || long=(--include-ignored)
  cargo test "${WITH_CLUSTER_TESTS[@]}" --test "$program" -- --test-threads="$threads" --nocapture \
    "${long[@]}" "$@" || code=$?
  if [ "$code" -ne 0 ]; then
    dump=$(mktemp -d "${TMPDIR:-/tmp}/thanos-$program-XXXXXX")
    hack/cluster.sh dump "$dump" --name "$THANOS_CLUSTER_NAME" || true
    echo "$program tests failed; a dump of the cluster is in $dump" >&2
    return "$code"
  fi
}

# --- against an API server ---------------------------------------------------------------------------

api() {
  build_suite api
  step "alerts"
  hack/check-alerts.sh
  cluster_up test-api --control-plane-only
  cluster_up test-crds --control-plane-only
  # Prometheus Operator as a process: its handling of rules needs no node.
  PROMETHEUS_OPERATOR=$(hack/cluster.sh build operator)
  NEWEST_PROMETHEUS_OPERATOR=$(hack/cluster.sh build operator-newest)
  HELM=$(hack/cluster.sh build helm)
  export PROMETHEUS_OPERATOR NEWEST_PROMETHEUS_OPERATOR HELM
  step "api tests; those of crds:: run on a cluster of their own, and are shown after the others"
  start_part api hack/test.sh run_api_tests test-api 3 --skip crds::
  # One excludes the other.
  start_part crds hack/test.sh run_api_tests test-crds 1 crds::
  finish_parts api crds
}

run_api_tests() { # CLUSTER THREADS ARGUMENT...
  enter_cluster "$1"
  # The alerts need a CRD that the tests install and delete themselves.
  kubectl apply --server-side -f "$PROMETHEUS_OPERATOR_CRDS"/*_prometheusrules.yaml >/dev/null
  kubectl wait --for=condition=Established --timeout=30s crd/prometheusrules.monitoring.coreos.com >/dev/null
  kubectl apply --server-side -k deploy/overlays/crds >/dev/null
  kubectl apply --server-side -k deploy/overlays/existing-prometheus-operator >/dev/null
  kubectl delete crd prometheusrules.monitoring.coreos.com >/dev/null
  run_tests api "${@:2}"
}

# --- against a node ----------------------------------------------------------------------------------

# Tests with namespaces of their own, which mostly wait, or without a cluster: the lines run in parallel, and take about
# as long as the tests that are not in any.
APART=(
  "arguments:: receive::changes receive::checking receive::drain receive::samples receive::walk rules::"
  "receive::deletion receive::loopback rulers::evidence rulers::namesake rulers::refused rulers::tenants"
)

node() {
  local name
  # What goes on since before is waited for in the end.
  local -a names skip=() others=("${!parts[@]}")
  build_suite node install
  cluster_up test-node
  enter_cluster test-node
  prepare_node
  read -ra names <<<"${APART[*]}"
  for name in "${names[@]}"; do skip+=(--skip "$name"); done
  step "node tests; ${APART[*]} go on meanwhile, and are shown after the others"
  for name in "${!APART[@]}"; do
    read -ra names <<<"${APART[$name]}"
    start_part "apart-$name" hack/test.sh run_tests node 1 "${names[@]}"
    others+=("apart-$name")
  done
  # The others share one Prometheus.
  start_part node hack/test.sh run_tests node 1 "${skip[@]}"
  finish_parts node "${others[@]}"
}

prepare_node() {
  local program stripped
  # Line tables are most of a program, and an image is copied several times.
  stripped=$(mktemp -d)
  for program in "${controllers[@]}" forgetful; do
    strip --strip-debug -o "$stripped/$program" "$programs/$program"
  done
  for program in "${controllers[@]}"; do
    hack/cluster.sh load-image "registry.example.com/thanos-operator/$program:v0.1.0" "$stripped/$program" --name test-node
  done
  # A Thanos that fails to load valid rules; it was built with the tests, whose package has it.
  hack/cluster.sh load-image docker.io/library/forgetful:v0.42.4 "$stripped/forgetful" \
    "$(hack/cluster.sh build thanos):/bin/thanos" --name test-node
  rm -rf "$stripped"
  # From an empty cluster to one that is empty again.
  step "install tests"
  run_tests install 1
  hack/demo.sh --test-fixtures
}

case $suite in
  lints) lints ;;
  quick) quick ;;
  api) api ;;
  node) node ;;
  all)
    start_part fetch hack/cluster.sh fetch
    step "build"
    cargo build --quiet --workspace --all-targets
    unit
    step "build what the api tests need"
    hack/cluster.sh build etcd kube-apiserver kube-controller-manager operator operator-newest helm >/dev/null
    # Tests with a cluster mostly wait: time for what needs only the processors.
    step "lints go on meanwhile, and are shown after the other tests"
    start_idle_part lints hack/test.sh lints
    start_idle_part programs sh -c 'hack/cluster.sh build >/dev/null'
    api
    # If they have failed already, the rest would be in vain.
    kill -0 "${parts[lints]}" 2>/dev/null || finish_parts lints
    node
    ;;
  # Parts of these.
  run_api_tests | run_tests) "$@" ;;
  -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" ;;
  *)
    echo "unknown suite $suite: lints, quick, api, node or all" >&2
    exit 2
    ;;
esac
