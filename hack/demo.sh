#!/usr/bin/env bash
# Thanos over a Prometheus that knows nothing of it, on a real cluster. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=hack/demo/common.sh
source hack/demo/common.sh
# shellcheck source=hack/demo/install.sh
source hack/demo/install.sh
# shellcheck source=hack/demo/show.sh
source hack/demo/show.sh
# shellcheck source=hack/demo/sidecar.sh
source hack/demo/sidecar.sh
# shellcheck source=hack/demo/store.sh
source hack/demo/store.sh
# shellcheck source=hack/demo/receive.sh
source hack/demo/receive.sh
# shellcheck source=hack/demo/ruler.sh
source hack/demo/ruler.sh

usage() {
  cat <<'HELP'
Thanos over a Prometheus that knows nothing of it, on a real cluster.

  hack/demo.sh                  start a local cluster with Prometheus Operator, a Prometheus of two
                                replicas and an Alertmanager; install the controllers; point a ThanosQuery
                                at the Prometheus; show what comes of it. Then Prometheus uploads to an object
                                store and loses its data, and a ThanosStore still has it; and it writes to a ThanosReceive,
                                one of whose ingesters is scaled away. A ThanosRuler evaluates what rules there are, a bad one
                                among them. The cluster stays up.
  hack/demo.sh --context NAME   the same with a cluster of yours that runs Prometheus Operator. Installs
                                the overlay deploy/overlays/existing-prometheus-operator and one
                                ThanosQuery, all in the namespace thanos-system, and nothing else.
Options:
  --full           also switch the Prometheus' own sidecar on and watch the queriers follow; 4 minutes more
  --keep           leave the local cluster up if the demo fails
  --name NAME      name of the local cluster (demo)
  --image IMAGE    with --context: the image of thanos-query-controller, if the cluster is not one of kind
                   and k3d. Those of the other controllers have their names in place of this one
  --store-image IMAGE, --receive-image IMAGE, --ruler-image IMAGE
                   with --image: the images of the other controllers, if their names are others
  --test-fixtures  into the cluster of KUBECONFIG, which hack/cluster.sh started: Prometheus Operator,
                   Prometheus, Alertmanager and the controllers, whose images the node has, then stop
HELP
}

usage_error() {
  printf 'demo.sh: %s (see hack/demo.sh --help)\n' "$*" >&2
  exit 2
}

MODE=local NAME=demo CONTEXT='' IMAGE='' STORE_IMAGE='' RECEIVE_IMAGE='' RULER_IMAGE='' KEEP='' FULL=''
while (($#)); do
  case $1 in
    --context | --name | --image | --store-image | --receive-image | --ruler-image)
      [[ -n ${2:-} ]] || usage_error "$1 needs a value"
      option=${1#--}
      option=${option//-/_}
      printf -v "${option^^}" %s "$2"
      shift
      ;;
    --full) FULL=1 ;;
    --keep) KEEP=1 ;;
    --test-fixtures) MODE=fixtures ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done
if [[ -n $CONTEXT ]]; then
  [[ $MODE == local ]] || usage_error "--context and --test-fixtures exclude each other"
  [[ -z $FULL ]] || usage_error "--full restarts a Prometheus, and --context leaves yours alone"
  MODE=context
elif [[ -n $IMAGE ]]; then
  usage_error "--image needs --context"
fi
if [[ -n $IMAGE ]]; then
  STORE_IMAGE=${STORE_IMAGE:-${IMAGE//thanos-query-controller/thanos-store-controller}}
  RECEIVE_IMAGE=${RECEIVE_IMAGE:-${IMAGE//thanos-query-controller/thanos-receive-controller}}
  RULER_IMAGE=${RULER_IMAGE:-${IMAGE//thanos-query-controller/thanos-ruler-controller}}
  [[ $STORE_IMAGE != "$IMAGE" && $RECEIVE_IMAGE != "$IMAGE" && $RULER_IMAGE != "$IMAGE" ]] ||
    usage_error "$IMAGE does not have thanos-query-controller in its name: say --store-image, --receive-image and --ruler-image as well"
elif [[ -n $STORE_IMAGE$RECEIVE_IMAGE$RULER_IMAGE ]]; then
  usage_error "--store-image, --receive-image and --ruler-image need --image"
fi

# After a failure, the cluster is dumped and deleted; --keep keeps it.
# A folder and a process to remove when the script ends, and whether a failure deletes the cluster.
SCRATCH=
QUERYING=
UP=
ended() {
  local code=$?
  trap - EXIT INT TERM
  [[ -z $QUERYING ]] || kill "$QUERYING" 2>/dev/null || true
  [[ -z $SCRATCH ]] || rm -rf "$SCRATCH"
  if ((code != 0)) && [[ -n $STEP ]]; then
    printf 'demo.sh: failed at: %s\n' "$STEP" >&2
  fi
  if ((code != 0)) && [[ -n $UP ]]; then
    if [[ -n $KEEP ]]; then
      echo "The cluster is still up: eval \"\$(hack/cluster.sh env --name $NAME)\"" >&2
    else
      local dump
      dump=$(mktemp -d "${TMPDIR:-/tmp}/thanos-demo-XXXXXX")
      hack/cluster.sh dump "$dump" --name "$NAME" >/dev/null 2>&1 || true
      printf 'A dump of the cluster is in %s; --keep would leave the cluster up.\n' "$dump" >&2
      hack/cluster.sh down --name "$NAME" >&2 || true
    fi
  fi
  exit "$code"
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

case $MODE in
  local)
    require_rust
    build_controllers
    begin "local cluster $NAME"
    # One that was up before stays up, whatever happens.
    [[ $(hack/cluster.sh status --name "$NAME") == node ]] || UP=1
    hack/cluster.sh up --name "$NAME"
    eval "$(hack/cluster.sh env --name "$NAME")"
    finish
    load_controllers
    remove_earlier
    install_prometheus_operator
    install_prometheus
    remember_prometheus
    install_controllers
    show_discovery
    show_other_namespace
    show_applications
    if [[ -n $FULL ]]; then show_sidecars; fi
    show_store
    show_receive
    show_ruler
    STEP=
    further_local
    ;;
  context)
    require kubectl "https://kubernetes.io/docs/tasks/tools"
    find_prometheus_operator
    if [[ -z $IMAGE ]]; then
      require_rust
      build_controllers
      import_controllers
    fi
    install_controllers
    show_context
    STEP=
    further_context
    ;;
  fixtures)
    [[ -n ${KUBECONFIG:-} && -n ${THANOS_CLUSTER_NAME:-} && -n ${PROMETHEUS_OPERATOR_CRDS:-} ]] ||
      usage_error "--test-fixtures needs the environment that hack/cluster.sh env prints"
    install_prometheus_operator
    install_prometheus
    install_controllers
    STEP=
    ;;
esac
