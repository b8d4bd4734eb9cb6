#!/usr/bin/env bash
# Makes everything that a release consists of. See --help.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
HACK_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$HACK_DIR/.."
# shellcheck source=cluster/common.sh
source hack/cluster/common.sh
# shellcheck source=cluster/programs.sh
source hack/cluster/programs.sh
# shellcheck source=cluster/images.sh
source hack/cluster/images.sh

usage() {
  cat <<'HELP'
Makes everything that a release consists of, without a container engine. Publishes nothing.

  hack/release.sh [OPTION...] DIR

      --registry REGISTRY   registry and path of the images (registry.example.com/thanos-operator)
      --arch LIST           architectures, separated by commas (amd64,arm64)
      --only LIST           programs, separated by commas (all)
      --tag TAG             fail unless the workspace has this version
      --sbom                also a list of the dependencies of each program, in CycloneDX format

DIR must be empty or absent. It gets:

  NAME-VERSION-linux-ARCH.tar.gz   each program, static
  images/NAME                      the image of each controller for all architectures, as an OCI layout
  install-OVERLAY.yaml             each overlay, with the registry of the images
  thanos-operator-VERSION.tgz      the Helm chart, with the registry of the images
  NAME.cdx.json                    with --sbom
  CHANGELOG.md                     the commits since the tag before
  SHA256SUMS                       checksums of the files
HELP
}

bad_usage() {
  printf 'release.sh: %s (see hack/release.sh --help)\n' "$*" >&2
  exit 2
}

fail() {
  printf 'release.sh: %s\n' "$*" >&2
  exit 1
}

# Every program of the workspace for users: the binaries of crates/. Controllers have images.
programs() {
  local main
  for main in crates/*/src/main.rs; do basename "${main%/src/main.rs}"; done
}

target_of() { # ARCHITECTURE
  case $1 in
    amd64) echo x86_64-unknown-linux-musl ;;
    arm64) echo aarch64-unknown-linux-musl ;;
    *) bad_usage "unknown architecture $1" ;;
  esac
}

# Zig links, and compiles C, for every target; from pinned packages, into the cache.
install_zigbuild() {
  local key folder
  key=$(sha256sum <hack/tools/zigbuild/requirements.txt)
  folder=$CACHE_DIR/zigbuild/${key:0:20}
  if [[ ! -x $folder/bin/cargo-zigbuild ]]; then
    note "installing cargo-zigbuild"
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
      -r hack/tools/zigbuild/requirements.txt
  fi
  # Zig is a module of the Python there.
  PATH=$folder/bin:$PATH
}

build_binaries() { # ARCHITECTURE PROGRAM...
  local target began program
  local -a packages=()
  target=$(target_of "$1")
  shift
  began=$(now)
  for program in "$@"; do packages+=(-p "$program"); done
  rustup --quiet target add "$target"
  cargo zigbuild --quiet --release --locked --target "$target" "${packages[@]}"
  step "built $* for $target" "$began"
}

binary() { echo "${CARGO_TARGET_DIR:-target}/$(target_of "$1")/release/$2"; } # ARCHITECTURE PROGRAM

# Fails unless the file is a static ELF program for the architecture: no interpreter, no shared library.
check_binary() { # ARCHITECTURE FILE
  local machine found
  case $1 in
    amd64) machine='62 0' ;; # EM_X86_64
    arm64) machine='183 0' ;; # EM_AARCH64
  esac
  found=$(od -An -tu1 -j18 -N2 "$2" | xargs)
  [[ $(head -c 4 "$2" | tail -c 3) == ELF && $found == "$machine" ]] || fail "$2 is no program for $1"
  if LC_ALL=C readelf --program-headers --dynamic "$2" | grep -E 'INTERP|NEEDED' >&2; then
    fail "$2 is not static"
  fi
}

pack_binaries() {
  local arch program
  for arch in "${ARCHITECTURES[@]}"; do
    for program in "${PROGRAMS_TO_SHIP[@]}"; do
      tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -czf "$DIST/$program-$VERSION-linux-$arch.tar.gz" \
        -C "$(dirname "$(binary "$arch" "$program")")" "$program" -C "$PWD" LICENSE
    done
  done
}

# The labels of Containerfile, as fields of JSON, without those of its arguments.
labels() { # PROGRAM
  local revision source
  revision=$(git rev-parse HEAD)
  source=${GITHUB_SERVER_URL:-https://github.com}/${GITHUB_REPOSITORY:-unknown}
  sed -n 's/^LABEL \([^=]*\)=\(".*"\)$/"\1":\2/p' Containerfile |
    sed -e "s|\$CONTROLLER|$1|; s|\$VERSION|$VERSION|; s|\$REVISION|$revision|; s|\$SOURCE|$source|" | paste -sd,
}

make_images() {
  local program arch user began layout
  local -a manifests
  user=$(sed -n 's/^USER //p' Containerfile)
  for program in "${PROGRAMS_TO_SHIP[@]}"; do
    [[ $program == *-controller ]] || continue
    began=$(now)
    layout=$DIST/images/$program
    manifests=()
    for arch in "${ARCHITECTURES[@]}"; do
      manifests+=("$(COMPRESS=1 add_image "$layout" "$arch" "/bin/$program" "$user" / "$(labels "$program")" \
        "$(binary "$arch" "$program")=/bin/$program")")
    done
    write_index "$layout" "$REGISTRY/$program:$VERSION" "${manifests[@]}"
    step "image of $program for ${ARCHITECTURES[*]}" "$began"
  done
}

# The overlays and the chart, from a copy in which the documented command set the registry.
make_manifests() {
  local work overlay helm chart=deploy/helm/thanos-operator
  work=$(mktemp -d)
  cp -r deploy "$work"
  sed -i "s|$PLACEHOLDER|$REGISTRY|" "$work/deploy/components/images/kustomization.yaml"
  for overlay in deploy/overlays/*; do
    kubectl kustomize "$work/$overlay" >"$DIST/install-$(basename "$overlay").yaml"
  done
  kubectl kustomize "$work/deploy/overlays/fresh-install/crds" >"$DIST/install-fresh-install-crds.yaml"
  ! grep -l "$PLACEHOLDER" "$DIST"/install-*.yaml || [[ $REGISTRY == "$PLACEHOLDER" ]] ||
    fail "a manifest has the placeholder of the registry"
  sed -i "s|^  registry: .*|  registry: ${REGISTRY%%/*}|; s|^  repository: .*|  repository: ${REGISTRY#*/}|" \
    "$work/$chart/values.yaml"
  helm=$("$HACK_DIR/cluster.sh" build helm)
  "$helm" package "$work/$chart" --destination "$DIST" >/dev/null
  rm -rf "$work"
}

