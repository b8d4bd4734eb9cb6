//! Volumes of pods: whether they are bound and have the requested size. No IO.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::core::ApiResource;
use kube::{Resource, ResourceExt};
use operator_runtime::{ForeignPatch, ObjectKey, Store};
use serde_json::json;
use std::collections::BTreeMap;
use thanos_api::names::Reason;
use thanos_api::v1alpha1::StorageConfig;
use thanos_workload::stateful;

use crate::facts::{ClassFacts, PvcFacts};
use crate::stores::{self, is_of};

/// Maximum number of names in a message.
const NAMED: usize = 3;

/// PVCs of a custom resource, and their StorageClasses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volumes {
    /// PVCs by name.
    pub pvcs: BTreeMap<String, PvcFacts>,
    /// The StorageClasses by name; `None` if they may not be read.
    pub classes: Option<BTreeMap<String, ClassFacts>>,
    /// Remedies for the messages.
    pub remedies: Remedies,
}

/// Remedies of the user besides changing StorageClasses: clauses that end a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Remedies {
    /// If PVCs have no StorageClass and there is no default.
    pub no_class: &'static str,
    /// If the StorageClass does not allow expansion.
    pub no_growth: &'static str,
}

/// The StorageClasses by name; `None` if they may not be read.
#[must_use]
pub fn classes(store: &Store<ClassFacts>) -> Option<BTreeMap<String, ClassFacts>> {
    let all = store.readable()?.iter();
    Some(
        all.map(|(key, class)| (key.name.clone(), class.clone()))
            .collect(),
    )
}

/// Status, reason and message of a condition; `None`: unknown.
pub type ConditionState = (Option<bool>, Reason, String);

impl Volumes {
    /// PVCs of a custom resource, and the StorageClasses.
    #[must_use]
    pub fn of<K: Resource>(
        it: &K,
        pvcs: &Store<PvcFacts>,
        classes: &Store<ClassFacts>,
        remedies: Remedies,
    ) -> Self {
        let namespace = it.namespace().unwrap_or_default();
        let own = stores::of(pvcs, &namespace).filter(|(_, pvc)| is_of(it, &pvc.owner));
        Self {
            pvcs: own
                .map(|(key, pvc)| (key.name.clone(), pvc.clone()))
                .collect(),
            classes: self::classes(classes),
            remedies,
        }
    }

    /// Patches for the PVCs that request less than `size` bytes and may be expanded. `text` is that
    /// size as a quantity.
    pub fn foreign_patches(&self, size: u64, text: &str) -> Vec<ForeignPatch> {
        let resource = ApiResource::erase::<PersistentVolumeClaim>(&());
        let growing = self
            .smaller(size)
            .filter(|(_, pvc)| pvc.bound && self.may_grow(pvc));
        growing
            .map(|(name, pvc)| ForeignPatch {
                key: ObjectKey::of(&resource, name),
                resource: resource.clone(),
                uid: pvc.uid.clone(),
                patch: json!({"spec": {"resources": {"requests": {"storage": text}}}}),
            })
            .collect()
    }

    fn smaller(&self, size: u64) -> impl Iterator<Item = (&String, &PvcFacts)> {
        let pvcs = self.pvcs.iter();
        pvcs.filter(move |(_, pvc)| pvc.requested.is_some_and(|r| r < size))
    }

