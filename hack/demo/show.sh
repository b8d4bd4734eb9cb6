# shellcheck shell=bash
# A ThanosQuery for a Prometheus, shown by objects of the cluster and query results.

# --- reading a ThanosQuery ---------------------------------------------------------------------------

# Its endpoints as a table, each with the chain that led to it.
endpoints() { # NAMESPACE NAME
  local template='{{range .status.endpoints}}{{.via}}|{{or .pod "-"}}|{{or .prometheus "-"}}|{{or .service "-"}}|{{.serviceMonitor}}{{"\n"}}{{end}}'
  {
    echo 'VIA|POD|PROMETHEUS|SERVICE|SERVICEMONITOR'
    kube -n "$1" get thanosquery "$2" -o go-template="$template"
  } | awk -F'|' '
    { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
    END { for (r = 1; r <= NR; r++) { line = ""; for (i = 1; i <= NF; i++) line = line sprintf("%-*s  ", width[i], cell[r, i]); print line } }' |
    sed 's/ *$//' | indent
}

# A condition: its reason and its message.
condition() { # NAMESPACE NAME TYPE
  kube -n "$1" get thanosquery "$2" \
    -o go-template="{{range .status.conditions}}{{if eq .type \"$3\"}}{{.type}}={{.status}} {{.reason}}{{\"\\n\"}}{{.message}}{{\"\\n\"}}{{end}}{{end}}" |
    sed 's/; /;\n/g' | indent
}

reason_is() { # SECONDS NAMESPACE NAME REASON, of the condition EndpointsResolved
  wait_for "$1" "$2" "thanosquery/$3" --for=jsonpath='{.status.conditions[?(@.type=="EndpointsResolved")].reason}'="$4"
}

endpoints_are() { # SECONDS NAMESPACE NAME COUNT
  wait_for "$1" "$2" "thanosquery/$3" --for=jsonpath='{.status.endpointsTotal}'="$4"
}

# --- a: foreign objects -----------------------------------------------------------------------------

# UID, generation and field managers of the objects that existed before the demo.
fingerprint() {
  kube -n monitoring get prometheus/k8s alertmanager/main servicemonitor/prometheus-k8s service/prometheus-k8s \
    networkpolicy/prometheus-k8s statefulset/prometheus-k8s pod/prometheus-k8s-0 pod/prometheus-k8s-1 --show-managed-fields \
    -o go-template='{{range .items}}{{.kind}}/{{.metadata.name}} {{.metadata.uid}} {{.metadata.generation}}{{range .metadata.managedFields}} {{.manager}}{{end}}{{"\n"}}{{end}}'
}

UNTOUCHED=
remember_prometheus() { UNTOUCHED=$(fingerprint); }

show_untouched() {
  local after
  after=$(fingerprint)
  if [[ $after != "$UNTOUCHED" ]]; then
    diff <(echo "$UNTOUCHED") <(echo "$after") >&2 || true
    die "objects of monitoring/k8s are not what they were"
  fi
  say "Unchanged: the Prometheus, its Service, ServiceMonitor, NetworkPolicy and pods (uid, generation, writers)."
}

# --- b: an untouched Prometheus ----------------------------------------------------------------------

show_discovery() {
  title "A ThanosQuery for the Prometheus of the namespace, which has no Thanos sidecar:"
  sed '/^#/d' e2e/fixtures/demo/demo.yaml | indent
  begin "Ready, with 2 endpoints"
  apply -f e2e/fixtures/demo/demo.yaml
  wait_for 60 monitoring thanosquery/demo --for=condition=Ready
  endpoints_are 10 monitoring demo 2
  finish
  say "Discovered:"
  endpoints monitoring demo
  show_policies monitoring demo
  begin "count(up) from the querier equals that of one replica"
  until_true 90 same_answer || no_answer demo
  finish
  say "prometheus-k8s-0: $REPLICA   querier, deduplicated: $MERGED   querier, dedup=false: $DOUBLED"
  show_untouched
}

# The values of the last attempt.
REPLICA='' MERGED='' DOUBLED=''
same_answer() { # [QUERY]
  local api query=${1:-count(up)}
  api=$(query_api monitoring demo) || return 1
  REPLICA=$(query "$(pod_api monitoring prometheus-k8s-0)" "$query")
  MERGED=$(query "$api" "$query")
  DOUBLED=$(query "$api" "$query" dedup=false)
  # Without deduplication there must be more: otherwise nothing is merged. It need not be exactly
  # twice as much, since a target may be in one replica some seconds earlier than in the other.
  [[ -n $REPLICA && $MERGED == "$REPLICA" && -n $DOUBLED ]] && ((DOUBLED > MERGED))
}

no_answer() { # NAME
  explain monitoring "thanosquery/$1" >&2
  die "count(up): prometheus-k8s-0 says '$REPLICA', querier '$MERGED', without deduplication '$DOUBLED'"
}

show_policies() { # NAMESPACE NAME
  local blocked
  blocked=$(kube -n "$1" get thanosquery "$2" \
    -o go-template='{{range .status.endpoints}}{{range .blockedBy}}{{.}}{{"\n"}}{{end}}{{end}}' | sort -u | paste -s -d ' ')
  if [[ -z $blocked ]]; then
    say "No NetworkPolicy blocks Thanos."
    return
  fi
  say "Where NetworkPolicies are enforced, these block Thanos: $blocked"
  [[ -n $CONTEXT ]] || say "(The local cluster does not enforce any.)"
  say "To allow it:"
  kube -n "$1" get thanosquery "$2" \
    -o go-template='{{range .status.endpoints}}{{with .openWith}}{{.}}{{"\n"}}{{end}}{{end}}' | awk '!seen[$0]++' | indent | sed 's/^/  /'
}

# --- d: another namespace ----------------------------------------------------------------------------

show_other_namespace() {
  title "A second Prometheus, team-b/second, and a ThanosQuery in monitoring that selects its ServiceMonitor:"
  begin "not found, since it is in another namespace"
  apply -k e2e/fixtures/team-b
  apply -f e2e/fixtures/demo
  reason_is 30 monitoring team-b MatchesInOtherNamespaces
  finish
  condition monitoring team-b EndpointsResolved
  begin "Prometheus team-b/second runs"
  wait_for 120 team-b prometheus/second --for=jsonpath='{.status.availableReplicas}'=1
  finish
  begin "found, with serviceMonitorNamespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team-b}}"
  kube -n monitoring patch thanosquery team-b --type merge \
    -p '{"spec":{"serviceMonitorNamespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"team-b"}}}}' >/dev/null
  endpoints_are 30 monitoring team-b 1
  finish
  endpoints monitoring team-b
  begin "a query through it returns a result"
  wait_for 60 monitoring thanosquery/team-b --for=condition=Ready
  until_true 60 answers monitoring team-b || no_answer team-b
  finish
}

answers() { # NAMESPACE NAME
  local api
  api=$(query_api "$1" "$2") && [[ -n $(query "$api" 'count(up)') ]]
}

# --- e: selectors that do not point at a Prometheus --------------------------------------------------

show_applications() {
  title "A selector that matches an application only (prometheus=kube-prometheus, the ServiceMonitor of CoreDNS):"
  begin "selects the Prometheus that scrapes it"
  endpoints_are 30 monitoring by-application 2
  finish
  endpoints monitoring by-application
  title "A selector that matches nothing (app.kubernetes.io/name=promtheus):"
  begin "the closest ServiceMonitor is reported"
  reason_is 30 monitoring misspelt SelectorMatchesNothing
  finish
  condition monitoring misspelt EndpointsResolved
}

# --- another cluster ---------------------------------------------------------------------------------

show_context() {
  title "A ThanosQuery for every Prometheus of the cluster:"
  sed '/^#/d' e2e/fixtures/demo/context/everything.yaml | indent
  begin "Ready"
  apply -f e2e/fixtures/demo/context/everything.yaml
  wait_for 180 thanos-system thanosquery/demo --for=condition=Ready
  finish
  say "Discovered:"
  endpoints thanos-system demo
  condition thanos-system demo EndpointsResolved
  show_policies thanos-system demo
  begin "a query result from the querier"
  until_true 90 answers thanos-system demo ||
    die "the querier has no answer for count(up): see above for what is in the way"
  finish
  say "count(up): $(query "$(query_api thanos-system demo)" 'count(up)')"
}

# --- the end -----------------------------------------------------------------------------------------

further_local() {
  title "Next steps:"
  cat <<TEXT | indent
eval "\$(hack/cluster.sh env --name $NAME)"
kubectl -n monitoring get thanosqueries,thanosstores,thanosreceives,thanosrulers.monitoring.thanos.io
kubectl -n monitoring describe thanosquery demo
kubectl -n monitoring port-forward $(query_service) 9090:http    # then http://localhost:9090
TEXT
  [[ -n $FULL ]] || echo "hack/demo.sh --full --name $NAME    # the same, and then the Prometheus gets its own sidecars" | indent
  title "To stop: hack/cluster.sh down --name $NAME"
}

further_context() {
  title "Next steps:"
  cat <<TEXT | indent
kubectl --context $CONTEXT -n thanos-system describe thanosquery demo
kubectl --context $CONTEXT -n thanos-system port-forward $(query_service) 9090:http    # then http://localhost:9090
TEXT
  title "To remove all of it:"
  cat <<TEXT | indent
kubectl --context $CONTEXT -n thanos-system delete thanosquery demo
kubectl --context $CONTEXT delete --ignore-not-found -k deploy/overlays/existing-prometheus-operator
kubectl --context $CONTEXT delete -k deploy/overlays/crds
TEXT
}

query_service() {
  local api namespace=monitoring
  [[ -z $CONTEXT ]] || namespace=thanos-system
  api=$(query_api "$namespace" demo)
  api=${api#*/services/}
  echo "service/${api%%:*}"
}
