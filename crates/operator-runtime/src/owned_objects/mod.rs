//! Known state of every owned object, so that only objects that differ are applied.
//!
//! In: events of the watches of owned kinds and the responses to our applies. Out: which objects of a
//! plan must be applied, which must be deleted, and pod counts. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Deserialize;

use crate::digest::{json_digest, owned_digest};
use crate::plan::{ObjectKey, Plan, Planned};
use crate::version::Version;

/// Pod counts of a workload, from its status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Generation that the counts refer to.
    pub observed_generation: i64,
    /// Pods.
    pub replicas: i32,
    /// Pods of the current template.
    pub updated_replicas: i32,
    /// Pods of the previous template, or of the current one if all pods are up to date. StatefulSets
    /// only.
    pub current_replicas: i32,
    /// Pods that are ready.
    pub ready_replicas: i32,
    /// Pods that have been ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// Desired pods that are not available.
    pub unavailable_replicas: i32,
}

/// Decoded part of an owned object: metadata, and the counts of workloads.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Owned {
    /// Standard metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// Counts of a workload; zero for other kinds.
    #[serde(default)]
    pub status: Counts,
}

impl kube::Resource for Owned {
    type DynamicType = kube::core::ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(dt: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn api_version(dt: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        dt.api_version.as_str().into()
    }
    fn plural(dt: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The identity of a custom resource that owns objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Namespace of the custom resource and of all its objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

/// Known state of one owned object.
#[derive(Clone, Debug)]
struct Entry {
    uid: String,
    version: Version,
    generation: i64,
    /// Digest of the fields that we own by server-side apply.
    owned: Option<u64>,
    /// Digest of the last applied body; `None` if the object has drifted since.
    sent: Option<u64>,
    counts: Counts,
}

/// The owner to enqueue after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// An applied object has drifted.
    Now(Owner),
    /// Debounced: pod counts changed, or an object that is being applied changed, most likely by that
    /// apply.
    Soon(Owner),
}

/// An owned object that the plan does not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Kind and name.
    pub key: ObjectKey,
    /// UID, the precondition of the delete.
    pub uid: String,
}

/// All owned objects, by owner.
#[derive(Debug, Default)]
pub struct OwnedObjects {
    owners: BTreeMap<Owner, BTreeMap<ObjectKey, Entry>>,
}

impl OwnedObjects {
    /// Stores the state of an object. Returns its owner if a reconcile is necessary.
    ///
    /// `manager` is our field manager. A version that is not newer than the stored one is ignored,
    /// since the response to an apply can arrive before the watch event.
    pub fn enter(&mut self, key: ObjectKey, object: &Owned, manager: &str) -> Option<Requeue> {
        let owner = owner_of(&object.metadata)?;
        let fresh = Entry {
            uid: object.metadata.uid.clone().unwrap_or_default(),
            version: Version::of_meta(&object.metadata),
            generation: object.metadata.generation.unwrap_or_default(),
            owned: owned_digest(object.metadata.managed_fields.as_ref(), manager),
            sent: None,
            counts: object.status.clone(),
        };
        let known = self.owners.entry(owner.clone()).or_default();
        match known.get_mut(&key) {
            None => {
                known.insert(key, fresh);
                Some(Requeue::Soon(owner))
            }
            Some(entry)
                if entry.uid == fresh.uid && fresh.version.is_no_newer_than(&entry.version) =>
            {
                None
            }
            Some(entry) => {
                let same = entry.uid == fresh.uid && entry.owned == fresh.owned;
                let counted = entry.counts != fresh.counts || entry.generation != fresh.generation;
                let sent = if same { entry.sent } else { None };
                let was_applied = entry.sent.is_some();
                *entry = Entry { sent, ..fresh };
                match (same, counted) {
                    // Otherwise an apply is in progress, and this may be its watch event.
                    (false, _) if was_applied => Some(Requeue::Now(owner)),
                    (true, false) => None,
                    _ => Some(Requeue::Soon(owner)),
                }
            }
        }
    }

    /// Stores the response to an apply of a body with digest `sent`. Returns `false` if another client
    /// is known to have changed the object since.
    pub fn enter_applied(
        &mut self,
        key: &ObjectKey,
        object: &Owned,
        manager: &str,
        sent: u64,
    ) -> bool {
        self.enter(key.clone(), object, manager);
        let Some(owner) = owner_of(&object.metadata) else {
            return false;
        };
        let owned = owned_digest(object.metadata.managed_fields.as_ref(), manager);
        if let Some(entry) = self.owners.get_mut(&owner).and_then(|m| m.get_mut(key))
            // The watch may have delivered a later change of another client.
            && entry.owned == owned
            && Some(&entry.uid) == object.metadata.uid.as_ref()
        {
            entry.sent = Some(sent);
            return true;
        }
        false
    }

