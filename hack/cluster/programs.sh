# shellcheck shell=bash disable=SC2034 # other parts use what is set here
# The programs of the local cluster: which ones, from which pinned Go module, and their cache.
#
# Every program is one binary built from `hack/tools/<module>`, kept under
# `<cache>/<program>/<key>/<program>`. The key is a hash of everything that decides the result, so
# that any clone with the same pins finds it, and a changed pin never reuses an old binary.

# Versions that are compiled in or appear in an image's name. The rest is pinned by the go.mod files.
KUBERNETES_VERSION=1.37.2
CONTAINERD_VERSION=2.4.2
COREDNS_VERSION=1.15.0
PAUSE_VERSION=3.10
THANOS_VERSION=0.42.4
PROMETHEUS_VERSION=3.15.0
PROMETHEUS_OPERATOR_VERSION=0.85.0
# The newest that the module proxy serves, for tests of what changed in between.
NEWEST_PROMETHEUS_OPERATOR_VERSION=0.93.1
ALERTMANAGER_VERSION=0.28.1
VERSITYGW_VERSION=1.8.0
HELM_VERSION=4.3.2

component_base=k8s.io/component-base/version
kubernetes_ldflags="-X $component_base.gitVersion=v$KUBERNETES_VERSION -X $component_base.gitMajor=1 -X $component_base.gitMinor=37"
containerd_ldflags="-X github.com/containerd/containerd/v2/version.Version=v$CONTAINERD_VERSION"
common_version="-X github.com/prometheus/common/version.Version"
# The only discovery that Prometheus Operator configures; the others are half of what there is to compile.
prometheus_tags=remove_all_sd,enable_kubernetes_sd

# program | module folder | package | further ldflags | tags; the last two are those of all programs of a module
PROGRAMS="
etcd|etcd|go.etcd.io/etcd/server/v3||
kube-apiserver|kubernetes|k8s.io/kubernetes/cmd/kube-apiserver|$kubernetes_ldflags|
kube-controller-manager|kubernetes|k8s.io/kubernetes/cmd/kube-controller-manager|$kubernetes_ldflags|
kubectl|kubernetes|k8s.io/kubernetes/cmd/kubectl|$kubernetes_ldflags|
kube-scheduler|kubernetes|k8s.io/kubernetes/cmd/kube-scheduler|$kubernetes_ldflags|
kubelet|kubernetes|k8s.io/kubernetes/cmd/kubelet|$kubernetes_ldflags|
kube-proxy|kubernetes|k8s.io/kubernetes/cmd/kube-proxy|$kubernetes_ldflags|
containerd|containerd|github.com/containerd/containerd/v2/cmd/containerd|$containerd_ldflags|
containerd-shim-runc-v2|containerd|github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2|$containerd_ldflags|
ctr|containerd|github.com/containerd/containerd/v2/cmd/ctr|$containerd_ldflags|
ptp|cni-plugins|github.com/containernetworking/plugins/plugins/main/ptp||
loopback|cni-plugins|github.com/containernetworking/plugins/plugins/main/loopback||
host-local|cni-plugins|github.com/containernetworking/plugins/plugins/ipam/host-local||
portmap|cni-plugins|github.com/containernetworking/plugins/plugins/meta/portmap||
pause|pause|tools/pause||
coredns|coredns|tools/coredns||
versitygw|versitygw|github.com/versity/versitygw/cmd/versitygw|-X main.Version=v$VERSITYGW_VERSION|
thanos|thanos|github.com/thanos-io/thanos/cmd/thanos|$common_version=$THANOS_VERSION|slicelabels,netgo
operator|prometheus-operator|github.com/prometheus-operator/prometheus-operator/cmd/operator|$common_version=$PROMETHEUS_OPERATOR_VERSION|
operator-newest|prometheus-operator-newest|github.com/prometheus-operator/prometheus-operator/cmd/operator|$common_version=$NEWEST_PROMETHEUS_OPERATOR_VERSION|
prometheus-config-reloader|prometheus-operator|github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader|$common_version=$PROMETHEUS_OPERATOR_VERSION|
alertmanager|alertmanager|github.com/prometheus/alertmanager/cmd/alertmanager|$common_version=$ALERTMANAGER_VERSION|
prometheus|prometheus|github.com/prometheus/prometheus/cmd/prometheus|$common_version=$PROMETHEUS_VERSION|$prometheus_tags
promtool|prometheus|github.com/prometheus/prometheus/cmd/promtool|$common_version=$PROMETHEUS_VERSION|$prometheus_tags
helm|helm|helm.sh/helm/v4/cmd/helm|-X helm.sh/helm/v4/internal/version.version=v$HELM_VERSION|
actionlint|actionlint|github.com/rhysd/actionlint/cmd/actionlint||
"

