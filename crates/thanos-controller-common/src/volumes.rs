//! The volumes of the pods: whether they are there, and as large as asked for. Pure.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::core::ApiResource;
use operator_runtime::{ForeignPatch, ObjectKey, Store};
use serde_json::json;
use std::collections::BTreeMap;
use thanos_api::names::Reason;

use crate::facts::{ClaimFacts, ClassFacts};

/// How many names a message holds.
const NAMED: usize = 3;

/// The claims of a custom resource, and what is known of their classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volumes {
    /// By name.
    pub claims: BTreeMap<String, ClaimFacts>,
    /// The StorageClasses by name; `None` if they may not be read.
    pub classes: Option<BTreeMap<String, ClassFacts>>,
    /// What else a user can do.
    pub remedies: Remedies,
}

/// What a user can do besides changing StorageClasses: ends of sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Remedies {
    /// If claims name no class, and there is no default.
    pub no_class: &'static str,
    /// If a class lets no volume grow.
    pub no_growth: &'static str,
}

/// The StorageClasses by name; `None` if they may not be read.
#[must_use]
pub fn classes(view: &Store<ClassFacts>) -> Option<BTreeMap<String, ClassFacts>> {
    let all = view.readable()?.iter();
    Some(
        all.map(|(key, class)| (key.name.clone(), class.clone()))
            .collect(),
    )
}

/// A condition, which may be unknown.
pub type Answer = (Option<bool>, Reason, String);

impl Volumes {
    /// The claims that ask for less than `size` bytes and may grow, with that size, which is `text`
    /// to Kubernetes.
    pub fn foreign_patches(&self, size: u64, text: &str) -> Vec<ForeignPatch> {
        let resource = ApiResource::erase::<PersistentVolumeClaim>(&());
        let growing = self
            .smaller(size)
            .filter(|(_, claim)| claim.bound && self.may_grow(claim));
        growing
            .map(|(name, claim)| ForeignPatch {
                key: ObjectKey::of(&resource, name),
                resource: resource.clone(),
                uid: claim.uid.clone(),
                patch: json!({"spec": {"resources": {"requests": {"storage": text}}}}),
            })
            .collect()
    }

    fn smaller(&self, size: u64) -> impl Iterator<Item = (&String, &ClaimFacts)> {
        let claims = self.claims.iter();
        claims.filter(move |(_, claim)| claim.requested.is_some_and(|r| r < size))
    }

