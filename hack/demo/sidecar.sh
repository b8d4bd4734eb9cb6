# shellcheck shell=bash
# The Prometheus gets its own Thanos sidecars while it is queried.

# Uid and start of every querier pod of the demo.
queriers() {
  kube -n monitoring get pods -l app.kubernetes.io/name=thanos-query,operator.thanos.io/owner=demo \
    -o go-template='{{range .items}}{{.metadata.uid}} {{.status.startTime}}{{range .status.containerStatuses}} {{.restartCount}}{{end}}{{"\n"}}{{end}}' | sort
}

# Asks again and again until the file $1/stop exists; one line per answer into $1/answers.
repeat_query() { # FOLDER API
  local answer
  until [[ -e $1/stop ]]; do
    answer=$(ask "$2" 'count(up)' || true)
    printf '%s\n' "${answer:-none}" >>"$1/answers"
  done
}

bridges() {
  kube -n monitoring get deployments,statefulsets,pods -l operator.thanos.io/owner=demo -o name | grep thanos-sidecar || true
}

no_bridges() { [[ -z $(bridges) ]]; }

all_sidecars() {
  [[ $(kube -n monitoring get thanosquery demo -o go-template='{{range .status.endpoints}}{{.via}} {{end}}') == "Sidecar Sidecar " ]]
}

show_sidecars() {
  local before total
  title "spec.thanos is switched on at the Prometheus (its two replicas restart, one a minute after the other):"
  sed '/^#/d' e2e/fixtures/kube-prometheus/with-sidecar.yaml | indent
  before=$(queriers)
  SCRATCH=$(mktemp -d)
  repeat_query "$SCRATCH" "$(query_api monitoring demo)" &
  ASKING=$!

  begin "both endpoints go to sidecars"
  kube -n monitoring patch prometheus k8s --type merge --patch-file e2e/fixtures/kube-prometheus/with-sidecar.yaml >/dev/null
  until_true 300 all_sidecars || die "no endpoint at each sidecar within 300 s"
  finish
  endpoints monitoring demo
  begin "the bridges are gone"
  until_true 120 no_bridges || die "still there: $(bridges)"
  finish
  begin "both replicas are available again"
  wait_for 180 monitoring prometheus/k8s --for=jsonpath='{.status.availableReplicas}'=2
  finish
  # The series of the bridges linger for some minutes in the replica that restarted first.
  begin "count(up{job=\"prometheus-k8s\"}) through the sidecars is what one replica alone says"
  until_true 90 same_answer 'count(up%7Bjob=%22prometheus-k8s%22%7D)' || no_answer demo
  finish

  touch "$SCRATCH/stop"
  wait "$ASKING"
  ASKING=
  total=$(wc -l <"$SCRATCH/answers")
  say "Asked count(up) $total times meanwhile; answers (times, value):"
  sort "$SCRATCH/answers" | uniq -c | indent
  if grep -q -e none -e '^0$' "$SCRATCH/answers"; then die "some queries failed or had an empty answer"; fi
  [[ $(queriers) == "$before" ]] || die "querier pods were restarted or replaced"
  say "The querier pods are the ones from before: same uid, same start, no restart."
}
