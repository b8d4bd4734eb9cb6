#!/usr/bin/env bash
# Fails on words that have no honest use here: they hide who acts. CONTRIBUTING.md says what to write.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

words='nobody|somebody|whoever|unheard|told|tells'
if git grep -nwiE "$words" -- '*.rs' '*.md' '*.sh' '*.yaml' '*.go' '*.toml' '*.snap' \
  ':!deploy/prometheus-operator' ':!hack/check-words.sh' ':!CONTRIBUTING.md' ':!hack/cluster/images.sh'; then
  echo "name the actor, and write reports, sends or emits (see CONTRIBUTING.md)" >&2
  exit 1
fi
