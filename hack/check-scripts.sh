#!/usr/bin/env bash
# Lints the scripts and the workflows, installing the linters where that is possible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v shellcheck >/dev/null; then
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get install -qq -y shellcheck >/dev/null 2>&1 ||
      { apt-get update -qq && apt-get install -qq -y shellcheck >/dev/null; }
  else
    echo "shellcheck is missing: install the package shellcheck" >&2
    exit 1
  fi
fi
mapfile -t scripts < <(git ls-files -co --exclude-standard 'hack/*.sh' 'hack/**/*.sh' '.ci/run')
shellcheck -x "${scripts[@]}"
# With shellcheck for the commands in them.
"$(hack/cluster.sh build actionlint)" .github/workflows/*.yaml
