# shellcheck shell=bash disable=SC2034 # other parts use what is set here
# The cluster's own network namespace: its rules, bridges and ports stay out of the machine's network.
# One veth pair with a /30 of its own makes the API server reachable from the machine. There is no way
# further out, so an image that is not on the node or an outside address fails at once, and alike everywhere.

NETWORK_PREFIX=172.31
SERVICE_NETWORK=10.96.0.0/16
API_SERVICE_ADDRESS=10.96.0.1
DNS_SERVICE_ADDRESS=10.96.0.10
POD_NETWORK=10.244.0.0/24

# Names of network devices have at most 15 characters.
host_veth() { echo "thop$ID"; }

# Choosing an address and making use of it must be one step among all clusters.
create_network() {
  mkdir -p "$STATE_ROOT"
  (
    flock 7
    choose_addresses
    # `ip netns` makes a mount of this folder for its first namespace. Remember to take it away.
    mountpoint -q /run/netns || touch "$STATE_ROOT/.netns-mount"
    ip netns add "$NETNS"
    local host node
    host=$(address_of host) node=$(address_of node)
    ip link add "$(host_veth)" type veth peer name eth0 netns "$NETNS"
    ip address add "$host/30" dev "$(host_veth)"
    ip link set "$(host_veth)" up
    ip -n "$NETNS" link set lo up
    ip -n "$NETNS" address add "$node/30" dev eth0
    ip -n "$NETNS" link set eth0 up
    # A packet to a Service needs a route before kube-proxy's rules can give it its real destination.
    ip -n "$NETNS" route add "$SERVICE_NETWORK" dev eth0
    ip -n "$NETNS" route add unreachable default
  ) 7>"$STATE_ROOT/.machine.lock" || die "the network namespace $NETNS could not be made"
  nsenter --net="/run/netns/$NETNS" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# A free /30 for this cluster: starts at a place given by its name, so that it mostly stays the same.
choose_addresses() {
  local slot=$((16#$ID % 16384)) tries base
  for ((tries = 0; tries < 16384; tries++)); do
    base=$NETWORK_PREFIX.$((slot / 64)).$((slot % 64 * 4))
    if address_is_free "$base"; then
      printf '%s\n' "$base" >"$STATE/network"
      return 0
    fi
    slot=$(((slot + 1) % 16384))
  done
  die "no /30 of $NETWORK_PREFIX.0.0/16 is free on this machine"
}

# Free is what no other route than the default one leads to.
address_is_free() { # BASE
  local i route
  for i in 0 1 2 3; do
    route=$(ip -4 route get fibmatch "${1%.*}.$((${1##*.} + i))" 2>/dev/null || true)
    [[ -z $route || $route == default* ]] || return 1
  done
}

# address_of host|node
address_of() {
  local base
  base=$(<"$STATE/network")
  case $1 in
    host) echo "${base%.*}.$((${base##*.} + 1))" ;;
    node) echo "${base%.*}.$((${base##*.} + 2))" ;;
  esac
}

remove_network() {
  (
    flock 7
    # The other end of the veth pair is removed with the namespace, but only after its last process ended.
    ip link delete "$(host_veth)" 2>/dev/null || true
    if [[ -e /run/netns/$NETNS ]]; then ip netns delete "$NETNS"; fi
    if [[ -e $STATE_ROOT/.netns-mount && -z $(ls -A /run/netns 2>/dev/null) ]]; then
      umount /run/netns 2>/dev/null || true
      rmdir /run/netns 2>/dev/null || true
      rm -f "$STATE_ROOT/.netns-mount"
    fi
  ) 7>"$STATE_ROOT/.machine.lock"
}
