# shellcheck shell=bash
# Brings the cluster into the initial state of the demo.

CONTROLLERS=(thanos-query-controller thanos-receive-controller thanos-ruler-controller thanos-store-controller)
# Where their programs are.
BINARIES=

# As the overlays name it.
tag() { echo "registry.example.com/thanos-operator/$1:v0.1.0"; } # CONTROLLER

# The image of a controller: by default the one that the demo builds.
image() { # CONTROLLER
  case $1 in
    thanos-query-controller) echo "${IMAGE:-$(tag "$1")}" ;;
    thanos-receive-controller) echo "${RECEIVE_IMAGE:-$(tag "$1")}" ;;
    thanos-ruler-controller) echo "${RULER_IMAGE:-$(tag "$1")}" ;;
    thanos-store-controller) echo "${STORE_IMAGE:-$(tag "$1")}" ;;
  esac
}

build_controllers() {
  local controller
  local -a packages=()
  BINARIES=${CARGO_TARGET_DIR:-target}/demo
  for controller in "${CONTROLLERS[@]}"; do packages+=(-p "$controller"); done
  begin "built ${CONTROLLERS[*]}"
  cargo build --locked --profile demo "${packages[@]}"
  finish
}

load_controllers() {
  local controller
  for controller in "${CONTROLLERS[@]}"; do
    begin "put the image $(tag "$controller") on the node"
    hack/cluster.sh load-image "$(tag "$controller")" "$BINARIES/$controller" --name "$NAME"
    finish
  done
}

# Images of the controllers for a cluster that the demo did not create.
import_controllers() {
  local controller
  case $CONTEXT in
    kind-*) require kind "https://kind.sigs.k8s.io" ;;
    k3d-*) require k3d "https://k3d.io" ;;
    *) die "$CONTEXT is neither kind nor k3d: push images of ${CONTROLLERS[*]} and say --image IMAGE" ;;
  esac
  SCRATCH=$(mktemp -d)
  for controller in "${CONTROLLERS[@]}"; do
    begin "put the image $(tag "$controller") into $CONTEXT"
    image_archive "$controller"
    case $CONTEXT in
      kind-*) kind load image-archive "$SCRATCH/$controller.tar" --name "${CONTEXT#kind-}" ;;
      k3d-*) k3d image import "$SCRATCH/$controller.tar" --cluster "${CONTEXT#k3d-}" ;;
    esac
    finish
  done
}

# An archive of the image as the local cluster's own are, in $SCRATCH.
image_archive() { # CONTROLLER
  local library binary=$BINARIES/$1
  local -a files=("$binary=/bin/$1")
  # The libraries of a program that is not static.
  for library in $(ldd "$binary" 2>/dev/null | grep -o '/[^ ]*'); do files+=("$library=$library"); done
  (
    # shellcheck disable=SC2034 # read by the parts
    HACK_DIR=$PWD/hack
    for part in common programs images; do
      # shellcheck source=/dev/null
      source "hack/cluster/$part.sh"
    done
    make_image "$SCRATCH/$1.tar" "$(tag "$1")" "/bin/$1" 65532 / "${files[@]}"
  )
}

# With --context, it must be installed already.
find_prometheus_operator() {
  local kind
  begin "found Prometheus Operator in $CONTEXT"
  kube get --raw /version >/dev/null 2>&1 || die "the cluster of the context $CONTEXT does not answer: kubectl --context $CONTEXT version"
  for kind in servicemonitors prometheuses; do
    kube get crd "$kind.monitoring.coreos.com" >/dev/null 2>&1 ||
      die "the cluster of the context $CONTEXT has no $kind.monitoring.coreos.com: install Prometheus Operator, or run the demo without --context"
  done
  finish
}

install_prometheus_operator() {
  begin "Prometheus Operator runs"
  apply -f "$PROMETHEUS_OPERATOR_CRDS"
  kube wait -f "$PROMETHEUS_OPERATOR_CRDS" --for=condition=Established --timeout=30s >/dev/null
  apply -k e2e/fixtures/prometheus-operator
  wait_for 120 monitoring deployment/prometheus-operator --for=condition=Available
  finish
}

# Deletes the objects of an earlier demo and waits for its pods: a restarted Prometheus would scrape them until
# they are deleted, one replica more often than the other.
remove_earlier() {
  kube get crd thanos{queries,receives,rulers,stores}.monitoring.thanos.io >/dev/null 2>&1 || return 0
  begin "the objects of an earlier demo are deleted"
  kube delete -f e2e/fixtures/demo -f e2e/fixtures/demo/store -f e2e/fixtures/demo/receive -f e2e/fixtures/demo/ruler --ignore-not-found --cascade=foreground --timeout=180s >/dev/null
  finish
}

install_prometheus() {
  begin "Prometheus monitoring/k8s with 2 replicas and Alertmanager monitoring/main run"
  # A demo has left sidecars behind; this one starts without.
  if [[ -n $(kube -n monitoring get prometheus k8s --ignore-not-found -o jsonpath='{.spec.thanos}') ]]; then
    kube -n monitoring delete prometheus k8s --cascade=foreground --timeout=90s >/dev/null
  fi
  apply -k e2e/fixtures/kube-prometheus
  wait_for 180 monitoring prometheus/k8s --for=jsonpath='{.status.availableReplicas}'=2
  wait_for 180 monitoring alertmanager/main --for=jsonpath='{.status.availableReplicas}'=1
  finish
}

install_controllers() {
  local overlay=deploy/overlays/existing-prometheus-operator controller
  local -a substitutions=() existed=()
  begin "${CONTROLLERS[*]} run"
  for controller in "${CONTROLLERS[@]}"; do
    substitutions+=(-e "s|image: $(tag "$controller")|image: $(image "$controller")|")
    if kube -n thanos-system get deployment "$controller" >/dev/null 2>&1; then existed+=("$controller"); fi
  done
  apply -k deploy/overlays/crds
  kube kustomize "$overlay" | sed "${substitutions[@]}" | apply -f -
  # The same tag may hold another program now.
  for controller in "${existed[@]}"; do
    kube -n thanos-system rollout restart "deployment/$controller" >/dev/null
  done
  kube wait crd/thanosqueries.monitoring.thanos.io crd/thanosstores.monitoring.thanos.io --for=condition=Established --timeout=30s >/dev/null
  for controller in "${CONTROLLERS[@]}"; do rolled_out 120 thanos-system "$controller"; done
  finish
}

rolled_out() { # SECONDS NAMESPACE DEPLOYMENT
  kube -n "$2" rollout status "deployment/$3" --timeout="$1s" >/dev/null 2>&1 && return 0
  {
    printf 'demo.sh: the Deployment %s in %s did not roll out within %d s\n' "$3" "$2" "$1"
    explain "$2" "deployment/$3"
    printf -- '--- its log\n'
    kube -n "$2" logs "deployment/$3" --tail=15 || true
  } >&2
  return 1
}
