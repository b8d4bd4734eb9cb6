#!/usr/bin/env bash
# A local Kubernetes cluster without a container engine. See --help.
# shellcheck source-path=SCRIPTDIR disable=SC2153 # NAME is set by set_cluster
set -euo pipefail

HACK_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=cluster/common.sh
source "$HACK_DIR/cluster/common.sh"
# shellcheck source=cluster/programs.sh
source "$HACK_DIR/cluster/programs.sh"
# shellcheck source=cluster/prerequisites.sh
source "$HACK_DIR/cluster/prerequisites.sh"
# shellcheck source=cluster/network.sh
source "$HACK_DIR/cluster/network.sh"
# shellcheck source=cluster/certificates.sh
source "$HACK_DIR/cluster/certificates.sh"
# shellcheck source=cluster/control-plane.sh
source "$HACK_DIR/cluster/control-plane.sh"
# shellcheck source=cluster/images.sh
source "$HACK_DIR/cluster/images.sh"
# shellcheck source=cluster/node.sh
source "$HACK_DIR/cluster/node.sh"
# shellcheck source=cluster/dump.sh
source "$HACK_DIR/cluster/dump.sh"
# shellcheck source=cluster/down.sh
source "$HACK_DIR/cluster/down.sh"

usage() {
  cat <<'HELP'
A local Kubernetes cluster without a container engine: the real programs, each built from a pinned Go
module, in a network namespace of their own. Needs Linux, root, Go, and nothing from an image registry.

  hack/cluster.sh up [--control-plane-only]   start it (a cluster that is up stays as it is)
  hack/cluster.sh down                        end it and leave nothing behind
  hack/cluster.sh env                         print what a shell needs: eval "$(hack/cluster.sh env)"
  hack/cluster.sh status                      print control-plane, node or down
  hack/cluster.sh load-image REF BINARY [FILE[:PATH]...]
                                              make an image of a program and put it on the node
      --user UID          user that the image runs as (65534)
      --entrypoint PATH   path of the program in the image (/bin/<its file name>)
  hack/cluster.sh dump DIR                    write all objects, events, and all logs into DIR
  hack/cluster.sh build [PROGRAM...]          build what is missing (all of a node), print where each one is
  hack/cluster.sh fetch                       download the modules that missing programs are built from
  hack/cluster.sh crds                        print the folder with Prometheus Operator's CRDs

Every command takes --name NAME (thanos): several clusters live side by side.

Environment:
  THANOS_CLUSTER_STATE_ROOT   folder of all clusters' state ($XDG_STATE_HOME/thanos-operator)
  THANOS_CLUSTER_CACHE        folder of built programs and images ($XDG_CACHE_HOME/thanos-operator)
HELP
}

command_up() {
  local mode=node began programs importing
  while (($#)); do
    case $1 in
      --control-plane-only) mode=control-plane ;;
      *) usage_error "up does not know '$1'" ;;
    esac
    shift
  done
  began=$(now)
  require_root
  lock_cluster
  local current
  current=$(cluster_mode)
  if [[ $current == "$mode" || $current == node ]]; then
    step "cluster $NAME is up already" "$began"
    return 0
  fi
  # shellcheck disable=SC2086 # lists of words
  if [[ $mode == node ]]; then
    require_commands $CONTROL_PLANE_COMMANDS $NODE_COMMANDS
    programs=$(node_programs)
  else
    require_commands $CONTROL_PLANE_COMMANDS
    programs=$CONTROL_PLANE_PROGRAMS
  fi
  # shellcheck disable=SC2086
  build_programs $programs
  require_kubectl
  if [[ $current == broken ]]; then
    note "what an earlier run left behind is removed first"
    remove_cluster
  fi
  local -a archives=()
  if [[ $mode == node ]]; then mapfile -t archives < <(image_archives); fi
  if [[ $current != control-plane ]]; then prepare_machine; fi
  if [[ $mode == node ]]; then
    # Images take longest: they are imported while the control plane starts.
    start_containerd
    import_node_images "${archives[@]}" &
    importing=$!
  fi
  if [[ $current != control-plane ]]; then start_control_plane; fi
  if [[ $mode == node ]]; then start_node "$importing"; fi
  echo "$mode" >"$STATE/mode"
  link_programs
  step "cluster $NAME is up: eval \"\$(hack/cluster.sh env${NAME_ARGUMENT:+ $NAME_ARGUMENT})\"" "$began"
}

