//! The actions that the stored record allows. No pod is stopped and no PVC deleted while the record
//! differs from the next one. Pure, no IO.

use std::collections::BTreeMap;

use super::observed_hashrings::{DesiredHashring, IngesterSet, ObservedHashrings, UNAVAILABLE_FOR};
use super::record::{Draining, Record};

/// The actions that are allowed now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedActions {
    /// Replication factor of the routers; `None` before the first hashring is published.
    pub replication_factor: Option<usize>,
    /// Number of pods of each desired hashring.
    pub replicas: BTreeMap<String, i32>,
    /// Hashrings that the spec no longer has and whose StatefulSet is still needed.
    pub kept: Vec<String>,
    /// Pod to restart.
    pub restart: Option<Restart>,
    /// PVCs that may be deleted, as hashring and member.
    pub pvcs: Vec<(String, i32)>,
    /// Seconds until time alone allows more.
    pub requeue_after: Option<i64>,
}

/// A pod to replace by one with the same volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Hashring of the pod.
    pub ring: String,
    /// Ordinal of the pod.
    pub member: i32,
    /// UID of the pod.
    pub uid: String,
}

/// The actions that are allowed now. `next` is the next record.
#[must_use]
pub fn allowed_actions(observed: &ObservedHashrings<'_>, next: &Record) -> AllowedActions {
    let is_recorded = observed.record == Some(next);
    let desired = observed.desired.rings.iter();
    let replicas = desired.map(|desired| {
        let replicas = replicas(observed, desired, is_recorded);
        (desired.ring.name.clone(), replicas)
    });
    AllowedActions {
        replication_factor: replication_factor(observed),
        replicas: replicas.collect(),
        kept: kept(observed, is_recorded),
        restart: restart(observed).filter(|_| is_recorded),
        pvcs: match is_recorded {
            true => deletable_pvcs(observed),
            false => Vec::new(),
        },
        requeue_after: requeue_after(observed),
    }
}

/// Replication factor of the routers; `None` before the first hashring is published, since routers
/// exit without one.
fn replication_factor(observed: &ObservedHashrings<'_>) -> Option<usize> {
    let record = observed.record.filter(|r| !r.rings.is_empty())?;
    // A lower factor is safe with any hashring.
    let desired = observed.desired.replication_factor;
    Some(record.replication_factor.min(desired))
}

/// Number of pods of a desired hashring.
fn replicas(observed: &ObservedHashrings<'_>, desired: &DesiredHashring, is_recorded: bool) -> i32 {
    let empty = IngesterSet::default();
    let name = &desired.ring.name;
    let set = observed.ingester_sets.get(name).unwrap_or(&empty);
    let required = required_replicas(observed, name, set).max(desired.replicas);
    match is_recorded {
        true => required,
        // No pod is stopped before the decision is stored.
        false => required.max(set.replicas),
    }
}

