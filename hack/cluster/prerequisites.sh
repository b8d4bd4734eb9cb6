# shellcheck shell=bash disable=SC2034 # other parts use what is set here
# What must be on the machine. As root on Debian, missing packages are installed.

CONTROL_PLANE_COMMANDS="ip:iproute2 openssl:openssl nsenter:util-linux flock:util-linux sha256sum:coreutils"
NODE_COMMANDS="runc:runc iptables:iptables nft:nftables conntrack:conntrack ethtool:ethtool tar:tar"

require_root() {
  [[ $(id -u) -eq 0 ]] || die "this needs root: network namespaces, mounts and cgroups"
}

missing_commands() { # PAIRS: prints the pairs command:package that are missing
  local pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || echo "$pair"
  done
}

# require_commands PAIR...: installs the packages of missing commands, or names one of them.
require_commands() {
  local missing packages pair began
  missing=$(missing_commands "$@")
  [[ -n $missing ]] || return 0
  if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    began=$(now)
    packages=$(for pair in $missing; do echo "${pair#*:}"; done | sort -u | tr '\n' ' ')
    # shellcheck disable=SC2086 # a list of words
    install_packages $packages || true
    hash -r
    missing=$(missing_commands "$@")
    [[ -n $missing ]] || { step "installed $packages" "$began" && return 0; }
  fi
  pair=$(head -n 1 <<<"$missing")
  die "${pair%%:*} is missing: install the package ${pair#*:}"
}

install_packages() {
  local log=$STATE_ROOT/apt.log
  mkdir -p "$STATE_ROOT"
  apt_install "$@" >"$log" 2>&1 9>&- && rm -f "$log" && return 0
  # Package lists may be absent or old on a fresh machine.
  apt-get update >>"$log" 2>&1 9>&- && apt_install "$@" >>"$log" 2>&1 9>&- && rm -f "$log" && return 0
  note "apt-get failed: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log") (all of it: $log)"
  return 1
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }

# Debian 12 packages a kubectl that is too old for what we do, so a machine without one gets ours.
require_kubectl() {
  command -v kubectl >/dev/null && return 0
  build_programs kubectl
  PATH=$PATH:$(dirname "$(program_path kubectl)")
}