CONTROL_PLANE_PROGRAMS="etcd kube-apiserver kube-controller-manager"
# Programs of the tests that no cluster needs: built where a test asks for them.
TEST_PROGRAMS="helm actionlint"

# What a node needs; a kubectl only if the machine has none.
node_programs() {
  local name
  for name in $ALL_PROGRAMS; do
    [[ " $TEST_PROGRAMS " != *" $name "* ]] || continue
    [[ $name != kubectl ]] || ! command -v kubectl >/dev/null || continue
    echo "$name"
  done
}

TOOLS_DIR=$HACK_DIR/tools
CACHE_DIR=${THANOS_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/thanos-operator}

declare -A MODULE_OF=() PACKAGE_OF=() LDFLAGS_OF=() TAGS_OF=() KEY_OF=()
ALL_PROGRAMS=""

read_program_table() {
  local name module package ldflags tags
  while IFS='|' read -r name module package ldflags tags; do
    [[ -n $name ]] || continue
    MODULE_OF[$name]=$module PACKAGE_OF[$name]=$package TAGS_OF[$name]=$tags
    LDFLAGS_OF[$name]="-s -w${ldflags:+ $ldflags}"
    ALL_PROGRAMS+="${ALL_PROGRAMS:+ }$name"
  done <<<"$PROGRAMS"
}
read_program_table

# The shell's own Go settings must not change what is built, nor what the key says.
go_clean() {
  env -u GOOS -u GOARCH -u GOEXPERIMENT GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0 go "$@"
}

