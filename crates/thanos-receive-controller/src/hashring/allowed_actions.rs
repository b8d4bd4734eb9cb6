//! What may be done now, given what is recorded. Nothing is stopped or deleted while there is
//! something to record first.

use std::collections::BTreeMap;

use super::observed_hashrings::{Hosts, ObservedHashrings};
use super::record::Record;

/// What may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedActions {
    /// The replication factor of routers; `None` as long as there is nothing that they could read.
    pub replication_factor: Option<usize>,
    /// How many pods each wanted hashring is to have.
    pub replicas: BTreeMap<String, i32>,
    /// Hashrings that are not wanted, and whose pods are still needed.
    pub kept: Vec<String>,
    /// A pod that is to be replaced.
    pub restart: Option<Restart>,
    /// Volumes that may be deleted: of which hashring, and of which member.
    pub claims: Vec<(String, i32)>,
    /// In how many seconds more may be done though nothing else changes.
    pub requeue_after: Option<i64>,
}

/// A pod that is to be replaced by one with the same volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Its hashring.
    pub ring: String,
    /// Its number.
    pub member: i32,
    /// Its UID.
    pub uid: String,
}

/// What may be done now, if `next` is what is to be recorded.
#[must_use]
pub fn allowed_actions(it: &ObservedHashrings<'_>, next: &Record) -> AllowedActions {
    let record = it.record;
    let is_recorded = record == Some(next);
    let mut allowed_actions = AllowedActions {
        replication_factor: record
            .filter(|r| !r.rings.is_empty())
            // A lower one does no harm, whatever is recorded.
            .map(|r| r.replication_factor.min(it.desired.replication_factor)),
        restart: restart(it).filter(|_| is_recorded),
        requeue_after: requeue_after(it),
        ..Default::default()
    };
    for desired in &it.desired.rings {
        let name = &desired.ring.name;
        let none = Hosts::default();
        let ingester_sets = it.ingester_sets.get(name).unwrap_or(&none);
        let needed = match is_recorded {
            true => needed(it, name, ingester_sets),
            false => needed(it, name, ingester_sets).max(ingester_sets.replicas),
        };
        allowed_actions
            .replicas
            .insert(name.clone(), desired.replicas.max(needed));
    }
    for (name, ingester_sets) in it.ingester_sets {
        if it.wanted_ring(name).is_none() && (!is_recorded || needed(it, name, ingester_sets) > 0) {
            allowed_actions.kept.push(name.clone());
        }
        let gone = |member: &i32| {
            *member >= ingester_sets.replicas && !ingester_sets.pods.contains_key(member)
        };
        let claims = ingester_sets.claims.iter().copied();
        let claims = claims.filter(|member| is_recorded && gone(member));
        let may_go = claims.filter(|member| {
            let draining = record.and_then(|r| r.draining(name, *member));
            it.desired.delete_claims
                && draining.is_some_and(|l| l.drained_at.is_some() || it.desired.allow_data_loss)
        });
        allowed_actions
            .claims
            .extend(may_go.map(|member| (name.clone(), member)));
    }
    allowed_actions
}

/// How many pods a hashring needs, wanted or not: up to the highest that cannot go yet. One goes at a
/// time, from the highest.
fn needed(it: &ObservedHashrings<'_>, name: &str, ingester_sets: &Hosts) -> i32 {
    let can_go = |member: i32| {
        let record = it.record;
        let draining = record.and_then(|r| r.draining(name, member));
        let is_out = record.is_some_and(|r| !r.has(name, member));
        let is_empty = record.is_some_and(|r| !r.holds(name, member));
        is_out && (is_empty || draining.is_some_and(|l| it.is_done(name, member, l)))
    };
    // What is recorded counts, even if the StatefulSet is not seen as it is now.
    let held = it.record.and_then(|r| r.held.get(name)).copied();
    let mut members = (0..ingester_sets.replicas.max(held.unwrap_or(0))).rev();
    let needed = members.find(|m| it.wants(name, *m) || !can_go(*m));
    let needed = needed.map_or(0, |member| member + 1);
    let is_going = ingester_sets
        .pods
        .keys()
        .any(|member| *member >= ingester_sets.replicas);
    match is_going {
        true => ingester_sets.replicas,
        // What is removed as a whole need not shrink first.
        false if it.wanted_ring(name).is_none() => needed,
        false => needed.max(ingester_sets.replicas - 1),
    }
}

/// The pod that is to be replaced: of one member at a time, the highest of its hashring, and only
/// while every other one that may be asked in its place is ready.
fn restart(it: &ObservedHashrings<'_>) -> Option<Restart> {
    let record = it.record?;
    let all = record.draining.iter().flat_map(|(ring, members)| {
        let members = members.iter().rev();
        members.map(move |(member, draining)| (ring, *member, draining))
    });
    let mut open = all.filter(|(ring, member, draining)| {
        let uploads = it.pod(ring, *member).is_none_or(|pod| pod.uploads);
        uploads && draining.drained_at.is_none() && !it.is_done(ring, *member, draining)
    });
    let (ring, member, draining) = open.next()?;
    let pod = it.pod(ring, member)?;
    let is_last = pod.ready && pod.uid == draining.pod;
    (is_last && absent(it).is_none()).then(|| Restart {
        ring: ring.clone(),
        member,
        uid: pod.uid.clone(),
    })
}

/// A member of a published hashring that is not ready.
pub(super) fn absent(it: &ObservedHashrings<'_>) -> Option<(String, i32)> {
    let rings = it.record.iter().flat_map(|r| &r.rings);
    let mut members = rings.flat_map(|ring| ring.members.keys().map(|m| (ring.name.clone(), *m)));
    members.find(|(ring, member)| !it.is_ready(ring, *member))
}

/// The soonest that time alone permits more.
fn requeue_after(it: &ObservedHashrings<'_>) -> Option<i64> {
    let draining = it.record.iter().flat_map(|r| &r.draining);
    let done = draining.flat_map(|(ring, members)| {
        let members = members.iter();
        members.filter_map(move |(member, draining)| it.done_at(ring, *member, draining))
    });
    let away = it
        .ingester_sets
        .values()
        .flat_map(|ingester_sets| ingester_sets.pods.values());
    let away = away
        .filter(|pod| it.desired.dynamic && !pod.ready)
        .filter_map(|pod| Some(pod.changed? + super::observed_hashrings::AWAY));
    done.chain(away)
        .map(|at| at - it.now)
        .filter(|wait| *wait > 0)
        .min()
}
