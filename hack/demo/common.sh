# shellcheck shell=bash
# Messages, waiting and reading, for all parts of the demo.

# --- steps: one line each, with the time that it took ------------------------------------------------

# The current step, which a failure names, and its start time.
STEP='' BEGAN=0

now() { echo "${EPOCHREALTIME/[.,]/}"; }

begin() { # TEXT
  STEP=$1
  BEGAN=$(now)
}

finish() {
  local us=$(($(now) - BEGAN))
  printf '%4d.%ds   %s\n' $((us / 1000000)) $((us / 100000 % 10)) "$STEP"
  STEP=
}

title() { printf '\n%s\n' "$*"; }
say() { printf '         %s\n' "$*"; }
indent() { sed 's/^/         /'; }

die() {
  printf 'demo.sh: %s\n' "$*" >&2
  exit 1
}

# --- prerequisites -----------------------------------------------------------------------------------

require() { # COMMAND WHERE-FROM
  command -v "$1" >/dev/null || die "$1 is missing: see $2"
}

# What building the controller needs. The local cluster installs its own prerequisites.
require_rust() {
  if ! command -v cc >/dev/null; then
    if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
      begin "installed gcc and libc6-dev"
      { apt-get install -y -q --no-install-recommends gcc libc6-dev ||
        { apt-get update && apt-get install -y -q --no-install-recommends gcc libc6-dev; }; } >/dev/null 2>&1 ||
        die "a C linker is missing and apt-get could not install it: install the packages gcc and libc6-dev"
      finish
    else
      die "a C linker is missing: install the packages gcc and libc6-dev"
    fi
  fi
  [[ ! -f $HOME/.cargo/env ]] || command -v cargo >/dev/null || PATH=$PATH:$HOME/.cargo/bin
  require cargo "https://rustup.rs (rust-toolchain.toml says which version, rustup fetches it)"
}

# --- the cluster -------------------------------------------------------------------------------------

kube() { kubectl ${CONTEXT:+--context "$CONTEXT"} "$@"; }

# The demo takes over the fields that it applies.
apply() { kube apply --server-side --force-conflicts --field-manager=demo "$@" >/dev/null; }

# Waits for a condition of one object. On a timeout, prints the state of the namespace.
wait_for() { # SECONDS NAMESPACE OBJECT --for=…
  local seconds=$1 namespace=$2 object=$3 error
  shift 3
  error=$(kube -n "$namespace" wait "$object" "$@" --timeout="${seconds}s" 2>&1 >/dev/null) && return 0
  {
    printf 'demo.sh: %s in %s: %s did not come within %d s\n' "$object" "$namespace" "$*" "$seconds"
    printf '%s\n' "$error" | tail -n 3
    explain "$namespace" "$object"
  } >&2
  return 1
}

# Repeats a command until it succeeds; fails if that takes too long.
until_true() { # SECONDS COMMAND…
  local deadline
  deadline=$(($(now) + $1 * 1000000))
  shift
  until "$@"; do
    (($(now) < deadline)) || return 1
    sleep 0.3
  done
}

explain() { # NAMESPACE OBJECT
  printf -- '--- conditions of %s\n' "$2"
  kube -n "$1" get "$2" -o go-template='{{with .status}}{{range .conditions}}{{.type}}={{.status}} {{.reason}}: {{.message}}{{"\n"}}{{end}}{{end}}' || true
  printf -- '--- pods in %s\n' "$1"
  kube -n "$1" get pods -o wide || true
  printf -- '--- latest warnings in %s\n' "$1"
  kube -n "$1" get events --field-selector type=Warning --sort-by .metadata.creationTimestamp | tail -n 8 || true
}

# The value of an instant query; empty if there is no result. BASE is the API server path of a Prometheus
# API.
query() { # BASE QUERY [PARAMETERS]
  kube get --request-timeout=20s --raw "$1/api/v1/query?query=$2${3:+&$3}" 2>/dev/null | value
}

value() { sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p'; }

pod_api() { echo "/api/v1/namespaces/$1/pods/$2:9090/proxy"; } # NAMESPACE POD

# The Query API of a ThanosQuery, through its Service; fails without one.
query_api() { # NAMESPACE NAME
  local service
  service=$(kube -n "$1" get services -l "app.kubernetes.io/component=query-layer,operator.thanos.io/owner=$2" \
    -o go-template='{{range .items}}{{if ne .spec.clusterIP "None"}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}' | head -n 1)
  [[ -n $service ]] || return 1
  echo "/api/v1/namespaces/$1/services/$service:http/proxy"
}
