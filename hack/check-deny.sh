#!/usr/bin/env bash
# Checks the dependencies against deny.toml.
#
#   hack/check-deny.sh              licences, sources and duplicate versions
#   hack/check-deny.sh advisories   known vulnerabilities; fetches the advisory database
#
# cargo-deny is built once, into the cache folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=0.20.2
root=${XDG_CACHE_HOME:-$HOME/.cache}/thanos-operator/cargo-deny/$VERSION

case ${1:-} in
  '') checks=(bans licenses sources) ;;
  advisories) checks=(advisories) ;;
  -h | --help)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit
    ;;
  *)
    echo "check-deny.sh: unknown argument '$1' (see --help)" >&2
    exit 2
    ;;
esac

if [[ ! -x $root/bin/cargo-deny ]]; then
  echo "building cargo-deny $VERSION, once" >&2
  # Its own folder: a build there must not mix with the build of the workspace. Unoptimized: it builds in a
  # fraction of the time, and checks for seconds.
  CARGO_TARGET_DIR=${CARGO_DENY_TARGET_DIR:-$root/target} \
    cargo install --quiet --debug --locked --version "$VERSION" --root "$root" cargo-deny
  [[ -n ${CARGO_DENY_TARGET_DIR:-} ]] || rm -rf "$root/target"
fi
exec "$root/bin/cargo-deny" --all-features check "${checks[@]}"
