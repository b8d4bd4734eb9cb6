//! Order of resource versions. Pure.

use std::cmp::Ordering;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

/// Resource version of an object. Decimal numbers are ordered; any others are only compared for
/// equality. A missing version equals no other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version(String);

impl Version {
    /// The version of an object.
    pub fn of<K: Resource>(it: &K) -> Self {
        Self::of_meta(it.meta())
    }

    /// The version in metadata.
    pub fn of_meta(meta: &ObjectMeta) -> Self {
        Self(meta.resource_version.clone().unwrap_or_default())
    }

    /// Whether both are the same version.
    pub fn is(&self, other: &Self) -> bool {
        !self.0.is_empty() && self.0 == other.0
    }

    /// Whether this version is certainly older than the other one.
    pub fn is_older_than(&self, other: &Self) -> bool {
        let (Some(this), Some(other)) = (self.digits(), other.digits()) else {
            return false;
        };
        // Of any length and without leading zeros, so the longer number is larger.
        let order = this.len().cmp(&other.len()).then_with(|| this.cmp(other));
        order == Ordering::Less
    }

    /// Whether this version equals the other one or is certainly older.
    pub fn is_no_newer_than(&self, other: &Self) -> bool {
        self.is(other) || self.is_older_than(other)
    }

    fn digits(&self) -> Option<&str> {
        let is_number = !self.0.is_empty() && self.0.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| self.0.trim_start_matches('0'))
    }
}

#[cfg(test)]
impl From<&str> for Version {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_versions_are_ordered_and_others_compared_for_equality() {
        let older = |a: &str, b: &str| Version::from(a).is_older_than(&b.into());
        assert!(older("9", "10"));
        assert!(older("18446744073709551615", "18446744073709551616"));
        assert!(!older("10", "9") && !older("10", "10"));
        for (a, b) in [
            ("a", "b"),
            ("9", "b"),
            ("a", "10"),
            ("", "1"),
            ("1", ""),
            ("-1", "1"),
        ] {
            assert!(!older(a, b) && !older(b, a), "{a} {b}");
            assert!(!Version::from(a).is(&b.into()), "{a} {b}");
        }
        assert!(Version::from("x-7").is(&"x-7".into()));
        assert!(!Version::from("").is(&"".into()), "both are missing");
    }
}
