# shellcheck shell=bash
# Container images made from single programs, without a container engine: a docker archive with one layer.

# image | program | path in the image | user, as the public image has it (but always as a number, since
# only that can be checked by runAsNonRoot) | working folder, which the user owns | further programs, in the same folder
IMAGES="
registry.k8s.io/pause:$PAUSE_VERSION|pause|/pause|65535|/|
registry.k8s.io/coredns/coredns:v$COREDNS_VERSION|coredns|/coredns|65532|/|
quay.io/thanos/thanos:v$THANOS_VERSION|thanos|/bin/thanos|1001|/|
quay.io/prometheus/prometheus:v$PROMETHEUS_VERSION|prometheus|/bin/prometheus|65534|/prometheus|promtool
quay.io/prometheus/alertmanager:v$ALERTMANAGER_VERSION|alertmanager|/bin/alertmanager|65534|/alertmanager|
quay.io/prometheus-operator/prometheus-operator:v$PROMETHEUS_OPERATOR_VERSION|operator|/bin/operator|65534|/|
quay.io/prometheus-operator/prometheus-operator:v$NEWEST_PROMETHEUS_OPERATOR_VERSION|operator-newest|/bin/operator|65534|/|
quay.io/prometheus-operator/prometheus-config-reloader:v$PROMETHEUS_OPERATOR_VERSION|prometheus-config-reloader|/bin/prometheus-config-reloader|65534|/|
ghcr.io/versity/versitygw:v$VERSITYGW_VERSION|versitygw|/usr/local/bin/versitygw|0|/|
"

# make_image ARCHIVE IMAGE ENTRYPOINT USER WORKING_FOLDER SOURCE=PATH...
make_image() {
  local archive=$1 image=$2 entrypoint=$3 user=$4 folder=$5 work architecture file layer
  shift 5
  work=$(mktemp -d "$(dirname "$archive")/.work.XXXXXX")
  mkdir -p "$work/root/etc" "$work/root/tmp" "$work/root$folder"
  chmod 1777 "$work/root/tmp"
  printf 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' >"$work/root/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$work/root/etc/group"
  [[ $folder == / ]] || chown "$user:$user" "$work/root$folder"
  for file in "$@"; do
    mkdir -p "$work/root$(dirname "${file#*=}")"
    cp -L "${file%%=*}" "$work/root${file#*=}"
  done
  case $(uname -m) in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) architecture=$(uname -m) ;;
  esac
  tar -C "$work/root" --sort=name --mtime=@0 --numeric-owner -cf "$work/layer.tar" .
  layer=$(sha256sum <"$work/layer.tar")
  cat >"$work/config.json" <<JSON
{"architecture":"$architecture","os":"linux","created":"1970-01-01T00:00:00Z",
 "config":{"User":"$user","Entrypoint":["$entrypoint"],"WorkingDir":"$folder","Env":["PATH=/usr/local/bin:/usr/bin:/bin"]},
 "rootfs":{"type":"layers","diff_ids":["sha256:${layer%% *}"]}}
JSON
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]\n' "$image" >"$work/manifest.json"
  tar -C "$work" -cf "$work/image.tar" manifest.json config.json layer.tar
  mv "$work/image.tar" "$archive"
  rm -rf "$work"
}

# The archives of the node's images, made where missing. Prints the path of each.
image_archives() {
  compute_keys
  local image program path user folder more extra key archive
  local -a files
  while IFS='|' read -r image program path user folder more; do
    [[ -n $image ]] || continue
    files=("$(program_path "$program")=$path")
    for extra in $more; do files+=("$(program_path "$extra")=${path%/*}/$extra"); done
    # The second half is the way that images are made, so that a change of it makes them anew.
    key=$(printf '%s\n' "$image" "$user" "$folder" "${files[@]#"$CACHE_DIR"}" "$(declare -f make_image)" | sha256sum)
    archive=$CACHE_DIR/images/$program-${key:0:20}.tar
    if [[ ! -f $archive ]]; then
      mkdir -p "$CACHE_DIR/images"
      make_image "$archive" "$image" "$path" "$user" "$folder" "${files[@]}"
    fi
    echo "$archive"
  done <<<"$IMAGES"
}

import_image() { "$(program_path ctr)" --address "$CONTAINERD_SOCKET" --namespace k8s.io images import "$1"; }

# A background job of `up`: also what is left of it after a crash must be found by `down`.
import_node_images() { # ARCHIVE...
  local archive
  join_cluster
  exec </dev/null >"$LOGS/images.log" 2>&1
  wait_until 60 containerd "its first answer" containerd_answers
  # Two at a time: unpacking is work for the disk and for one processor.
  printf '%s\0' "$@" | xargs -0 -n 1 -P 2 "$(program_path ctr)" --address "$CONTAINERD_SOCKET" --namespace k8s.io images import
}

containerd_answers() { "$(program_path ctr)" --address "$CONTAINERD_SOCKET" version; }

command_load_image() {
  local user=65534 entrypoint="" began file path library
  local -a words=() files=()
  began=$(now)
  while (($#)); do
    case $1 in
      --user | --entrypoint)
        (($# > 1)) || usage_error "$1 needs a value"
        [[ $1 == --user ]] && user=$2 || entrypoint=$2
        shift
        ;;
      -*) usage_error "load-image does not know '$1'" ;;
      *) words+=("$1") ;;
    esac
    shift
  done
  ((${#words[@]} >= 2)) || usage_error "load-image needs a reference and a program"
  [[ $user =~ ^[0-9]+$ ]] || usage_error "the user must be a number, not '$user'"
  [[ ${words[0]##*/} == *:* || ${words[0]} == *@* ]] || usage_error "the reference '${words[0]}' has no tag"
  [[ -z $entrypoint || $entrypoint == /* ]] || usage_error "the entrypoint '$entrypoint' is not a whole path"
  require_root
  require_up
  [[ $(<"$STATE/mode") == node ]] || die "cluster $NAME has no node that could run an image"
  : "${entrypoint:=/bin/$(basename "${words[1]}")}"
  files=("${words[1]}=$entrypoint")
  # A program that is not static brings its libraries along.
  for library in $(ldd "${words[1]}" 2>/dev/null | grep -o '/[^ ]*'); do files+=("$library=$library"); done
  for file in "${words[@]:2}"; do
    path=/bin/$(basename "$file")
    if [[ $file == *:/* ]]; then path=${file#*:} file=${file%%:*}; fi
    files+=("$file=$path")
  done
  for file in "${files[@]}"; do [[ -f ${file%%=*} ]] || die "there is no file ${file%%=*}"; done
  compute_keys
  local archive
  archive=$(mktemp -u "$STATE/image.XXXXXX.tar")
  make_image "$archive" "${words[0]}" "$entrypoint" "$user" / "${files[@]}"
  import_image "$archive" >/dev/null || die "the image ${words[0]} could not be imported"
  rm -f "$archive"
  step "image ${words[0]} is on the node of $NAME" "$began"
}
