#!/usr/bin/env bash
# Measures a controller on a cluster of its own without nodes, and prints a table with the targets.
#
#   hack/bench.sh [--controller query|receive|ruler|store] [--count N] [--monitors N] [--json FILE] [--name NAME]
#
#   --controller C which controller (query)
#   --count N      custom resources (200)
#   --monitors N   ServiceMonitors for the last measurement of query, PrometheusRules for that of
#                  ruler (10000); 0 leaves it out
#   --json FILE    write the figures there too
#   --name NAME    name of the cluster (bench)
#
# Nothing else should run on the machine. A figure that misses its target fails nothing: times depend
# on the machine. What does not depend on it is asserted by hack/test.sh api.
set -euo pipefail
# A relative FILE is meant from where the user is.
from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=bench
controller=query
arguments=()
while (($#)); do
  case $1 in
    -h | --help)
      sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    --name | --json | --count | --monitors | --controller)
      if (($# < 2)); then
        echo "$1 needs a value (see hack/bench.sh --help)" >&2
        exit 2
      fi
      case $1 in
        --name) name=$2 ;;
        --controller)
          case $2 in
            query | receive | ruler | store) controller=$2 ;;
            *)
              echo "unknown controller $2: use query, receive, ruler or store" >&2
              exit 2
              ;;
          esac
          arguments+=("$1" "$2")
          ;;
        --json) arguments+=(--json "$(cd "$from" && realpath -m -- "$2")") ;;
        *) arguments+=("$1" "$2") ;;
      esac
      shift
      ;;
    *)
      echo "unknown argument $1 (see hack/bench.sh --help)" >&2
      exit 2
      ;;
  esac
  shift
done

started=$SECONDS
step() { printf '==> [%4ds] %s\n' $((SECONDS - started)) "$*" >&2; }

step "build the controller and the benchmark, as they are released"
cargo build --quiet --release -p "thanos-$controller-controller"
# On its own: together they would share features, and the controller would not be the released one.
cargo build --quiet --release -p e2e --features api --bin bench
target=${CARGO_TARGET_DIR:-target}/release

cluster=
stop_cluster() {
  if [ -n "$cluster" ]; then hack/cluster.sh down --name "$cluster"; fi
}
trap stop_cluster EXIT
trap 'exit 130' INT TERM

step "cluster $name up"
if [ "$(hack/cluster.sh status --name "$name")" != down ]; then
  echo "cluster $name exists already: hack/cluster.sh down --name $name" >&2
  exit 1
fi
cluster=$name
hack/cluster.sh up --control-plane-only --name "$name"
eval "$(hack/cluster.sh env --name "$name")"
for plural in servicemonitors prometheuses prometheusagents prometheusrules alertmanagers thanosrulers; do
  kubectl apply --server-side -f "$PROMETHEUS_OPERATOR_CRDS"/*_"$plural".yaml >/dev/null
done
kubectl wait --for=condition=Established --timeout=30s crd --all >/dev/null
kubectl apply --server-side -k deploy/overlays/crds >/dev/null
kubectl apply --server-side -k deploy/overlays/existing-prometheus-operator >/dev/null
kubectl wait --for=condition=Established --timeout=30s crd --all >/dev/null

step "measure"
export "THANOS_${controller^^}_CONTROLLER=$(realpath "$target/thanos-$controller-controller")"
"$target/bench" "${arguments[@]}"