    /// Where the classes may not be read, the API server is asked by trying.
    fn may_grow(&self, claim: &ClaimFacts) -> bool {
        let class = claim.class.as_ref();
        match (&self.classes, class) {
            (Some(classes), Some(class)) => classes.get(class).is_some_and(|c| c.grows),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// The condition `VolumesReady`, if each volume is to have `size` bytes. `class` is the one that
    /// the spec names, `unscheduled` what the scheduler says of pods without a node.
    #[must_use]
    pub fn verdict(&self, size: u64, class: Option<&str>, unscheduled: Option<&str>) -> Answer {
        let pending = names(self.claims.iter().filter(|(_, claim)| !claim.bound));
        if let Some(pending) = pending {
            return self.pending(&pending, class, unscheduled);
        }
        let stuck = self
            .smaller(size)
            .filter(|(_, claim)| !self.may_grow(claim));
        if let Some(stuck) = names(stuck) {
            let class = self
                .smaller(size)
                .find_map(|(_, claim)| claim.class.as_deref());
            let message = format!(
                "{stuck} cannot grow: StorageClass {} does not set allowVolumeExpansion. Set it \
                 there, if its driver can; or {}",
                class.unwrap_or("(none)"),
                self.remedies.no_growth
            );
            return (Some(false), Reason::ExpansionNotAllowed, message);
        }
        let small = self
            .claims
            .iter()
            .filter(|(_, c)| c.capacity.is_some_and(|has| has < size));
        if let Some(growing) = names(small) {
            let mut failures = self
                .claims
                .values()
                .filter_map(|c| c.pod_failures.as_deref());
            let pod_failures = failures
                .next()
                .map(|t| format!(": {t}"))
                .unwrap_or_default();
            let message = format!("{growing} grow{pod_failures}");
            return (Some(false), Reason::VolumesGrowing, message);
        }
        (Some(true), Reason::VolumesBound, String::new())
    }

    fn pending(&self, pending: &str, class: Option<&str>, unscheduled: Option<&str>) -> Answer {
        let classless = self.claims.values().any(|c| !c.bound && c.class.is_none());
        let no_default = self
            .classes
            .as_ref()
            .is_some_and(|all| !all.values().any(|c| c.default));
        if class.is_none() && classless && no_default {
            let message = format!(
                "{pending} cannot be bound: the cluster has no default StorageClass. Mark one as \
                 the default, or {}",
                self.remedies.no_class
            );
            return (Some(false), Reason::NoStorageClass, message);
        }
        let why = unscheduled.map(|w| format!(": {w}")).unwrap_or_default();
        (
            Some(false),
            Reason::VolumePending,
            format!("{pending} wait for a volume{why}"),
        )
    }
}

/// The first names, and how many more there are; `None` if there is none.
fn names<'a>(claims: impl Iterator<Item = (&'a String, &'a ClaimFacts)>) -> Option<String> {
    let all: Vec<&str> = claims.map(|(name, _)| name.as_str()).collect();
    let more = all.len().saturating_sub(NAMED);
    let shown = all
        .iter()
        .take(NAMED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match (all.is_empty(), more) {
        (true, _) => None,
        (_, 0) => Some(shown),
        (_, more) => Some(format!("{shown} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn volumes(requested: u64, capacity: u64, class: Option<&str>, grows: Option<bool>) -> Volumes {
        let claim = ClaimFacts {
            uid: "u".into(),
            requested: Some(requested * GIB),
            capacity: Some(capacity * GIB),
            class: class.map(str::to_owned),
            bound: capacity > 0,
            ..Default::default()
        };
        let class = ClassFacts {
            default: grows.is_none(),
            grows: grows.unwrap_or(false),
        };
        Volumes {
            claims: BTreeMap::from([("data-x-0".to_owned(), claim)]),
            classes: Some(BTreeMap::from([("fast".to_owned(), class)])),
            remedies: Remedies {
                no_class: "make another",
                no_growth: "make it new",
            },
        }
    }

    fn told(volumes: &Volumes, size: u64) -> (usize, Option<bool>, Reason, String) {
        let (holds, reason, message) = volumes.verdict(size * GIB, None, Some("no volumes"));
        (
            volumes.foreign_patches(size * GIB, "x").len(),
            holds,
            reason,
            message,
        )
    }

    #[test]
    fn a_volume_grows_where_its_class_lets_it() {
        let mut all = volumes(10, 10, Some("fast"), Some(true));
        assert_eq!(told(&all, 10).2, Reason::VolumesBound);
        let (amended, holds, reason, _) = told(&all, 20);
        assert_eq!(
            (amended, holds, reason),
            (1, Some(false), Reason::VolumesGrowing)
        );
        all.claims.get_mut("data-x-0").unwrap().requested = Some(20 * GIB);
        assert_eq!(told(&all, 20).0, 0, "asked for already");
        assert_eq!(told(&all, 20).2, Reason::VolumesGrowing);
        assert_eq!(told(&all, 5).0, 0, "nothing shrinks");
    }

    #[test]
    fn a_class_that_does_not_is_named() {
        let (amended, _, reason, message) = told(&volumes(10, 10, Some("fast"), Some(false)), 20);
        assert_eq!((amended, reason), (0, Reason::ExpansionNotAllowed));
        assert!(
            message.contains("data-x-0") && message.contains("fast"),
            "{message}"
        );
        assert!(message.ends_with(", if its driver can; or make it new"));
        let mut unreadable = volumes(10, 10, Some("fast"), Some(false));
        unreadable.classes = None;
        assert_eq!(told(&unreadable, 20).0, 1, "it is tried");
    }

    #[test]
    fn what_a_pending_claim_waits_for() {
        let (_, _, reason, message) = told(&volumes(10, 0, None, Some(true)), 10);
        assert_eq!(reason, Reason::NoStorageClass);
        assert!(message.ends_with(" the default, or make another"));
        let (_, _, reason, message) = told(&volumes(10, 0, None, None), 10);
        assert_eq!(reason, Reason::VolumePending);
        assert!(message.ends_with("no volumes"), "{message}");
        assert_eq!(
            told(&volumes(10, 0, Some("fast"), Some(true)), 10).2,
            Reason::VolumePending
        );
    }
}