    /// Forgets all objects of a deleted owner: they are garbage-collected, or have another owner or
    /// none.
    pub fn forget(&mut self, owner: &Owner) {
        self.owners.remove(owner);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Forgets a deleted object. Returns its owner, which must be reconciled.
    pub fn remove(&mut self, key: &ObjectKey, object: &Owned) -> Option<Owner> {
        let owner = owner_of(&object.metadata)?;
        let known = self.owners.get_mut(&owner)?;
        let entry = known.get(key)?;
        if Some(&entry.uid) != object.metadata.uid.as_ref() {
            return None;
        }
        known.remove(key);
        if known.is_empty() {
            self.owners.remove(&owner);
        }
        Some(owner)
    }

    /// Forgets the objects of one kind (in one namespace, if given) that are not in a complete list.
    /// Returns their owners.
    pub fn retain(
        &mut self,
        group: &str,
        kind: &str,
        namespace: Option<&str>,
        listed: &BTreeSet<String>,
    ) -> BTreeSet<Owner> {
        let mut touched = BTreeSet::new();
        for (owner, known) in &mut self.owners {
            if namespace.is_some_and(|n| n != owner.namespace) {
                continue;
            }
            let before = known.len();
            known.retain(|key, entry| {
                key.group != group || key.kind != kind || listed.contains(&entry.uid)
            });
            if known.len() != before {
                touched.insert(owner.clone());
            }
        }
        self.owners.retain(|_, known| !known.is_empty());
        touched
    }

    /// The objects of `plan` that must be applied, each with the digest of its body and the UID of the
    /// known object with that name.
    ///
    /// `applied` is `status.appliedHash` of the owner. After a restart, nothing is applied if the known
    /// objects match it.
    pub fn to_send<'p>(
        &mut self,
        owner: &Owner,
        plan: &'p Plan,
        applied: Option<&str>,
    ) -> Vec<(&'p Planned, u64, Option<String>)> {
        let digests: Vec<u64> = plan
            .objects()
            .iter()
            .map(|o| json_digest(&o.body))
            .collect();
        let Some(known) = self.owners.get_mut(owner) else {
            return plan
                .objects()
                .iter()
                .zip(digests)
                .map(|(object, digest)| (object, digest, None))
                .collect();
        };
        if applied.is_some() && known.values().all(|e| e.sent.is_none()) {
            let restored = plan.objects().iter().zip(&digests).map(|(object, digest)| {
                let entry = known.get(&object.key)?;
                Some((&object.key, &entry.uid, *digest, entry.owned))
            });
            if applied == total(restored).as_deref() {
                for (object, digest) in plan.objects().iter().zip(&digests) {
                    if let Some(entry) = known.get_mut(&object.key) {
                        entry.sent = Some(*digest);
                    }
                }
            }
        }
        plan.objects()
            .iter()
            .zip(digests)
            .filter_map(|(object, digest)| {
                let Some(entry) = known.get_mut(&object.key) else {
                    return Some((object, digest, None));
                };
                if entry.sent == Some(digest) {
                    return None;
                }
                // Outdated from here on, even if the apply fails.
                entry.sent = None;
                Some((object, digest, Some(entry.uid.clone())))
            })
            .collect()
    }

    /// Digest over the applied objects of a plan: key, UID, body and owned fields. `None` until all of
    /// them are applied.
    #[must_use]
    pub fn applied_hash(&self, owner: &Owner, plan: &Plan) -> Option<String> {
        let known = self.owners.get(owner)?;
        total(plan.objects().iter().map(|object| {
            let entry = known.get(&object.key)?;
            Some((&object.key, &entry.uid, entry.sent?, entry.owned))
        }))
    }

    /// The owned objects that `plan` neither contains nor retains.
    #[must_use]
    pub fn orphans(&self, owner: &Owner, plan: &Plan) -> Vec<Orphan> {
        let desired: BTreeSet<&ObjectKey> = plan.objects().iter().map(|o| &o.key).collect();
        let known = self.owners.get(owner).into_iter().flatten();
        known
            .filter(|(key, _)| !desired.contains(key) && !plan.leaves(key))
            .map(|(key, entry)| Orphan {
                key: key.clone(),
                uid: entry.uid.clone(),
            })
            .collect()
    }

    /// The counts of the workloads of an owner. Includes counts of an older generation, since their
    /// pods are running.
    #[must_use]
    pub fn counts(&self, owner: &Owner) -> BTreeMap<ObjectKey, Workload> {
        let known = self.owners.get(owner).into_iter().flatten();
        known
            .filter(|(key, _)| key.group == "apps")
            .map(|(key, entry)| {
                let current = entry.counts.observed_generation >= entry.generation;
                let counts = entry.counts.clone();
                (key.clone(), Workload { counts, current })
            })
            .collect()
    }
}

/// Pod counts of a workload, and whether they refer to the current generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The counts.
    pub counts: Counts,
    /// Whether the workload controller has observed the current generation.
    pub current: bool,
}

type AppliedObject<'a> = Option<(&'a ObjectKey, &'a String, u64, Option<u64>)>;

fn total<'a>(applied: impl Iterator<Item = AppliedObject<'a>>) -> Option<String> {
    let mut all = applied
        .map(|s| s.map(|(k, uid, sent, owned)| (&k.group, &k.kind, &k.name, uid, sent, owned)))
        .collect::<Option<Vec<_>>>()?;
    all.sort();
    Some(format!("{:016x}", json_digest(&all)))
}

fn owner_of(meta: &ObjectMeta) -> Option<Owner> {
    let controller: &OwnerReference = meta
        .owner_references
        .as_ref()?
        .iter()
        .find(|r| r.controller == Some(true))?;
    Some(Owner {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: controller.name.clone(),
        uid: controller.uid.clone(),
    })
}

#[cfg(test)]
mod tests;
