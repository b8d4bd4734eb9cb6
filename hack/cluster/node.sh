# shellcheck shell=bash disable=SC2153 # NAME is set by set_cluster
# containerd, kubelet, kube-proxy, kube-scheduler, cluster DNS and volumes: what makes pods run.

VOLUMES=24

# Folders of the machine that these programs write to whatever their flags say. Each node has its own
# over them (see write_private_mounts), so nothing is ever written to the machine's.
HOST_FOLDERS="/run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers"

# Those of them that the machine does not have, to be mounted over.
create_mount_points() {
  local folder
  (
    flock 7
    for folder in $HOST_FOLDERS; do
      [[ -d $folder ]] && continue
      echo "$folder" >>"$STATE_ROOT/.mount-points"
      mkdir -p "$folder"
    done
  ) 7>"$STATE_ROOT/.machine.lock"
}

# Only the last cluster may take them away: the kernel removes a folder that is mounted over in another
# mount namespace without a word, and the mount with it.
remove_mount_points() {
  local folder
  (
    flock 7
    [[ -f $STATE_ROOT/.mount-points && -z $(other_clusters) ]] || exit 0
    while read -r folder; do rmdir "$folder" 2>/dev/null || true; done < <(tac "$STATE_ROOT/.mount-points")
    rm -f "$STATE_ROOT/.mount-points"
  ) 7>"$STATE_ROOT/.machine.lock"
}

# Each cluster has its cgroup before it makes mount points.
other_clusters() {
  find "$(cgroup_main)" -maxdepth 1 -name "$CGROUP_PREFIX*" ! -name "$CGROUP" 2>/dev/null
}

start_containerd() {
  write_containerd_config
  write_network_config
  write_private_mounts
  create_mount_points
  daemon containerd unshare --mount --propagation private -- \
    bash "$STATE/private-mounts.sh" "$(program_path containerd)" --config "$STATE/containerd.toml"
}

# containerd, the kubelet and all containers share a mount namespace of their own: their mounts
# go with their last process, and other clusters' kubelets use the same paths without a clash.
write_private_mounts() {
  mkdir -p "$STATE/kernel"
  {
    printf 'set -e\nmount --make-rshared /\n'
    # shellcheck disable=SC2086 # a list of words
    printf 'mount -t tmpfs tmpfs %s\n' $HOST_FOLDERS
    # The kubelet insists on these values of the whole machine. It finds them, and the machine keeps its own.
    local setting
    for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
      kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
      echo "${setting#*=}" >"$STATE/kernel/$(basename "${setting%=*}")"
      printf 'mount --bind %q %s\n' "$STATE/kernel/$(basename "${setting%=*}")" "/proc/sys/${setting%=*}"
    done
    # shellcheck disable=SC2016 # expanded when the script runs
    printf 'exec "$@"\n'
  } >"$STATE/private-mounts.sh"
}

write_containerd_config() {
  local snapshotter=overlayfs
  # A state folder on an overlay (a container's own file system) cannot hold another overlay's layers.
  [[ $(stat -f -c %T "$STATE") != overlayfs ]] || snapshotter=native
  mkdir -p "$STATE/containerd/bin"
  ln -sfn "$(program_path containerd-shim-runc-v2)" "$STATE/containerd/bin/containerd-shim-runc-v2"
  cat >"$STATE/containerd.toml" <<TOML
version = 4
root = '$STATE/containerd/root'
state = '$STATE/containerd/state'
imports = []
[plugins.'io.containerd.server.v1.grpc']
address = '$CONTAINERD_SOCKET'
[plugins.'io.containerd.server.v1.ttrpc']
address = '$CONTAINERD_SOCKET.ttrpc'
[plugins.'io.containerd.internal.v1.opt']
path = '$STATE/containerd/opt'
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.metadata.v1.bolt']
no_sync = true
[plugins.'io.containerd.cri.v1.images']
snapshotter = '$snapshotter'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = 'registry.k8s.io/pause:$PAUSE_VERSION'
[plugins.'io.containerd.cri.v1.runtime']
# Without CAP_SYS_RESOURCE, as in many sandboxes, a container could not start otherwise.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['$STATE/cni/bin']
conf_dir = '$STATE/cni/conf'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
runtime_path = '$STATE/containerd/bin/containerd-shim-runc-v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '$(command -v runc)'
Root = '$STATE/containerd/runc'
SystemdCgroup = false
TOML
}

