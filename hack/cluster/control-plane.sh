# shellcheck shell=bash
# etcd, kube-apiserver and kube-controller-manager.

# What everything else runs in.
prepare_machine() {
  local began
  began=$(now)
  mkdir -p "$STATE/run" "$LOGS"
  create_cgroups
  create_network
  create_certificates
  write_audit_policy
  step "network and certificates" "$began"
}

start_control_plane() {
  local began
  began=$(now)
  # Nothing here outlives `down`, so nothing needs to reach the disk.
  daemon etcd "$(program_path etcd)" --name=local --data-dir="$STATE/etcd" --unsafe-no-fsync \
    --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
    --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 \
    --initial-cluster=local=http://127.0.0.1:2380 \
    --auto-compaction-mode=periodic --auto-compaction-retention=5m --quota-backend-bytes=8589934592
  wait_until 60 etcd "its first answer" port_answers 127.0.0.1 2379
  start_apiserver
  wait_until 90 kube-apiserver "readiness" api_ready
  # Not before: it gives up on an API server that takes more than 10 s, as one on a busy machine does.
  start_controller_manager
  wait_until 60 kube-controller-manager "the default ServiceAccount" kube get serviceaccount default
  wait_until 60 kube-apiserver "the Service kubernetes" kube get service kubernetes
  step "control plane at https://$(address_of node):6443" "$began"
}

start_apiserver() {
  local pki=$STATE/pki node
  node=$(address_of node)
  daemon kube-apiserver "$(program_path kube-apiserver)" \
    --etcd-servers=http://127.0.0.1:2379 \
    --advertise-address="$node" --secure-port=6443 \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --client-ca-file="$pki/ca.crt" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$pki/service-account.pub" \
    --service-account-signing-key-file="$pki/service-account.key" \
    --service-cluster-ip-range="$SERVICE_NETWORK" --allow-privileged \
    --kubelet-preferred-address-types=InternalIP --kubelet-certificate-authority="$pki/ca.crt" \
    --kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" \
    --kubelet-client-key="$pki/apiserver-kubelet-client.key" \
    --audit-policy-file="$STATE/audit-policy.yaml" --audit-log-path="$LOGS/audit.log" \
    --audit-log-maxsize=100000 --audit-log-maxbackup=0
}

start_controller_manager() {
  local pki=$STATE/pki
  # With its own default of 20 requests a second it would go on working long after a test's last write.
  daemon kube-controller-manager "$(program_path kube-controller-manager)" \
    --kubeconfig="$pki/kube-controller-manager.kubeconfig" --leader-elect=false \
    --use-service-account-credentials --service-account-private-key-file="$pki/service-account.key" \
    --root-ca-file="$pki/ca.crt" --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --kube-api-qps=500 --kube-api-burst=1000
}

# Every request once, when it is answered: tests count them.
write_audit_policy() {
  cat >"$STATE/audit-policy.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
YAML
}

port_answers() { # ADDRESS PORT: of the cluster's network namespace
  nsenter --net="/run/netns/$NETNS" bash -c "exec 3<>/dev/tcp/$1/$2"
}

api_ready() { kubectl --kubeconfig "$KUBECONFIG_ADMIN" --request-timeout=3s get --raw /readyz >/dev/null 2>&1; }
