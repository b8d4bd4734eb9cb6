//! Groups that Thanos accepts.

use crate::group::{Group, RuleKind};

/// A valid group. Only [`check`](crate::check) creates one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked(pub(crate) Group);

impl Checked {
    /// The group.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.0
    }

    /// The name of the group.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its rules by kind and name, in their order.
    pub fn rules(&self) -> impl Iterator<Item = (RuleKind, &str)> {
        self.0.rules.iter().map(|rule| (rule.kind(), rule.name()))
    }

    /// Number of its rules of a kind.
    #[must_use]
    pub fn count(&self, kind: RuleKind) -> usize {
        self.rules().filter(|(of, _)| *of == kind).count()
    }

    /// Approximate size in a file, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let map = |map: &std::collections::BTreeMap<String, String>| -> usize {
            map.iter().map(|(k, v)| k.len() + v.len() + 20).sum()
        };
        let rules = self.0.rules.iter().map(|rule| {
            rule.name().len() + rule.expr.len() + map(&rule.labels) + map(&rule.annotations) + 60
        });
        self.0.name.len() + map(&self.0.labels) + 60 + rules.sum::<usize>()
    }

    /// The group in a compact form, for storing many of them.
    #[must_use]
    pub fn pack(&self) -> Box<str> {
        // Keys of all maps are strings, so serialization cannot fail.
        serde_json::to_string(&self.0).unwrap_or_default().into()
    }

    /// The group of a compact form. It is not checked again, so it must come from [`pack`](Self::pack)
    /// of the same process.
    #[must_use]
    pub fn unpack(packed: &str) -> Option<Self> {
        serde_json::from_str(packed).ok().map(Self)
    }
}