/// Hashrings that the spec no longer has and whose StatefulSet is still needed.
fn kept(observed: &ObservedHashrings<'_>, is_recorded: bool) -> Vec<String> {
    let surplus = observed.ingester_sets.iter();
    let surplus = surplus.filter(|(name, _)| observed.desired_ring(name).is_none());
    surplus
        .filter(|(name, set)| !is_recorded || required_replicas(observed, name, set) > 0)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Number of pods that a StatefulSet needs to keep. Pods are removed one at a time, from the highest
/// ordinal.
fn required_replicas(observed: &ObservedHashrings<'_>, name: &str, set: &IngesterSet) -> i32 {
    // The last removal is not complete.
    if set.pods.keys().any(|member| *member >= set.replicas) {
        return set.replicas;
    }
    // The record counts as well: the StatefulSet in the cache may be outdated.
    let held = observed.record.and_then(|r| r.held.get(name)).copied();
    let mut members = (0..set.replicas.max(held.unwrap_or(0))).rev();
    let required = members.find(|member| is_required(observed, name, *member));
    let required = required.map_or(0, |member| member + 1);
    // A StatefulSet that is deleted does not shrink first.
    if observed.desired_ring(name).is_none() {
        return required;
    }
    required.max(set.replicas - 1)
}

/// Whether the pod of a member must keep running.
fn is_required(observed: &ObservedHashrings<'_>, ring: &str, member: i32) -> bool {
    if observed.is_desired(ring, member) {
        return true;
    }
    // Without a record, any ingester may hold samples.
    let Some(record) = observed.record else {
        return true;
    };
    // Routers still send samples to it.
    if record.has(ring, member) {
        return true;
    }
    // It was never published, so it holds no samples.
    if !record.holds(ring, member) {
        return false;
    }
    let draining = record.draining(ring, member);
    !draining.is_some_and(|draining| observed.may_be_removed(ring, member, draining))
}

/// PVCs that may be deleted.
fn deletable_pvcs(observed: &ObservedHashrings<'_>) -> Vec<(String, i32)> {
    if !observed.desired.delete_pvcs {
        return Vec::new();
    }
    let sets = observed.ingester_sets.iter();
    let all = sets.flat_map(|(name, set)| set.pvcs.iter().map(move |member| (name, set, *member)));
    all.filter(|(name, set, member)| is_pvc_deletable(observed, name, set, *member))
        .map(|(name, _, member)| (name.clone(), member))
        .collect()
}

fn is_pvc_deletable(
    observed: &ObservedHashrings<'_>,
    ring: &str,
    set: &IngesterSet,
    member: i32,
) -> bool {
    // Its pod exists, or will.
    if member < set.replicas || set.pods.contains_key(&member) {
        return false;
    }
    // Without a record of its drain, its content is unknown.
    let draining = observed.record.and_then(|r| r.draining(ring, member));
    let Some(draining) = draining else {
        return false;
    };
    draining.drained_at.is_some() || observed.desired.allow_data_loss
}

/// The pod to restart: one member at a time, from the highest ordinal of its hashring.
fn restart(observed: &ObservedHashrings<'_>) -> Option<Restart> {
    let record = observed.record?;
    let all = record.draining.iter().flat_map(|(ring, members)| {
        let members = members.iter().rev();
        members.map(move |(member, draining)| (ring, *member, draining))
    });
    let mut to_drain = all.filter(|(ring, member, d)| is_to_drain(observed, ring, *member, d));
    let (ring, member, draining) = to_drain.next()?;
    let pod = observed.pod(ring, member)?;
    // It is still starting.
    if !pod.ready {
        return None;
    }
    // It was restarted already; `draining::follow` decides about the new pod.
    if pod.uid != draining.pod {
        return None;
    }
    // The other members answer queries for its samples meanwhile.
    if unready_member(observed).is_some() {
        return None;
    }
    Some(Restart {
        ring: ring.clone(),
        member,
        uid: pod.uid.clone(),
    })
}

/// Whether restarts of a member that left are still useful.
fn is_to_drain(
    observed: &ObservedHashrings<'_>,
    ring: &str,
    member: i32,
    draining: &Draining,
) -> bool {
    let uploads = observed.pod(ring, member).is_none_or(|pod| pod.uploads);
    uploads && draining.drained_at.is_none() && !observed.may_be_removed(ring, member, draining)
}

/// A member of a published hashring that is not ready.
pub(super) fn unready_member(observed: &ObservedHashrings<'_>) -> Option<(String, i32)> {
    let rings = observed.record.iter().flat_map(|r| &r.rings);
    let mut members = rings.flat_map(|ring| ring.members.keys().map(|m| (ring.name.clone(), *m)));
    members.find(|(ring, member)| !observed.is_ready(ring, *member))
}

/// Seconds until time alone allows more.
fn requeue_after(observed: &ObservedHashrings<'_>) -> Option<i64> {
    let draining = observed.record.iter().flat_map(|r| &r.draining);
    let removable = draining.flat_map(|(ring, members)| {
        let members = members.iter();
        members.filter_map(move |(member, draining)| observed.removable_at(ring, *member, draining))
    });
    let pods = observed.ingester_sets.values();
    let pods = pods.flat_map(|set| set.pods.values());
    let unavailable = pods
        .filter(|pod| observed.desired.dynamic && !pod.ready)
        .filter_map(|pod| Some(pod.changed? + UNAVAILABLE_FOR));
    removable
        .chain(unavailable)
        .map(|at| at - observed.now)
        .filter(|wait| *wait > 0)
        .min()
}
