# shellcheck shell=bash
# Uploaded samples survive the loss of the Prometheus volumes.

# The value of a pod's metric without labels; empty if the metric is missing.
metric() { # POD PORT NAME
  kube get --raw "/api/v1/namespaces/monitoring/pods/$1:$2/proxy/metrics" 2>/dev/null |
    awk -v name="$3" '$1 == name { printf "%.0f\n", $2 }'
}

# The samples that the demo queries before and after the loss: those of 30 s, from each replica.
SAMPLES='sum(count_over_time(up%7Bjob=%22prometheus-k8s%22%7D%5B30s%5D))'

# Their number from a Prometheus API, without deduplication, so that it is exact.
samples() { # BASE TIME
  query "$1" "$SAMPLES" "time=$2&dedup=false"
}

has_samples() { # TIME
  local pod count
  for pod in prometheus-k8s-0 prometheus-k8s-1; do
    count=$(samples "$(pod_api monitoring "$pod")" "$1")
    ((${count:-0} > 0)) || return 1
  done
}

# Whether each replica has a sidecar that uploads.
uploading() {
  local pod
  for pod in prometheus-k8s-0 prometheus-k8s-1; do
    [[ -n $(metric "$pod" 10902 thanos_shipper_uploads_total) ]] || return 1
  done
}

# Whether the samples of each replica until then are in the bucket: in blocks, and all blocks uploaded.
uploaded() { # TIME
  local pod head blocks uploads
  for pod in prometheus-k8s-0 prometheus-k8s-1; do
    head=$(metric "$pod" 9090 prometheus_tsdb_head_min_time_seconds)
    blocks=$(metric "$pod" 9090 prometheus_tsdb_blocks_loaded)
    ((${head:-0} > $1 && ${blocks:-0} > 0)) || return 1
    uploads=$(metric "$pod" 10902 thanos_shipper_uploads_total)
    ((${uploads:-0} >= blocks)) || return 1
  done
}

# Whether both replicas scrape and have no samples of that time.
forgotten() { # TIME
  local pod
  for pod in prometheus-k8s-0 prometheus-k8s-1; do
    [[ -n $(query "$(pod_api monitoring "$pod")" 'count(up)') && -z $(samples "$(pod_api monitoring "$pod")" "$1") ]] || return 1
  done
}

same_samples() { # TIME COUNT
  local api
  api=$(query_api monitoring demo) && [[ $(samples "$api" "$1") == "$2" ]]
}

# The manifest of the documentation.
compactor() { awk '/^```/ { if (inside) exit; inside = /yaml/; next } inside' docs/compaction.md; }

upload_to_object_storage() {
  begin "an object store (S3) runs in the cluster"
  apply -k e2e/fixtures/object-storage
  wait_for 60 monitoring deployment/s3 --for=condition=Available
  finish
  begin "both replicas of monitoring/k8s run with a sidecar that uploads, every 30 s here"
  # --full sets it for the test of queries during restarts.
  kube -n monitoring patch prometheus k8s --type merge -p '{"spec":{"minReadySeconds":null}}' >/dev/null
  kube -n monitoring patch prometheus k8s --type merge --patch-file e2e/fixtures/kube-prometheus/with-upload.yaml >/dev/null
  until_true 240 uploading || die "no sidecar that uploads in each replica within 240 s"
  until_true 60 all_sidecars || die "no endpoint at each sidecar within 60 s"
  wait_for 180 monitoring prometheus/k8s --for=jsonpath='{.status.availableReplicas}'=2
  finish
}

show_store() {
  local at before
  title "What Prometheus scraped is kept in an object store, and a ThanosStore of 2 shards serves it:"
  sed '/^#/d' e2e/fixtures/demo/store/store.yaml | indent
  upload_to_object_storage
  begin "both replicas have uploaded what they scraped until now"
  at=$(($(date +%s) + 15))
  until_true 60 has_samples "$at" || die "a replica of monitoring/k8s scrapes nothing"
  until_true 180 uploaded "$at" || die "not uploaded within 180 s: kubectl -n monitoring logs prometheus-k8s-0 -c thanos-sidecar"
  finish
  begin "the ThanosStore reads the bucket, and a compactor (docs/compaction.md) compacts it"
  apply -f e2e/fixtures/demo/store/store.yaml
  compactor | apply -f -
  wait_for 90 monitoring thanosstore/demo --for=condition=Ready
  wait_for 60 monitoring thanosstore/demo --for=condition=ObjectStorageReady
  wait_for 90 monitoring statefulset/thanos-compact --for=jsonpath='{.status.readyReplicas}'=1
  finish
  kube -n monitoring get thanosstore demo | indent
  before=$(($(samples "$(pod_api monitoring prometheus-k8s-0)" "$at") + $(samples "$(pod_api monitoring prometheus-k8s-1)" "$at")))
  until_true 60 same_samples "$at" "$before" || die "the replicas have $before samples, and the querier others"

  title "Prometheus loses its data: the pods of both replicas are deleted, and with them their volumes:"
  begin "both replicas are running again with empty TSDBs"
  kube -n monitoring delete pods prometheus-k8s-0 prometheus-k8s-1 >/dev/null
  until_true 120 forgotten "$at" || die "no fresh replicas within 120 s: kubectl -n monitoring get pods"
  finish
  begin "the querier still has every sample"
  until_true 60 same_samples "$at" "$before" ||
    die "samples before: '$before', now: '$(samples "$(query_api monitoring demo)" "$at")'"
  finish
  say "Samples of up{job=\"prometheus-k8s\"} in the 30 s before $(date -d "@$at" +%T): $before before the loss, $before after; both replicas themselves: 0"
}
