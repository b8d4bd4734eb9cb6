#!/usr/bin/env bash
# Checks the crates: which of the workspace each one may depend on, and that pure crates compile alone,
# without an async runtime or an HTTP client. A build of the whole workspace unifies features and would
# hide a leak.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# crate: crates of the workspace that it may depend on. Controllers never depend on each other.
common="kube-facts promop-compat thanos-api thanos-workload operator-runtime thanos-controller-common"
controllers="thanos-query-controller thanos-store-controller thanos-receive-controller thanos-ruler-controller"
declare -A may=(
  [go-yaml]=""
  [kube-facts]=""
  [thanos-api]=""
  [promop-compat]="kube-facts"
  [thanos-workload]="kube-facts promop-compat thanos-api"
  [thanos-rules]="go-yaml kube-facts"
  [operator-runtime]="kube-facts"
  [thanos-controller-common]="kube-facts promop-compat thanos-api thanos-workload operator-runtime"
  [thanos-query-controller]="$common"
  [thanos-store-controller]="$common"
  [thanos-receive-controller]="$common"
  [thanos-ruler-controller]="$common thanos-rules"
  [operator-inspect]="kube-facts go-yaml promop-compat operator-runtime thanos-controller-common"
  [kubectl-thanos]="$common $controllers operator-inspect"
  [plan-testing]="kube-facts promop-compat thanos-workload operator-runtime thanos-controller-common"
)
pure="go-yaml kube-facts thanos-api promop-compat thanos-rules thanos-workload"

# The first word of each line of `cargo tree`.
dependencies() { cargo tree -e normal --prefix none "$@" | cut -d' ' -f1 | sort -u; }

failed=0
for path in crates/*/; do
  crate=$(basename "$path")
  if [[ -z ${may[$crate]+known} ]]; then
    echo "hack/check-crates.sh does not say what $crate may depend on" >&2
    failed=1
    continue
  fi
  for other in $(dependencies -p "$crate" --depth 1); do
    [[ $other != "$crate" && -d crates/$other && " ${may[$crate]} " != *" $other "* ]] || continue
    echo "$crate must not depend on $other" >&2
    failed=1
  done
done
# As they are released: the tests add features to what the programs depend on.
for crate in $controllers kubectl-thanos; do cargo check --quiet -p "$crate"; done
for crate in $pure; do
  cargo check --quiet -p "$crate"
  leaked=$(dependencies -p "$crate" | grep -xE 'tokio|hyper|hyper-util|reqwest|rustls|tower' || true)
  if [[ -n $leaked ]]; then
    echo "$crate is meant to be pure, and depends on: ${leaked//$'\n'/, }" >&2
    failed=1
  fi
done
exit "$failed"
