# shellcheck shell=bash
# Removing a cluster, in whatever state it is.

command_down() {
  (($# == 0)) || usage_error "down takes no '$1'"
  local began
  began=$(now)
  require_root
  lock_cluster
  if [[ $(cluster_mode) == down ]]; then
    unlock_cluster
    step "cluster $NAME is not there" "$began"
    return 0
  fi
  remove_cluster
  unlock_cluster
  step "cluster $NAME is deleted" "$began"
}

# Ends processes first: the mounts, pods' networks and veth pairs live in namespaces that end with them.
remove_cluster() {
  end_processes
  remove_network
  remove_cgroups
  remove_folders
}

end_processes() {
  local pid deadline
  # Nothing of the cluster is worth an orderly stop, and what is not stopped cannot start anything new.
  # The members of the cgroup are all that `up` started, shims and containers included, and nothing else.
  deadline=$(($(now) + 60000000))
  while pid=$(cluster_pids) && [[ -n $pid ]]; do
    # shellcheck disable=SC2086 # a list of numbers; one may have ended by now
    kill -KILL $pid 2>/dev/null || true
    thaw_cgroups
    (($(now) < deadline)) || die "these processes of cluster $NAME do not end: ${pid//$'\n'/ }"
    sleep 0.05
  done
}

# A frozen process of cgroup v1 does not even die.
thaw_cgroups() {
  local mount
  for mount in $(cgroup_mounts); do
    [[ -d $mount/$CGROUP ]] || continue
    find "$mount/$CGROUP" -name freezer.state -exec sh -c 'for f; do echo THAWED >"$f"; done' sh {} + 2>/dev/null || true
  done
}

remove_cgroups() {
  local mount deadline
  deadline=$(($(now) + 20000000))
  for mount in $(cgroup_mounts); do
    # The last exit may take the kernel a moment.
    while [[ -d $mount/$CGROUP ]]; do
      find "$mount/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
      (($(now) < deadline)) || die "the cgroup $mount/$CGROUP cannot be removed"
      [[ ! -d $mount/$CGROUP ]] || sleep 0.05
    done
  done
}

remove_folders() {
  remove_mount_points
  # All mounts below are in a deleted mount namespace; if one is left, the files behind it are not deleted.
  rm -rf --one-file-system "$STATE"
}