# What there is: down, control-plane, node, or broken (started but not finished, or something died).
cluster_mode() {
  local mode name
  if [[ ! -e $STATE && ! -e /run/netns/$NETNS && -z $(cluster_pids) && ! -d $(cgroup_main)/$CGROUP ]]; then
    echo down
    return
  fi
  mode=$(cat "$STATE/mode" 2>/dev/null || true)
  for name in "$STATE"/run/*.pid; do
    name=$(basename "$name" .pid)
    if ! daemon_alive "$name"; then mode=; fi
  done
  if [[ -z $mode ]] || ! api_ready; then mode=broken; fi
  echo "$mode"
}

require_up() {
  [[ -f $STATE/mode ]] || die "cluster $NAME is not up: hack/cluster.sh up${NAME_ARGUMENT:+ $NAME_ARGUMENT}"
}

# The built programs under their own names, as a folder for PATH.
link_programs() {
  local name path
  mkdir -p "$STATE/bin"
  for name in $ALL_PROGRAMS; do
    path=$(program_path "$name")
    [[ ! -x $path ]] || ln -sfn "$path" "$STATE/bin/$name"
  done
  # Its own name says too little on a PATH.
  [[ ! -e $STATE/bin/operator ]] || mv -f "$STATE/bin/operator" "$STATE/bin/prometheus-operator"
}

command_env() {
  (($# == 0)) || usage_error "env takes no '$1'"
  require_up
  compute_keys
  link_programs
  printf 'export %s=%q\n' KUBECONFIG "$KUBECONFIG_ADMIN" \
    THANOS_CLUSTER_NAME "$NAME" \
    THANOS_CLUSTER_AUDIT_LOG "$LOGS/audit.log" \
    THANOS_CLUSTER_NETNS "/run/netns/$NETNS" \
    THANOS_CLUSTER_STATE "$STATE" \
    PROMETHEUS_OPERATOR_CRDS "$(crds_dir)"
  # shellcheck disable=SC2016 # the shell that evaluates it expands it
  printf 'export PATH=%q:"$PATH"\n' "$STATE/bin"
}

command_build() {
  compute_keys
  local name
  # shellcheck disable=SC2046
  if (($# == 0)); then set -- $(node_programs); fi
  build_programs "$@"
  for name in "$@"; do program_path "$name"; done
}

command_fetch() {
  (($# == 0)) || usage_error "fetch takes no '$1'"
  # shellcheck disable=SC2046 # a list of words
  fetch_modules $(node_programs)
}

main() {
  local -a arguments=()
  local name=thanos command
  NAME_ARGUMENT=
  while (($#)); do
    case $1 in
      -h | --help)
        usage
        exit 0
        ;;
      --name)
        (($# > 1)) || usage_error "--name needs a name"
        name=$2
        NAME_ARGUMENT="--name $name"
        shift
        ;;
      --name=*)
        name=${1#--name=}
        NAME_ARGUMENT="--name $name"
        ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
  [[ $name =~ ^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$ ]] ||
    usage_error "the name '$name' is not made of up to 30 small letters, digits and inner dashes"
  ((${#arguments[@]} > 0)) || usage_error "which command?"
  set_cluster "$name"
  # Where `ip` and `runc` are, and a kubectl of ours for a machine that has none.
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:$STATE/bin
  command=${arguments[0]}
  set -- "${arguments[@]:1}"
  case $command in
    up) command_up "$@" ;;
    down) command_down "$@" ;;
    env) command_env "$@" ;;
    status) cluster_mode ;;
    load-image) command_load_image "$@" ;;
    build) command_build "$@" ;;
    fetch) command_fetch "$@" ;;
    crds) crds_dir ;;
    dump) command_dump "$@" ;;
    recycle-volumes) recycle_volumes ;; # not for users: the node's own background job
    *) usage_error "no command is called '$command'" ;;
  esac
}

main "$@"
