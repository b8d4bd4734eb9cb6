#!/usr/bin/env bash
# Fails on words that have no honest use here: they hide who acts. CONTRIBUTING.md says what to write.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Also inside of names, whose words are separated by underscores.
words='(^|[^a-zA-Z])(nobody|somebody|whoever|unheard|told|tells)([^a-zA-Z]|$)'
if git grep -niE "$words" -- '*.rs' '*.md' '*.sh' '*.yaml' '*.go' '*.toml' '*.snap' \
  ':!deploy/prometheus-operator' ':!hack/check-words.sh' ':!CONTRIBUTING.md' ':!hack/cluster/images.sh'; then
  echo "name the actor, and write reports, sends or emits (see CONTRIBUTING.md)" >&2
  exit 1
fi
