# shellcheck shell=bash
# What every part of the local cluster uses: messages, waiting, and processes that `down` can find.

# --- messages: everything to stderr, since stdout is for results -------------------------------------

now() { echo "${EPOCHREALTIME/[.,]/}"; }

note() { printf '         %s\n' "$*" >&2; }

# step TEXT BEGAN: one line with the time that it took.
step() {
  local us=$(($(now) - $2))
  printf '%4d.%ds   %s\n' $((us / 1000000)) $((us / 100000 % 10)) "$1" >&2
}

die() {
  printf 'cluster.sh: %s\n' "$*" >&2
  exit 1
}

usage_error() {
  printf 'cluster.sh: %s (see hack/cluster.sh --help)\n' "$*" >&2
  exit 2
}

# --- names and places, all derived from the cluster's name -------------------------------------------

set_cluster() {
  NAME=$1
  STATE_ROOT=${THANOS_CLUSTER_STATE_ROOT:-${XDG_STATE_HOME:-$HOME/.local/state}/thanos-operator}
  STATE=$STATE_ROOT/$NAME
  LOGS=$STATE/logs
  # Network namespace and cgroup are seen by the whole machine: two state roots must not share them.
  local id
  id=$(printf '%s' "$STATE" | sha256sum)
  ID=${id:0:8}
  NETNS=thanos-operator-$NAME-$ID
  CGROUP_PREFIX=thanos-operator-
  CGROUP=$CGROUP_PREFIX$NAME-$ID
  CONTAINERD_SOCKET=$STATE/containerd.sock
  KUBECONFIG_ADMIN=$STATE/kubeconfig
  # The whole path of a Unix socket must fit in 107 bytes, with the suffix that containerd adds.
  [[ ${#CONTAINERD_SOCKET} -le 95 ]] ||
    die "the path $STATE is too long for a socket: set THANOS_CLUSTER_STATE_ROOT to a shorter folder"
}

# Held by `up` and `down` until they end; daemons and background jobs close it (see join_cluster).
lock_cluster() {
  local file=$STATE_ROOT/.$NAME.lock
  mkdir -p "$STATE_ROOT"
  while :; do
    exec 9>"$file"
    if ! flock -n 9; then
      note "waiting for another run on cluster $NAME to end"
      flock 9
    fi
    # `down` deletes the file in the end: a lock on a deleted file excludes no process.
    if [[ $file -ef /proc/$$/fd/9 ]]; then return 0; fi
  done
}

unlock_cluster() { rm -f "$STATE_ROOT/.$NAME.lock"; }

# --- cgroups -----------------------------------------------------------------------------------------
#
# One cgroup subtree per cluster. The daemons live in its `services` child and the kubelet puts the
# pods below it: everything that `up` ever starts, and whatever that starts, is found there, whatever
# happened to the script, its files or the daemons' parents. That is how `down` finds what to end.

cgroup_v2() { [[ -f /sys/fs/cgroup/cgroup.controllers ]]; }

# The mount points of all hierarchies that pods are put in.
cgroup_mounts() {
  if cgroup_v2; then echo /sys/fs/cgroup; else awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts; fi
}

# The hierarchy whose membership counts. runc puts containers in all of them.
cgroup_main() {
  if cgroup_v2; then echo /sys/fs/cgroup; else awk '$3 == "cgroup" && $4 ~ /(^|,)pids(,|$)/ { print $2; exit }' /proc/mounts; fi
}

create_cgroups() {
  local mount file
  for mount in $(cgroup_mounts); do
    mkdir -p "$mount/$CGROUP"
    # A v1 cpuset has no processors and no memory nodes until it is given some.
    for file in cpuset.cpus cpuset.mems; do
      if [[ -f $mount/$CGROUP/$file && -z $(<"$mount/$CGROUP/$file") ]]; then
        cat "$mount/$file" >"$mount/$CGROUP/$file" 2>/dev/null || true
      fi
    done
  done
  [[ -n $(cgroup_main) ]] || die "no cgroup hierarchy with the pids controller is mounted"
  mkdir -p "$(cgroup_main)/$CGROUP/services"
  # In v2 a cgroup has the controllers that its parent hands down.
  if cgroup_v2; then
    for mount in /sys/fs/cgroup "/sys/fs/cgroup/$CGROUP"; do
      for file in $(<"$mount/cgroup.controllers"); do
        echo "+$file" >"$mount/cgroup.subtree_control" 2>/dev/null || true
      done
    done
  fi
}

# The ids of all processes of this cluster.
cluster_pids() {
  local main
  main=$(cgroup_main)
  if [[ -n $main && -d $main/$CGROUP ]]; then
    find "$main/$CGROUP" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  fi
}

# --- daemons -----------------------------------------------------------------------------------------

# Makes a background job or daemon-to-be a member of the cluster's cgroup, without the lock.
join_cluster() {
  exec 9>&-
  echo "$BASHPID" >"$(cgroup_main)/$CGROUP/services/cgroup.procs"
}

# start_time PID: in clock ticks since boot, which distinguishes a process from a later one with its id.
# Nothing for a process that has ended, also if its parent has not collected it.
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # The command's name may hold spaces: count fields after its closing bracket.
  read -r -a stat <<<"${stat##*) }"
  [[ ${stat[0]} == Z ]] || echo "${stat[19]}"
}

# daemon NAME COMMAND...: starts it in the cluster's network namespace and records it.
daemon() {
  local name=$1 pid
  shift
  printf '%q ' "$@" >"$LOGS/$name.command"
  (
    join_cluster
    pid=$BASHPID # in $( ) it would be another one
    printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$STATE/run/$name.pid"
    # Not `ip netns exec`: that mounts a new /sys without the cgroups.
    exec setsid nsenter --net="/run/netns/$NETNS" "$@"
  ) </dev/null >"$LOGS/$name.log" 2>&1 &
}

daemon_alive() { # NAME
  local pid began
  { read -r pid began <"$STATE/run/$1.pid"; } 2>/dev/null || return 1
  [[ -n $began && $(start_time "$pid") == "$began" ]]
}

# --- waiting -----------------------------------------------------------------------------------------

# Shows the end of a component's log and ends the run.
fail_component() { # NAME WHAT
  printf 'cluster.sh: %s: %s. The end of %s:\n' "$1" "$2" "$LOGS/$1.log" >&2
  tail -n 15 "$LOGS/$1.log" 2>/dev/null | cut -c 1-400 | sed 's/^/    /' >&2
  exit 1
}

# wait_until SECONDS COMPONENT WHAT COMMAND...: until the command succeeds. The component is the one to
# blame when it does not; but when any daemon ends, that one is, and waiting ends.
wait_until() {
  local seconds=$1 component=$2 what=$3 deadline record
  shift 3
  deadline=$(($(now) + seconds * 1000000))
  until "$@" >/dev/null 2>&1; do
    for record in "$STATE"/run/*.pid; do
      # A daemon that was started a moment ago may still be writing its record.
      if [[ -s $record ]] && ! daemon_alive "$(basename "$record" .pid)"; then
        fail_component "$(basename "$record" .pid)" "it ended before $what came"
      fi
    done
    (($(now) < deadline)) || fail_component "$component" "$what did not come within $seconds s"
    sleep 0.1
  done
}

kube() { kubectl --kubeconfig "$KUBECONFIG_ADMIN" --request-timeout=10s "$@"; }
