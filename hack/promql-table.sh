#!/usr/bin/env bash
# Writes the table of PromQL's functions, as the parser has them that the pinned Thanos is built with.
#
#   hack/promql-table.sh           writes it
#   hack/promql-table.sh --check   compares only
#
# The tables of older versions of Thanos were made with their Prometheus, and do not change any more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

table=crates/thanos-rules/src/functions/0.42.tsv

pinned() { sed -n 's|.*github.com/prometheus/prometheus \(v[^ ]*\).*|\1|p' "hack/tools/$1/go.mod"; }
if [[ $(pinned promql) != "$(pinned thanos)" ]]; then
  echo "hack/tools/promql pins Prometheus $(pinned promql), and hack/tools/thanos $(pinned thanos)" >&2
  exit 1
fi

print() { (cd hack/tools/promql && GOWORK=off CGO_ENABLED=0 go run .); }

case ${1:-} in
  '') print >"$table" ;;
  --check)
    if ! print | diff -u "$table" -; then
      echo "$table is outdated: run hack/promql-table.sh" >&2
      exit 1
    fi
    ;;
  -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" ;;
  *)
    echo "promql-table.sh: unknown argument '$1' (see --help)" >&2
    exit 2
    ;;
esac
