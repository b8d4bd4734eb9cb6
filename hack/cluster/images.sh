# shellcheck shell=bash
# Container images made from single programs, without a container engine.

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

# --- OCI layouts: what the local cluster imports, and what a release publishes (hack/release.sh) ---------

OCI=application/vnd.oci.image

# add_blob LAYOUT FILE MEDIA_TYPE [FIELDS]: moves the file into the layout. Prints its descriptor.
add_blob() {
  local digest
  digest=$(sha256sum <"$2")
  digest=${digest%% *}
  printf '{"mediaType":"%s","digest":"sha256:%s","size":%s%s}\n' "$3" "$digest" "$(stat -c %s "$2")" "${4:+,$4}"
  mv "$2" "$1/blobs/sha256/$digest"
}

# add_image LAYOUT ARCHITECTURE ENTRYPOINT USER WORKING_FOLDER LABELS SOURCE=PATH...
# An image with one layer. LABELS are fields of JSON. Prints the descriptor of its manifest. With
# COMPRESS=1 the layer is compressed, which takes longer and makes it smaller to transfer.
add_image() {
  local layout=$1 architecture=$2 entrypoint=$3 user=$4 folder=$5 labels=$6 work file layer diff config
  local type=$OCI.layer.v1.tar
  local -a owner=()
  shift 6
  mkdir -p "$layout/blobs/sha256"
  work=$(mktemp -d "$layout/.work.XXXXXX")
  mkdir -p "$work/root/etc" "$work/root/tmp" "$work/root$folder"
  chmod 755 "$work/root" "$work/root/etc"
  chmod 1777 "$work/root/tmp"
  printf 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n' >"$work/root/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$work/root/etc/group"
  # All belongs to root, whoever builds the image, but for a working folder.
  if [[ $folder == / ]]; then owner=(--owner=0 --group=0); else chown "$user:$user" "$work/root$folder"; fi
  for file in "$@"; do
    mkdir -p "$work/root$(dirname "${file#*=}")"
    cp -L "${file%%=*}" "$work/root${file#*=}"
  done
  tar -C "$work/root" --sort=name --mtime=@0 --numeric-owner "${owner[@]}" -cf "$work/layer" .
  diff=$(sha256sum <"$work/layer")
  if [[ -n ${COMPRESS:-} ]]; then
    gzip --best --no-name <"$work/layer" >"$work/layer.gz"
    mv "$work/layer.gz" "$work/layer"
    type+=+gzip
  fi
  layer=$(add_blob "$layout" "$work/layer" "$type")
  cat >"$work/config" <<JSON
{"architecture":"$architecture","os":"linux","created":"1970-01-01T00:00:00Z",
 "config":{"User":"$user","Entrypoint":["$entrypoint"],"WorkingDir":"$folder","Labels":{$labels},
  "Env":["PATH=/usr/local/bin:/usr/bin:/bin"]},
 "rootfs":{"type":"layers","diff_ids":["sha256:${diff%% *}"]}}
JSON
  config=$(add_blob "$layout" "$work/config" $OCI.config.v1+json)
  printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' \
    $OCI.manifest.v1+json "$config" "$layer" >"$work/manifest"
  add_blob "$layout" "$work/manifest" $OCI.manifest.v1+json \
    "\"platform\":{\"architecture\":\"$architecture\",\"os\":\"linux\"}"
  rm -rf "$work"
}

# write_index LAYOUT IMAGE MANIFEST...: completes a layout. Several manifests, one for each architecture,
# become an index of their own.
write_index() {
  local layout=$1 image=$2 manifests entry
  shift 2
  manifests=$(printf ',%s' "$@")
  entry=${1%\}}
  if (($# > 1)); then
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' $OCI.index.v1+json "${manifests:1}" >"$layout/.index"
    entry=$(add_blob "$layout" "$layout/.index" $OCI.index.v1+json)
    entry=${entry%\}}
  fi
  printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
  printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
    $OCI.index.v1+json "$entry" "$image" "${image##*:}" >"$layout/index.json"
}

# The architecture of this machine, as images name it.
own_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# make_image ARCHIVE IMAGE ENTRYPOINT USER WORKING_FOLDER SOURCE=PATH...: an image of this machine's
# architecture, as an archive for `ctr images import`, kind and k3d.
make_image() {
  local archive=$1 image=$2 entrypoint=$3 user=$4 folder=$5 work manifest
  shift 5
  work=$(mktemp -d "$(dirname "$archive")/.work.XXXXXX")
  manifest=$(add_image "$work" "$(own_architecture)" "$entrypoint" "$user" "$folder" "" "$@")
  write_index "$work" "$image" "$manifest"
  tar -C "$work" -cf "$work.tar" oci-layout index.json blobs
  mv "$work.tar" "$archive"
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
    key=$(printf '%s\n' "$image" "$user" "$folder" "${files[@]#"$CACHE_DIR"}" "$(declare -f make_image add_image add_blob write_index)" | sha256sum)
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
  # containerd takes the name as it is, and the kubelet looks for one with a registry.
  [[ ${words[0]} == */* && ${words[0]%%/*} == *[.:]* ]] || usage_error "the reference '${words[0]}' has no registry"
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
