# shellcheck shell=bash
# Puts the cluster into the state that the demo starts from.

CONTROLLER=thanos-query-controller
TAG=docker.io/library/$CONTROLLER:v0.1.0
BINARY=

build_controller() { # PROFILE
  local folder=$1
  [[ $1 != dev ]] || folder=debug
  BINARY=${CARGO_TARGET_DIR:-target}/$folder/$CONTROLLER
  begin "built $CONTROLLER ($1)"
  cargo build --locked --profile "$1" -p "$CONTROLLER"
  finish
}

load_controller() {
  begin "put the image $TAG on the node"
  hack/cluster.sh load-image "$TAG" "$BINARY" --name "$NAME"
  finish
}

# An image of the program for a cluster that is not ours.
import_controller() {
  case $CONTEXT in
    kind-*)
      require kind "https://kind.sigs.k8s.io"
      begin "put the image $TAG into $CONTEXT"
      image_archive
      kind load image-archive "$SCRATCH/image.tar" --name "${CONTEXT#kind-}"
      ;;
    k3d-*)
      require k3d "https://k3d.io"
      begin "put the image $TAG into $CONTEXT"
      image_archive
      k3d image import "$SCRATCH/image.tar" --cluster "${CONTEXT#k3d-}"
      ;;
    *) die "$CONTEXT is neither kind nor k3d: push an image of $CONTROLLER and say --image IMAGE" ;;
  esac
  finish
}

# An archive of the image as the local cluster's own are, in $SCRATCH/image.tar.
image_archive() {
  local library
  local -a files=("$BINARY=/bin/$CONTROLLER")
  SCRATCH=$(mktemp -d)
  # The libraries of a program that is not static.
  for library in $(ldd "$BINARY" 2>/dev/null | grep -o '/[^ ]*'); do files+=("$library=$library"); done
  (
    # shellcheck disable=SC2034 # read by the parts
    HACK_DIR=$PWD/hack
    for part in common programs images; do
      # shellcheck source=/dev/null
      source "hack/cluster/$part.sh"
    done
    make_image "$SCRATCH/image.tar" "$TAG" "/bin/$CONTROLLER" 65532 / "${files[@]}"
  )
}

# With --context: it has to be there.
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

install_prometheus() {
  begin "Prometheus monitoring/k8s with 2 replicas and Alertmanager monitoring/main run"
  # A demo with --full has left sidecars behind; this one starts without.
  if [[ -n $(kube -n monitoring get prometheus k8s --ignore-not-found -o jsonpath='{.spec.thanos}') ]]; then
    kube -n monitoring delete prometheus k8s --cascade=foreground --timeout=90s >/dev/null
  fi
  apply -k e2e/fixtures/kube-prometheus
  wait_for 180 monitoring prometheus/k8s --for=jsonpath='{.status.availableReplicas}'=2
  wait_for 180 monitoring alertmanager/main --for=jsonpath='{.status.availableReplicas}'=1
  finish
}

install_controllers() {
  local overlay=deploy/overlays/existing-prometheus-operator existed
  begin "$CONTROLLER runs"
  existed=$(kube -n thanos-system get deployment "$CONTROLLER" --ignore-not-found -o name 2>/dev/null || true)
  kube kustomize "$overlay" | sed "s|image: $CONTROLLER:.*|image: ${IMAGE:-$TAG}|" | apply -f -
  # The same tag may hold another program now.
  [[ -z $existed ]] || kube -n thanos-system rollout restart "deployment/$CONTROLLER" >/dev/null
  kube wait crd/thanosqueries.monitoring.thanos.io --for=condition=Established --timeout=30s >/dev/null
  rolled_out 120 thanos-system "$CONTROLLER"
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
