#!/usr/bin/env bash
# Checks the rule file with the promtool of the local cluster: its syntax, and in hack/alerts that each
# alert fires and does not fire.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

promtool=$(hack/cluster.sh build promtool)
"$promtool" check rules deploy/alerts/*.yaml
"$promtool" test rules hack/alerts/*.yaml
