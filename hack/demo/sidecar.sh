# shellcheck shell=bash
# The Prometheus gets its own Thanos sidecars while it is queried.

# Uid and start of every querier pod of the demo.
queriers() {
  kube -n monitoring get pods -l app.kubernetes.io/name=thanos-query,operator.thanos.io/owner=demo \
    -o go-template='{{range .items}}{{.metadata.uid}} {{.status.startTime}}{{range .status.containerStatuses}} {{.restartCount}}{{end}}{{"\n"}}{{end}}' | sort
}

# Repeats a query until the file $1/stop exists: one line per result in $1/answers, and failed queries in
# $1/failures.
repeat_query() { # FOLDER API
  local answer number
  until [[ -e $1/stop ]]; do
    answer=$(kube get --raw "$2/api/v1/query?query=count(up)" 2>&1) || true
    number=$(value <<<"$answer")
    printf '%s\n' "${number:-none}" >>"$1/answers"
    [[ -n $number ]] || printf '%(%T)T %s\n' -1 "$answer" >>"$1/failures"
  done
}

bridges() {
  kube -n monitoring get deployments,statefulsets,pods -l operator.thanos.io/owner=demo -o name | grep thanos-sidecar || true
}

no_bridges() { [[ -z $(bridges) ]]; }

all_sidecars() {
  [[ $(kube -n monitoring get thanosquery demo -o go-template='{{range .status.endpoints}}{{.via}} {{end}}') == "Sidecar Sidecar " ]]
}

# Whether both replicas have been ready for a minute. When minReadySeconds of a
# StatefulSet grows, younger pods count as unavailable and are all replaced at once.
settled() {
  local since
  for since in $(kube -n monitoring get pods prometheus-k8s-0 prometheus-k8s-1 -o go-template='{{range .items}}{{range .status.conditions}}{{if eq .type "Ready"}}{{.lastTransitionTime}} {{end}}{{end}}{{end}}'); do
    (($(date +%s) - $(date -d "$since" +%s) > 61)) || return 1
  done
}

show_sidecars() {
  local before total
  title "spec.thanos is switched on at the Prometheus (its two replicas restart, one a minute after the other):"
  sed '/^#/d' e2e/fixtures/kube-prometheus/with-sidecar.yaml | indent
  begin "both replicas have been ready for a minute"
  until_true 90 settled || die "the replicas of monitoring/k8s do not stay ready"
  finish
  before=$(queriers)
  SCRATCH=$(mktemp -d)
  repeat_query "$SCRATCH" "$(query_api monitoring demo)" &
  QUERYING=$!

  begin "both endpoints are sidecars"
  kube -n monitoring patch prometheus k8s --type merge --patch-file e2e/fixtures/kube-prometheus/with-sidecar.yaml >/dev/null
  until_true 300 all_sidecars || die "no endpoint at each sidecar within 300 s"
  finish
  endpoints monitoring demo
  begin "the bridges are deleted"
  until_true 120 no_bridges || die "still there: $(bridges)"
  finish
  begin "both replicas are available again"
  wait_for 180 monitoring prometheus/k8s --for=jsonpath='{.status.availableReplicas}'=2
  finish
  # The series of the bridges linger for some minutes in the replica that restarted first.
  begin "count(up{job=\"prometheus-k8s\"}) through the sidecars equals that of one replica"
  until_true 90 same_answer 'count(up%7Bjob=%22prometheus-k8s%22%7D)' || no_answer demo
  finish

  touch "$SCRATCH/stop"
  wait "$QUERYING"
  QUERYING=
  total=$(wc -l <"$SCRATCH/answers")
  say "Queried count(up) $total times meanwhile; results (times, value):"
  sort "$SCRATCH/answers" | uniq -c | indent
  if [[ -e $SCRATCH/failures ]]; then
    indent <"$SCRATCH/failures" >&2
    die "some queries failed or returned an empty result"
  fi
  [[ $(queriers) == "$before" ]] || die "querier pods were restarted or replaced"
  say "The querier pods are unchanged: same UID, same start time, no restart."
}
