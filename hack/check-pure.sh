#!/usr/bin/env bash
# The pure crates must compile alone, without an async runtime or an HTTP client: a build of the
# whole workspace unifies features and would hide a leak.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for crate in go-yaml kube-facts thanos-api promop-compat thanos-rules thanos-workload; do
  cargo check --quiet -p "$crate"
  leaked=$(cargo tree -p "$crate" -e normal --prefix none | cut -d' ' -f1 | sort -u |
    grep -xE 'tokio|hyper|hyper-util|reqwest|rustls|tower' || true)
  if [ -n "$leaked" ]; then
    echo "$crate is meant to be pure, and depends on: ${leaked//$'\n'/, }" >&2
    exit 1
  fi
done
