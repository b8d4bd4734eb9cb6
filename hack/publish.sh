#!/usr/bin/env bash
# Publishes what hack/release.sh made: the release workflow runs this after a login to the registry.
#
#   hack/publish.sh REGISTRY DIR
#
# Pushes the images and the chart, signs them and the checksums without a key, and attests the SBOM of each
# image. Needs skopeo and cosign. Writes DIR/SUBJECTS, the checksums of everything that was published, and
# DIR/FILES, the paths of the files for the release page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# != 2)); then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
registry=${1,,} dist=$2
version=v$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
helm=$(hack/cluster.sh build helm)
subjects=$(cat "$dist/SHA256SUMS")

publish_image() { # LAYOUT
  local name digest
  name=$(basename "$1")
  # The digest of what the layout has: nothing is built or converted on the way.
  digest=$(grep -o '"digest":"sha256:[0-9a-f]*"' "$1/index.json" | grep -o 'sha256:[0-9a-f]*')
  skopeo copy --all --preserve-digests "oci:$1" "docker://$registry/$name:$version"
  cosign sign --yes "$registry/$name@$digest"
  cosign attest --yes --type cyclonedx --predicate "$dist/$name.cdx.json" "$registry/$name@$digest"
  subjects+=$'\n'"${digest#sha256:}  $registry/$name"
}

publish_chart() {
  local digest
  digest=$("$helm" push "$dist"/thanos-operator-*.tgz "oci://$registry/charts" 2>&1 | grep -o 'sha256:[0-9a-f]*')
  cosign sign --yes "$registry/charts/thanos-operator@$digest"
  subjects+=$'\n'"${digest#sha256:}  $registry/charts/thanos-operator"
}

for layout in "$dist"/images/*; do publish_image "$layout"; done
publish_chart
cosign sign-blob --yes --bundle "$dist/SHA256SUMS.sigstore.json" "$dist/SHA256SUMS"
files=$(find "$dist" -maxdepth 1 -type f | sort)
echo "$files" >"$dist/FILES"
echo "$subjects" >"$dist/SUBJECTS"