# Every pod is a hop of its own (ptp, not a bridge): its traffic always passes the forward hook, with or without the
# br_netfilter module, so Services work and a test's nft rules apply between any two pods.
write_network_config() {
  local name
  mkdir -p "$STATE/cni/bin" "$STATE/cni/conf"
  for name in ptp loopback host-local portmap; do ln -sfn "$(program_path "$name")" "$STATE/cni/bin/$name"; done
  cat >"$STATE/cni/conf/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipam": {"type": "host-local", "dataDir": "$STATE/cni/addresses",
    "ranges": [[{"subnet": "$POD_NETWORK"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": true}}
]}
JSON
}

start_kubelet() {
  local pki=$STATE/pki containerd_pid
  read -r containerd_pid _ <"$STATE/run/containerd.pid"
  mkdir -p "$STATE/kubelet" "$STATE/pod-logs"
  # What pods with dnsPolicy Default get; nothing answers there.
  echo "nameserver 127.0.0.1" >"$STATE/resolv.conf"
  cat >"$STATE/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
clusterDNS: [$DNS_SERVICE_ADDRESS]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
resolvConf: $STATE/resolv.conf
podLogsDir: $STATE/pod-logs
volumePluginDir: $STATE/kubelet/plugins-exec
# The machine is shared: its full disk must not evict pods, and images that cannot be pulled again must stay.
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%, imagefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
YAML
  daemon kubelet nsenter --mount="/proc/$containerd_pid/ns/mnt" "$(program_path kubelet)" --config="$STATE/kubelet.yaml" \
    --kubeconfig="$pki/kubelet.kubeconfig" --root-dir="$STATE/kubelet" \
    --hostname-override="$(node_name)" --node-ip="$(address_of node)"
}

start_proxy() {
  cat >"$STATE/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $STATE/pki/kube-proxy.kubeconfig}
hostnameOverride: $(node_name)
clusterCIDR: $POD_NETWORK
# These limits are the machine's, and cannot be set from a network namespace.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
  daemon kube-proxy "$(program_path kube-proxy)" --config="$STATE/kube-proxy.yaml"
}

start_node() { # PID of the import of images
  local began
  began=$(now)
  wait_until 60 containerd "its first answer" containerd_answers
  start_kubelet
  start_proxy
  sed "s/@COREDNS_VERSION@/$COREDNS_VERSION/" "$HACK_DIR/cluster/dns.yaml" |
    kube apply --server-side --force-conflicts -f - >"$LOGS/dns.log" 2>&1 ||
    fail_component dns "its objects could not be made"
  create_volumes
  wait_until 60 kubelet "the Node" kube get node "$(node_name)"
  wait_until 90 kubelet "a Ready Node" condition_of "node/$(node_name)" Ready
  step "node $(node_name) is Ready" "$began"
  began=$(now)
  wait "$1" || fail_component images "an image could not be imported"
  step "images are on the node" "$began"
  began=$(now)
  # Only now, since a pod that finds no image waits 10 s before the next attempt.
  daemon kube-scheduler "$(program_path kube-scheduler)" --kubeconfig="$STATE/pki/kube-scheduler.kubeconfig" --leader-elect=false
  # Its own log is in the cluster, and exists only if it ever started: the events say more.
  (wait_until 120 coredns "an Available Deployment" condition_of "--namespace=kube-system deployment/coredns" Available) || {
    kube --namespace=kube-system get pods,events >&2 || true
    exit 1
  }
  step "DNS answers" "$began"
}

condition_of() { # OBJECT TYPE
  # shellcheck disable=SC2086 # the object may come with its namespace
  [[ $(kube get $1 -o "jsonpath={.status.conditions[?(@.type=='$2')].status}") == True ]]
}

# A StorageClass without a provisioner, and folders as its volumes. They cannot grow.
create_volumes() {
  local i
  mkdir -p "$STATE/volumes"
  {
    cat <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: local
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
    for ((i = 1; i <= VOLUMES; i++)); do
      # Kubernetes does not set the group of such a folder for pods that do not run as root.
      mkdir -p "$STATE/volumes/local-$i"
      chmod 777 "$STATE/volumes/local-$i"
      cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: local-$i}
spec:
  storageClassName: local
  capacity: {storage: 100Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: $STATE/volumes/local-$i, type: Directory}
YAML
    done
  } | kube apply --server-side --force-conflicts -f - >"$LOGS/volumes.log" 2>&1 ||
    fail_component volumes "the volumes could not be made"
  daemon recycle-volumes "$HACK_DIR/cluster.sh" recycle-volumes --name "$NAME"
}

# Empties Released volumes and offers them again, until it is ended. One watch: tests count requests.
recycle_volumes() {
  local name phase
  while :; do
    kubectl --kubeconfig "$KUBECONFIG_ADMIN" get persistentvolumes --watch --no-headers \
      -o custom-columns=NAME:.metadata.name,PHASE:.status.phase 2>/dev/null |
      while read -r name phase; do
        [[ $phase == Released ]] || continue
        # The line may be old, and the volume in use again.
        [[ $(kube get persistentvolume "$name" -o 'jsonpath={.status.phase}') == Released ]] || continue
        find "$STATE/volumes/$name" -mindepth 1 -delete
        kube patch persistentvolume "$name" --type=json -p '[{"op": "remove", "path": "/spec/claimRef"}]'
      done || true
    sleep 1
  done
}