# Fills KEY_OF for every program with few processes, since every `up` and `env` does it.
compute_keys() {
  [[ ${#KEY_OF[@]} -eq 0 ]] || return 0
  local go_version module sum file name
  local -A module_sum=()
  command -v go >/dev/null || die "go is missing: install Go 1.26.6 or later (https://go.dev/dl)"
  go_version=$(cd "$TOOLS_DIR/containerd" && go_clean env GOVERSION GOOS GOARCH) ||
    die "go does not accept hack/tools/containerd/go.mod: install Go 1.26.6 or later (https://go.dev/dl)"
  while read -r sum file; do
    module=${file#"$TOOLS_DIR"/}
    module_sum[${module%%/*}]+=$sum
  done < <(sha256sum "$TOOLS_DIR"/*/go.mod "$TOOLS_DIR"/*/go.sum "$TOOLS_DIR"/*/*.go)
  while read -r sum name; do
    KEY_OF[$name]=${sum:0:20}
  done < <(for name in $ALL_PROGRAMS crds; do
    if [[ $name == crds ]]; then
      printf '%s' "${module_sum[prometheus-operator]}" | sha256sum
    else
      printf '%s|' "${module_sum[${MODULE_OF[$name]}]}" "${PACKAGE_OF[$name]}" "${LDFLAGS_OF[$name]}" \
        "${TAGS_OF[$name]}" "$go_version" trimpath | sha256sum
    fi | sed "s/-\$/$name/"
  done)
}

# Where a program is, or will be.
program_path() {
  compute_keys
  echo "$CACHE_DIR/$1/${KEY_OF[$1]}/$1"
}

# Fetches the modules that missing ones of the programs named are built from, so that no build waits for the network.
# A failure is not final: the build tries again.
fetch_modules() {
  compute_keys
  local name log
  for name in "$@"; do
    [[ ! -x $(program_path "$name") ]] || continue
    log=$(cd "$TOOLS_DIR/${MODULE_OF[$name]}" &&
      go_clean list -mod=readonly -deps -tags "${TAGS_OF[$name]}" "${PACKAGE_OF[$name]}" 2>&1 >/dev/null) ||
      note "the modules of $name could not be fetched: $(tail -n 1 <<<"$log")"
  done
}

# Builds what is missing of the programs named. One build for those of a module: they share most packages, and
# while one is linked, others are compiled.
build_programs() {
  compute_keys
  local name module
  local -A missing=()
  local -a modules=()
  for name in "$@"; do
    [[ -n ${MODULE_OF[$name]:-} ]] || usage_error "no program is called '$name'; there are: $ALL_PROGRAMS"
    [[ ! -x $(program_path "$name") ]] || continue
    module=${MODULE_OF[$name]}
    [[ -n ${missing[$module]:-} ]] || modules+=("$module")
    missing[$module]+="$name "
  done
  for module in "${modules[@]}"; do
    # shellcheck disable=SC2086 # a list of words
    build_module "$module" ${missing[$module]}
  done
}

build_module() { # MODULE PROGRAM...: programs of one module, whose ldflags and tags are the same
  local module=$1 began work name target
  local -a packages=() left=()
  shift
  began=$(now)
  mkdir -p "$CACHE_DIR/.modules/$module"
  # Two runs that want the same programs: the second waits and finds them done. The subshell ends the lock.
  (
    flock 8
    for name in "$@"; do
      [[ ! -x $(program_path "$name") ]] || continue
      left+=("$name")
      packages+=("${PACKAGE_OF[$name]}")
    done
    ((${#left[@]} > 0)) || exit 0
    note "building ${left[*]} (hack/tools/$module)"
    rm -rf "$CACHE_DIR/.modules/$module"/.work.*
    work=$(mktemp -d "$CACHE_DIR/.modules/$module/.work.XXXXXX")
    mkdir "$work/bin"
    if ! (cd "$TOOLS_DIR/$module" &&
      go_clean build -mod=readonly -trimpath -ldflags "${LDFLAGS_OF[${left[0]}]}" -tags "${TAGS_OF[${left[0]}]}" \
        -o "$work/bin/" "${packages[@]}") >"$work/log" 2>&1; then
      tail -n 20 "$work/log" >&2
      rm -rf "$work"
      exit 1
    fi
    for name in "${left[@]}"; do
      target=$CACHE_DIR/$name/${KEY_OF[$name]}
      mkdir "$work/$name"
      mv "$work/bin/$(executable_of "$name")" "$work/$name/$name"
      rm -rf "$target"
      mkdir -p "$CACHE_DIR/$name"
      mv -T "$work/$name" "$target"
    done
    rm -rf "$work"
  ) 8>"$CACHE_DIR/.modules/$module/.lock" || die "building $* failed"
  step "built $*" "$began"
}

# The name that `go build` gives a program: the last element of its package that is not a major version.
executable_of() {
  local package=${PACKAGE_OF[$1]}
  [[ ! ${package##*/} =~ ^v[0-9]+$ ]] || package=${package%/*}
  echo "${package##*/}"
}

# The folder with Prometheus Operator's CustomResourceDefinitions, copied from its module so that a
# cleaned Go module cache does not take it away.
crds_dir() {
  compute_keys
  local target=$CACHE_DIR/crds/${KEY_OF[crds]} source work
  if [[ ! -d $target ]]; then
    mkdir -p "$CACHE_DIR/crds"
    source=$(cd "$TOOLS_DIR/prometheus-operator" && go_clean mod download -json github.com/prometheus-operator/prometheus-operator |
      sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
    [[ -d $source/example/prometheus-operator-crd ]] || die "the module of Prometheus Operator has no CRDs, or could not be downloaded"
    work=$(mktemp -d "$CACHE_DIR/crds/.work.XXXXXX")
    install -m 644 "$source"/example/prometheus-operator-crd/*.yaml "$work"
    chmod 755 "$work"
    mv -T "$work" "$target" 2>/dev/null || rm -rf "$work"
  fi
  echo "$target"
}
