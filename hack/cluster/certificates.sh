# shellcheck shell=bash disable=SC2153 # NAME is set by set_cluster
# The cluster's certificate authority, one certificate per component, and kubeconfigs.

create_certificates() {
  local pki=$STATE/pki node
  node=$(address_of node)
  mkdir -p "$pki"
  chmod 700 "$pki"
  new_key "$pki/ca.key"
  openssl req -x509 -new -key "$pki/ca.key" -days 3650 -subj "/CN=thanos-operator-$NAME" -out "$pki/ca.crt" 2>/dev/null
  # Signs and checks service account tokens.
  new_key "$pki/service-account.key"
  openssl pkey -in "$pki/service-account.key" -pubout -out "$pki/service-account.pub"

  certificate apiserver /CN=kube-apiserver serverAuth \
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$API_SERVICE_ADDRESS,IP:$node"
  certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  certificate admin /O=system:masters/CN=kubernetes-admin clientAuth
  certificate kube-controller-manager /CN=system:kube-controller-manager clientAuth
  certificate kube-scheduler /CN=system:kube-scheduler clientAuth
  certificate kube-proxy /CN=system:kube-proxy clientAuth
  certificate kubelet "/O=system:nodes/CN=system:node:$(node_name)" clientAuth,serverAuth "DNS:$(node_name),IP:$node"

  local name
  for name in kube-controller-manager kube-scheduler kube-proxy kubelet; do
    kubeconfig "$name" "$pki/$name.kubeconfig"
  done
  kubeconfig admin "$KUBECONFIG_ADMIN"
}

node_name() { echo "$NAME-node"; }

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

certificate() { # NAME SUBJECT USAGE [ALTERNATIVE NAMES]
  local path=$STATE/pki/$1
  new_key "$path.key"
  openssl req -new -key "$path.key" -subj "$2" -out "$path.csr"
  openssl x509 -req -in "$path.csr" -CA "$STATE/pki/ca.crt" -CAkey "$STATE/pki/ca.key" -days 3650 \
    -set_serial "0x$(openssl rand -hex 12)" -out "$path.crt" \
    -extfile <(printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=%s\n%s\n' "$3" "${4:+subjectAltName=$4}") 2>/dev/null
  rm -f "$path.csr"
}

# A file with everything in it, at the address that the machine and the namespace both reach.
kubeconfig() { # USER FILE
  local pki=$STATE/pki
  (
    umask 077
    cat >"$2" <<YAML
apiVersion: v1
kind: Config
current-context: "$NAME"
clusters:
- name: "$NAME"
  cluster:
    server: https://$(address_of node):6443
    certificate-authority-data: $(base64 -w 0 "$pki/ca.crt")
contexts:
- name: "$NAME"
  context: {cluster: "$NAME", user: $1}
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w 0 "$pki/$1.crt")
    client-key-data: $(base64 -w 0 "$pki/$1.key")
YAML
  )
}
