//! What may be done now, given what is recorded. Nothing is stopped or deleted while there is
//! something to record first.

use std::collections::BTreeMap;

use super::record::Record;
use super::situation::{Hosts, Situation};

/// What may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permits {
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
    pub again: Option<i64>,
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
pub fn permits(it: &Situation<'_>, next: &Record) -> Permits {
    let record = it.record;
    let is_recorded = record == Some(next);
    let mut permits = Permits {
        replication_factor: record
            .filter(|r| !r.rings.is_empty())
            // A lower one does no harm, whatever is recorded.
            .map(|r| r.replication_factor.min(it.wanted.replication_factor)),
        restart: restart(it).filter(|_| is_recorded),
        again: again(it),
        ..Default::default()
    };
    for wanted in &it.wanted.rings {
        let name = &wanted.ring.name;
        let none = Hosts::default();
        let hosts = it.hosts.get(name).unwrap_or(&none);
        let needed = match is_recorded {
            true => needed(it, name, hosts),
            false => needed(it, name, hosts).max(hosts.replicas),
        };
        permits
            .replicas
            .insert(name.clone(), wanted.replicas.max(needed));
    }
    for (name, hosts) in it.hosts {
        if it.wanted_ring(name).is_none() && (!is_recorded || needed(it, name, hosts) > 0) {
            permits.kept.push(name.clone());
        }
        let gone = |member: &i32| *member >= hosts.replicas && !hosts.pods.contains_key(member);
        let claims = hosts.claims.iter().copied();
        let claims = claims.filter(|member| is_recorded && gone(member));
        let may_go = claims.filter(|member| {
            let leaving = record.and_then(|r| r.leaving(name, *member));
            it.wanted.delete_claims
                && leaving.is_some_and(|l| l.proven.is_some() || it.wanted.allow_data_loss)
        });
        permits
            .claims
            .extend(may_go.map(|member| (name.clone(), member)));
    }
    permits
}

/// How many pods a hashring needs, wanted or not: up to the highest that cannot go yet. One goes at a
/// time, from the highest.
fn needed(it: &Situation<'_>, name: &str, hosts: &Hosts) -> i32 {
    let can_go = |member: i32| {
        let record = it.record;
        let leaving = record.and_then(|r| r.leaving(name, member));
        let is_out = record.is_some_and(|r| !r.has(name, member));
        let is_empty = record.is_some_and(|r| !r.holds(name, member));
        is_out && (is_empty || leaving.is_some_and(|l| it.is_done(name, member, l)))
    };
    // What is recorded counts, even if the StatefulSet is not seen as it is now.
    let held = it.record.and_then(|r| r.held.get(name)).copied();
    let mut members = (0..hosts.replicas.max(held.unwrap_or(0))).rev();
    let needed = members.find(|m| it.wants(name, *m) || !can_go(*m));
    let needed = needed.map_or(0, |member| member + 1);
    let is_going = hosts.pods.keys().any(|member| *member >= hosts.replicas);
    match is_going {
        true => hosts.replicas,
        // What is removed as a whole need not shrink first.
        false if it.wanted_ring(name).is_none() => needed,
        false => needed.max(hosts.replicas - 1),
    }
}

/// The pod that is to be replaced: of one member at a time, the highest of its hashring, and only
/// while every other one that may be asked in its place is ready.
fn restart(it: &Situation<'_>) -> Option<Restart> {
    let record = it.record?;
    let all = record.leaving.iter().flat_map(|(ring, members)| {
        let members = members.iter().rev();
        members.map(move |(member, leaving)| (ring, *member, leaving))
    });
    let mut open = all.filter(|(ring, member, leaving)| {
        let uploads = it.pod(ring, *member).is_none_or(|pod| pod.uploads);
        uploads && leaving.proven.is_none() && !it.is_done(ring, *member, leaving)
    });
    let (ring, member, leaving) = open.next()?;
    let pod = it.pod(ring, member)?;
    let is_last = pod.ready && pod.uid == leaving.pod;
    (is_last && absent(it).is_none()).then(|| Restart {
        ring: ring.clone(),
        member,
        uid: pod.uid.clone(),
    })
}

/// A member of a published hashring that is not ready.
pub(super) fn absent(it: &Situation<'_>) -> Option<(String, i32)> {
    let rings = it.record.iter().flat_map(|r| &r.rings);
    let mut members = rings.flat_map(|ring| ring.members.keys().map(|m| (ring.name.clone(), *m)));
    members.find(|(ring, member)| !it.is_ready(ring, *member))
}

/// The soonest that time alone permits more.
fn again(it: &Situation<'_>) -> Option<i64> {
    let leaving = it.record.iter().flat_map(|r| &r.leaving);
    let done = leaving.flat_map(|(ring, members)| {
        let members = members.iter();
        members.filter_map(move |(member, leaving)| it.done_at(ring, *member, leaving))
    });
    let away = it.hosts.values().flat_map(|hosts| hosts.pods.values());
    let away = away
        .filter(|pod| it.wanted.dynamic && !pod.ready)
        .filter_map(|pod| Some(pod.changed? + super::situation::AWAY));
    done.chain(away)
        .map(|at| at - it.now)
        .filter(|wait| *wait > 0)
        .min()
}
