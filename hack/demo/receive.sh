# shellcheck shell=bash
# Prometheus writes to a ThanosReceive, which is scaled down while it is queried.

# Of constant targets only: the ingesters, whose number changes, are scraped as well.
RECEIVED='count(up%7Bprometheus=%22monitoring/k8s%22,job=%22prometheus-k8s%22%7D)'

hashring() { # JSONPATH, of the first hashring
  kube -n monitoring get thanosreceive demo -o jsonpath="{.status.hashrings[0].$1}"
}

stable_with() { # MEMBERS
  local status
  status=$(kube -n monitoring get thanosreceive demo \
    -o jsonpath='{.status.observedGeneration} {.metadata.generation} {.status.conditions[?(@.type=="HashringStable")].status} {.status.hashrings[0].membersTotal} {.status.hashringStatus.default.replicas}')
  [[ $status =~ ^([0-9]+)\ ([0-9]+)\ True\ $1\ $1$ && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
}

# Whether the ingesters have as many targets as one replica of Prometheus.
as_many_received() {
  local api at=$(($(date +%s) - 20))
  api=$(query_api monitoring received) || return 1
  REPLICA=$(query "$(pod_api monitoring prometheus-k8s-0)" "count(up%7Bjob=%22prometheus-k8s%22%7D)" "time=$at")
  MERGED=$(query "$api" "$RECEIVED" "time=$at")
  [[ -n $REPLICA && $REPLICA == "$MERGED" ]]
}

# Repeats a query for the time 20 s ago until the file $1/stop exists: one line per result.
repeat_received() { # FOLDER API
  local answer number
  until [[ -e $1/stop ]]; do
    answer=$(kube get --raw "$2/api/v1/query?query=$RECEIVED&time=$(($(date +%s) - 20))" 2>&1) || true
    number=$(value <<<"$answer")
    printf '%s\n' "${number:-none}" >>"$1/received"
    [[ -n $number ]] || printf '%(%T)T %s\n' -1 "$answer" >>"$1/holes"
    sleep 0.5
  done
}

# The changes of the hashring since that time, from events.
events_since() { # TIME
  kube -n monitoring get events --field-selector reason=Hashring \
    -o go-template='{{range .items}}{{.metadata.creationTimestamp}} {{.message}}{{"\n"}}{{end}}' |
    awk -v since="$1" '$1 >= since' | sort | cut -d ' ' -f 2- | indent
}

# The points of a graph of the last minutes, and how many different values they have.
graph() { # API FROM TO
  kube get --raw "$1/api/v1/query_range?query=$RECEIVED&start=$2&end=$3&step=15" |
    grep -o '\[[0-9.]*,"[0-9]*"\]' | awk -F'"' '{ points++; values[$2]++ } END { for (v in values) different++; printf "%d %d\n", points, different }'
}

show_receive() {
  local api since began points different wanted
  title "Prometheus writes to a ThanosReceive as well, which keeps every sample twice:"
  sed '/^#/d' e2e/fixtures/demo/receive/receive.yaml | indent
  begin "three ingesters are the hashring of two routers"
  apply -f e2e/fixtures/demo/receive
  until_true 180 stable_with 3 || die "no hashring of 3 members: kubectl -n monitoring describe thanosreceive demo"
  wait_for 60 monitoring deployment/thanos-receive-router-demo --for=jsonpath='{.status.readyReplicas}'=2
  finish
  begin "both replicas of monitoring/k8s write to them: remoteWrite in the Prometheus resource"
  kube -n monitoring patch prometheus k8s --type merge --patch-file e2e/fixtures/kube-prometheus/with-remote-write.yaml >/dev/null
  wait_for 60 monitoring thanosquery/received --for=condition=Ready
  # The node renews the configuration within some minutes.
  until_true 300 as_many_received || die "Prometheus has ${REPLICA:-no} targets, and the ingesters ${MERGED:-none}"
  finish
  kube -n monitoring get thanosreceive demo | indent
  say "count(up{job=\"prometheus-k8s\"}), from the ingesters alone: $MERGED   prometheus-k8s-0: $REPLICA"

  title "One ingester is removed while it is queried (spec.ingesterSpec.hashrings[0].replicas: 2):"
  wanted=$MERGED
  api=$(query_api monitoring received)
  SCRATCH=$(mktemp -d)
  repeat_received "$SCRATCH" "$api" &
  QUERYING=$!
  since=$(date -u +%FT%TZ)
  began=$(date +%s)
  begin "it has left the hashring, uploaded its samples and is deleted"
  kube -n monitoring patch thanosreceive demo --type json \
    -p '[{"op":"replace","path":"/spec/ingesterSpec/hashrings/0/replicas","value":2}]' >/dev/null
  until_true 300 stable_with 2 || die "still: $(hashring step): $(hashring message)"
  finish
  events_since "$since"
  touch "$SCRATCH/stop"
  wait "$QUERYING"
  QUERYING=
  say "Queried $(wc -l <"$SCRATCH/received") times meanwhile; results (times, value):"
  sort "$SCRATCH/received" | uniq -c | indent
  if [[ -e $SCRATCH/holes ]]; then
    indent <"$SCRATCH/holes" >&2
    die "some queries failed or returned an empty result"
  fi
  read -r points different < <(graph "$api" "$began" "$(($(date +%s) - 20))")
  say "A graph of that time: $points points of 15 s, $different value(s); its volume is kept:"
  kube -n monitoring get persistentvolumeclaim data-thanos-receive-ingester-demo-default-2 | indent
  [[ $(sort -u "$SCRATCH/received") == "$wanted" && $different == 1 ]] ||
    die "the graph is not one line at $wanted"
}
