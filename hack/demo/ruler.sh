# shellcheck shell=bash
# A ThanosRuler evaluates the existing rules, and a bad rule does not affect the others.

RULER=thanosrulers.monitoring.thanos.io/demo

ruler() { # JSONPATH
  kube -n monitoring get "$RULER" -o jsonpath="$1"
}

# Whether the rulers have loaded exactly the mounted rules, for the newest spec and this number of rejected groups.
loaded_with() { # REJECTED
  local status
  status=$(ruler '{.status.observedGeneration} {.metadata.generation} {.status.conditions[?(@.type=="RulesLoaded")].status} {.status.rules.rejected}')
  [[ $status =~ ^([0-9]+)\ ([0-9]+)\ True\ $1$ && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
}

# UID and restarts of every ruler.
ruler_pods() {
  kube -n monitoring get pods -l app.kubernetes.io/name=thanos-rule,operator.thanos.io/owner=demo \
    -o jsonpath='{range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}' | sort
}

recorded() {
  local api
  api=$(query_api monitoring demo) || return 1
  RECORDED=$(query "$api" "demo:up:sum%7Bthanos_rule=%22monitoring/demo%22%7D")
  [[ -n $RECORDED ]]
}

show_ruler() {
  local before
  title "Thanos evaluates the rules of kube-prometheus, silently, since Prometheus does so already:"
  sed '/^#/d' e2e/fixtures/demo/ruler/ruler.yaml | indent
  begin "two rulers have loaded them"
  apply -f e2e/fixtures/demo/ruler
  wait_for 120 monitoring "$RULER" --for=condition=Ready
  until_true 60 loaded_with 0 || die "not loaded: kubectl -n monitoring describe $RULER"
  finish
  kube -n monitoring get "$RULER" | indent
  kube -n monitoring get "$RULER" -o go-template='{{range .status.overlaps}}{{.prometheusRule}} is evaluated by {{.evaluatedBy}} as well{{"\n"}}{{end}}' | indent

  title "A PrometheusRule with a group that would keep rulers from starting:"
  sed '/^#/d' hack/demo/ruler.yaml | indent
  before=$(ruler_pods)
  begin "the good group is evaluated, the other is reported"
  apply -f hack/demo/ruler.yaml
  until_true 60 loaded_with 1 || die "not loaded: kubectl -n monitoring describe $RULER"
  until_true 60 recorded || die "the series demo:up:sum is not there"
  finish
  kube -n monitoring get "$RULER" | indent
  kube -n monitoring get "$RULER" -o go-template='{{range .status.rejectedRules}}{{.subject}}, group {{.group}}, rule {{.rule}}: {{.message}}{{"\n"}}{{end}}' | indent
  say "demo:up:sum, through the ThanosQuery: $RECORDED"
  [[ $(ruler_pods) == "$before" ]] || die "rulers restarted"
  say "No ruler restarted. Prometheus Operator rejects the object as a whole, so no Prometheus has its good group."
}