    /// If the StorageClasses are not readable, the API server decides.
    fn may_grow(&self, pvc: &PvcFacts) -> bool {
        let class = pvc.class.as_ref();
        match (&self.classes, class) {
            (Some(classes), Some(class)) => classes.get(class).is_some_and(|c| c.grows),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// Condition `VolumesReady` for the volumes of the spec; `None` if their size is invalid.
    /// `unscheduled` is the message of the scheduler about an unscheduled pod.
    #[must_use]
    pub fn condition(
        &self,
        storage: Option<&StorageConfig>,
        unscheduled: Option<&str>,
    ) -> Option<ConditionState> {
        let size = stateful::size(storage).ok()?;
        let class = storage.and_then(|s| s.storage_class.as_deref());
        Some(self.state(size, class, unscheduled))
    }

    fn state(&self, size: u64, class: Option<&str>, unscheduled: Option<&str>) -> ConditionState {
        let pending = names(self.pvcs.iter().filter(|(_, pvc)| !pvc.bound));
        if let Some(pending) = pending {
            return self.pending(&pending, class, unscheduled);
        }
        let stuck = self.smaller(size).filter(|(_, pvc)| !self.may_grow(pvc));
        if let Some(stuck) = names(stuck) {
            let class = self.smaller(size).find_map(|(_, pvc)| pvc.class.as_deref());
            let message = format!(
                "PVC {stuck} cannot be expanded: StorageClass {} does not set allowVolumeExpansion. \
                 Set it if the driver supports expansion, or {}",
                class.unwrap_or("(none)"),
                self.remedies.no_growth
            );
            return (Some(false), Reason::ExpansionNotAllowed, message);
        }
        let small = self
            .pvcs
            .iter()
            .filter(|(_, c)| c.capacity.is_some_and(|has| has < size));
        if let Some(growing) = names(small) {
            let mut failures = self.pvcs.values().filter_map(|c| c.pod_failures.as_deref());
            let failure = failures.next().map(|message| format!(": {message}"));
            let failure = failure.unwrap_or_default();
            let message = format!("expanding PVC {growing}{failure}");
            return (Some(false), Reason::VolumesGrowing, message);
        }
        (Some(true), Reason::VolumesBound, String::new())
    }

    fn pending(
        &self,
        pending: &str,
        class: Option<&str>,
        unscheduled: Option<&str>,
    ) -> ConditionState {
        let classless = self.pvcs.values().any(|c| !c.bound && c.class.is_none());
        let no_default = self
            .classes
            .as_ref()
            .is_some_and(|all| !all.values().any(|c| c.default));
        if class.is_none() && classless && no_default {
            let message = format!(
                "PVC {pending} cannot be bound: the cluster has no default StorageClass. Mark one \
                 as the default, or {}",
                self.remedies.no_class
            );
            return (Some(false), Reason::NoStorageClass, message);
        }
        let why = unscheduled.map(|w| format!(": {w}")).unwrap_or_default();
        (
            Some(false),
            Reason::VolumePending,
            format!("PVC {pending} is not bound{why}"),
        )
    }
}

/// The first names and the number of further ones; `None` if empty.
fn names<'a>(pvcs: impl Iterator<Item = (&'a String, &'a PvcFacts)>) -> Option<String> {
    let all: Vec<&str> = pvcs.map(|(name, _)| name.as_str()).collect();
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
        let pvc = PvcFacts {
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
            pvcs: BTreeMap::from([("data-x-0".to_owned(), pvc)]),
            classes: Some(BTreeMap::from([("fast".to_owned(), class)])),
            remedies: Remedies {
                no_class: "make another",
                no_growth: "make it new",
            },
        }
    }

    fn state(volumes: &Volumes, size: u64) -> (usize, Option<bool>, Reason, String) {
        let (holds, reason, message) = volumes.state(size * GIB, None, Some("no volumes"));
        (
            volumes.foreign_patches(size * GIB, "x").len(),
            holds,
            reason,
            message,
        )
    }

    #[test]
    fn volumes_grow_if_the_storage_class_allows_expansion() {
        let mut all = volumes(10, 10, Some("fast"), Some(true));
        assert_eq!(state(&all, 10).2, Reason::VolumesBound);
        let (patches, holds, reason, _) = state(&all, 20);
        assert_eq!(
            (patches, holds, reason),
            (1, Some(false), Reason::VolumesGrowing)
        );
        all.pvcs.get_mut("data-x-0").unwrap().requested = Some(20 * GIB);
        assert_eq!(state(&all, 20).0, 0, "already requested");
        assert_eq!(state(&all, 20).2, Reason::VolumesGrowing);
        assert_eq!(state(&all, 5).0, 0, "nothing shrinks");
    }

    #[test]
    fn storage_class_without_expansion_is_reported() {
        let (patches, _, reason, message) = state(&volumes(10, 10, Some("fast"), Some(false)), 20);
        assert_eq!((patches, reason), (0, Reason::ExpansionNotAllowed));
        assert!(
            message.contains("data-x-0") && message.contains("fast"),
            "{message}"
        );
        assert!(message.ends_with(", or make it new"));
        let mut unreadable = volumes(10, 10, Some("fast"), Some(false));
        unreadable.classes = None;
        assert_eq!(state(&unreadable, 20).0, 1, "the API server decides");
    }

    #[test]
    fn pending_pvcs_are_reported_with_their_cause() {
        let (_, _, reason, message) = state(&volumes(10, 0, None, Some(true)), 10);
        assert_eq!(reason, Reason::NoStorageClass);
        assert!(message.ends_with(" the default, or make another"));
        let (_, _, reason, message) = state(&volumes(10, 0, None, None), 10);
        assert_eq!(reason, Reason::VolumePending);
        assert!(message.ends_with("no volumes"), "{message}");
        assert_eq!(
            state(&volumes(10, 0, Some("fast"), Some(true)), 10).2,
            Reason::VolumePending
        );
    }
}
