//! Image references.

use thanos_api::v1alpha1::CommonFields;

/// Thanos image of a section of a spec.
#[must_use]
pub fn of(common: &CommonFields, default: &str) -> String {
    image(
        common.base_image.as_deref(),
        common.version.as_deref(),
        default,
    )
}

/// Image of a container: `base` with `version`, each from `default` if unset or empty.
///
/// A tag or digest of `base` takes precedence over `version`. A colon before the last slash is the port
/// of a registry.
#[must_use]
pub fn image(base: Option<&str>, version: Option<&str>, default: &str) -> String {
    let base = base.filter(|s| !s.is_empty());
    let version = version.filter(|s| !s.is_empty());
    match (base, version) {
        (None, None) => default.to_owned(),
        (Some(base), _) if suffix(base).is_some() => base.to_owned(),
        (Some(base), None) => match suffix(default) {
            Some(suffix) if suffix.starts_with(':') => format!("{base}{suffix}"),
            // The digest of the default image is not valid for another image.
            _ => base.to_owned(),
        },
        (base, Some(version)) => {
            let base = base.unwrap_or_else(|| repository(default));
            let separator = if version.contains(':') { '@' } else { ':' };
            format!("{base}{separator}{version}")
        }
    }
}

/// Suffix of a reference: `:tag`, `@digest` or `:tag@digest`.
fn suffix(image: &str) -> Option<&str> {
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    image[name..].find([':', '@']).map(|i| &image[name + i..])
}

fn repository(image: &str) -> &str {
    suffix(image).map_or(image, |s| &image[..image.len() - s.len()])
}

#[cfg(test)]
mod tests {
    use super::image;

    const DEFAULT: &str = "quay.io/thanos/thanos:v0.42.4";
    const DIGEST: &str = "sha256:0123456789abcdef";

    #[test]
    fn unset_fields_use_the_default_image() {
        assert_eq!(image(None, None, DEFAULT), DEFAULT);
        assert_eq!(image(Some(""), Some(""), DEFAULT), DEFAULT);
        assert_eq!(image(None, Some("v1"), DEFAULT), "quay.io/thanos/thanos:v1");
        assert_eq!(
            image(Some("mine/thanos"), None, DEFAULT),
            "mine/thanos:v0.42.4"
        );
    }

    #[test]
    fn registry_ports_are_not_tags() {
        assert_eq!(
            image(Some("reg:5000/thanos"), Some("v1"), DEFAULT),
            "reg:5000/thanos:v1"
        );
        assert_eq!(
            image(Some("reg:5000/thanos"), None, DEFAULT),
            "reg:5000/thanos:v0.42.4"
        );
        assert_eq!(
            image(None, Some("v1"), "reg:5000/thanos"),
            "reg:5000/thanos:v1"
        );
    }

    #[test]
    fn tag_or_digest_of_base_image_precedes_version() {
        assert_eq!(
            image(Some("reg:5000/t:v2"), Some("v1"), DEFAULT),
            "reg:5000/t:v2"
        );
        let pinned = format!("t@{DIGEST}");
        assert_eq!(image(Some(&pinned), Some("v1"), DEFAULT), pinned);
    }

    #[test]
    fn digests_are_supported() {
        assert_eq!(
            image(Some("t"), Some(DIGEST), DEFAULT),
            format!("t@{DIGEST}")
        );
        assert_eq!(
            image(None, Some(DIGEST), "a/t:v1@sha256:99"),
            format!("a/t@{DIGEST}")
        );
        assert_eq!(image(Some("t"), None, "a/t@sha256:99"), "t");
    }
}
