# shellcheck shell=bash
# Everything that helps to understand a failure, as files.

command_dump() {
  (($# == 1)) || usage_error "dump needs one folder"
  [[ $1 != -* ]] || usage_error "dump does not know '$1'"
  # Also of a cluster that never came up.
  [[ -d $LOGS ]] || die "there is no cluster $NAME"
  local folder=$1 began resource
  began=$(now)
  require_kubectl
  mkdir -p "$folder/objects"
  # A broken cluster still has logs: a failure here does not stop the dump.
  for resource in $(kube api-resources --verbs=list -o name 2>"$folder/errors.txt"); do
    case $resource in events | events.events.k8s.io | endpoints | componentstatuses) continue ;; esac
    kube get "$resource" --all-namespaces --show-managed-fields=false -o yaml >"$folder/objects/$resource.yaml" 2>>"$folder/errors.txt" || true
    # Most kinds have no objects.
    if grep -qx 'items: \[\]' "$folder/objects/$resource.yaml"; then rm -f "$folder/objects/$resource.yaml"; fi
  done
  kube get events --all-namespaces --sort-by=.metadata.creationTimestamp -o wide >"$folder/events.txt" 2>>"$folder/errors.txt" || true
  kube get pods --all-namespaces -o wide >"$folder/pods.txt" 2>>"$folder/errors.txt" || true
  if [[ -e /run/netns/$NETNS ]] && command -v nft >/dev/null; then
    nsenter --net="/run/netns/$NETNS" nft list ruleset >"$folder/nft.txt" 2>>"$folder/errors.txt" || true
  fi
  # The kubelet's own files: they have the containers that ran before, and deleted pods as long as it keeps them.
  if [[ -d $STATE/pod-logs ]]; then cp -r "$STATE/pod-logs" "$folder/pod-logs"; fi
  cp -r "$LOGS" "$folder/components"
  [[ -s $folder/errors.txt ]] || rm -f "$folder/errors.txt"
  step "cluster $NAME is written to $folder" "$began"
}
