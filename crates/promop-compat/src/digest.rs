//! A digest of a label map, small enough to lie beside it: most label maps are told to lack a
//! wanted label without looking at them. Looking costs a handful of cache misses, and one custom
//! resource looks at every ServiceMonitor of the cluster.

use std::hash::{DefaultHasher, Hasher};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::Labels;

/// A Bloom filter over the pairs of a label map. The default one knows nothing and rules out
/// nothing.
///
/// It follows from the labels, so it counts for no comparison.
#[derive(Clone, Copy, Debug, Default)]
pub struct LabelDigest(u64);

impl LabelDigest {
    /// The digest of `labels`.
    #[must_use]
    pub fn of(labels: &Labels) -> Self {
        Self(
            labels
                .iter()
                .fold(0, |bits, (key, value)| bits | pair(key, value)),
        )
    }

    /// Whether labels with this digest may have all of `desired`.
    #[must_use]
    pub fn may_have(self, desired: Desired) -> bool {
        self.0 == 0 || self.0 & desired.0 == desired.0
    }
}

impl PartialEq for LabelDigest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LabelDigest {}

/// The pairs that a selector wants for certain: its `matchLabels`.
#[derive(Clone, Copy, Debug)]
pub struct Desired(u64);

impl Desired {
    /// What `selector` wants.
    #[must_use]
    pub fn by(selector: &LabelSelector) -> Self {
        let pairs = selector.match_labels.iter().flatten();
        Self(pairs.fold(0, |bits, (key, value)| bits | pair(key, value)))
    }
}

/// Two bits of 64: with six labels, one map in thirty is looked at in vain.
fn pair(key: &str, value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key.as_bytes());
    // No text holds this byte, so no two pairs run together to the same bytes.
    hasher.write_u8(0xff);
    hasher.write(value.as_bytes());
    let hash = hasher.finish();
    1 << (hash % 64) | 1 << (hash / 64 % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{labels, selector};

    #[test]
    fn what_is_there_is_never_ruled_out() {
        // Enough labels for their bits to meet.
        let names: Vec<String> = (0..30).map(|i| format!("l{i}")).collect();
        let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
        for count in 0..pairs.len() {
            let digest = LabelDigest::of(&labels(&pairs[..count]));
            assert!(digest.may_have(Desired::by(&LabelSelector::default())));
            assert!(digest.may_have(Desired::by(&selector(&pairs[..count]))));
            for pair in &pairs[..count] {
                assert!(digest.may_have(Desired::by(&selector(&[*pair]))));
            }
        }
    }

    #[test]
    fn what_is_not_there_is_mostly_ruled_out() {
        let digest = LabelDigest::of(&labels(&[("a", "1"), ("b", "2"), ("c", "3")]));
        let desired = (0..1000).map(|i| Desired::by(&selector(&[("a", &format!("x{i}"))])));
        let in_vain = desired.filter(|desired| digest.may_have(*desired)).count();
        assert!(in_vain < 30, "{in_vain}");
    }

    #[test]
    fn the_unknown_rules_out_nothing_and_equals_everything() {
        let desired = Desired::by(&selector(&[("a", "1")]));
        assert!(LabelDigest::default().may_have(desired));
        assert!(LabelDigest::of(&Labels::new()).may_have(desired));
        assert_eq!(
            LabelDigest::default(),
            LabelDigest::of(&labels(&[("a", "1")]))
        );
    }
}