make_sboms() {
  local root=$CACHE_DIR/cargo-cyclonedx/$CYCLONEDX_VERSION program
  if [[ ! -x $root/bin/cargo-cyclonedx ]]; then
    note "building cargo-cyclonedx $CYCLONEDX_VERSION"
    CARGO_TARGET_DIR=$root/target cargo install --quiet --locked --version "$CYCLONEDX_VERSION" --root "$root" cargo-cyclonedx
    rm -rf "$root/target"
  fi
  # Beside each manifest, and for all members of the workspace.
  "$root/bin/cargo-cyclonedx" cyclonedx --quiet --format json --describe crate --target "$(target_of amd64)" --override-filename sbom
  for program in "${PROGRAMS_TO_SHIP[@]}"; do mv "crates/$program/sbom.json" "$DIST/$program.cdx.json"; done
  rm -f crates/*/sbom.json e2e/sbom.json hack/xtask/sbom.json
}

# The commits since the tag before, by area.
make_changelog() {
  local before
  before=$(git describe --tags --abbrev=0 HEAD^ 2>/dev/null || true)
  {
    printf '# %s\n\n' "$VERSION"
    [[ -z $before ]] || printf 'Changes since %s:\n\n' "$before"
    git log --no-merges --reverse --format='- %s' "${before:+$before..}HEAD" | sort --stable -t: -k1,1
  } >"$DIST/CHANGELOG.md"
}

PLACEHOLDER=registry.example.com/thanos-operator
CYCLONEDX_VERSION=0.5.9
REGISTRY=$PLACEHOLDER DIST='' TAG='' SBOM=''
VERSION=v$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
ARCHITECTURES=(amd64 arm64)
mapfile -t PROGRAMS_TO_SHIP < <(programs)
while (($#)); do
  case $1 in
    --registry | --arch | --only | --tag)
      [[ -n ${2:-} ]] || bad_usage "$1 needs a value"
      case $1 in
        --registry) REGISTRY=${2,,} ;;
        --arch) IFS=, read -ra ARCHITECTURES <<<"$2" ;;
        --only) IFS=, read -ra PROGRAMS_TO_SHIP <<<"$2" ;;
        --tag) TAG=$2 ;;
      esac
      shift
      ;;
    --sbom) SBOM=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) bad_usage "unknown option $1" ;;
    *)
      [[ -z $DIST ]] || bad_usage "one folder, not $DIST and $1"
      DIST=$1
      ;;
  esac
  shift
done
[[ -n $DIST ]] || bad_usage "which folder?"
[[ $REGISTRY == */* ]] || bad_usage "the registry $REGISTRY has no path"
[[ -z $TAG || $TAG == "$VERSION" ]] || fail "the tag $TAG is not the version of the workspace, $VERSION"
mkdir -p "$DIST"
[[ -z $(ls -A "$DIST") ]] || fail "$DIST is not empty"
DIST=$(cd "$DIST" && pwd)

install_zigbuild
for arch in "${ARCHITECTURES[@]}"; do
  build_binaries "$arch" "${PROGRAMS_TO_SHIP[@]}"
  for program in "${PROGRAMS_TO_SHIP[@]}"; do check_binary "$arch" "$(binary "$arch" "$program")"; done
done
pack_binaries
make_images
make_manifests
[[ -z $SBOM ]] || make_sboms
make_changelog
cp LICENSE "$DIST"
sums=$(cd "$DIST" && find . -maxdepth 1 -type f -printf '%P\0' | sort -z | xargs -0 sha256sum)
echo "$sums" >"$DIST/SHA256SUMS"
note "a release is in $DIST"
