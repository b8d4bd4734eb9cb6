//! The next record, from the stored one, the spec and observed pods. Pure, no IO.

use std::collections::BTreeMap;

use super::draining;
use super::observed_hashrings::{DesiredHashring, ObservedHashrings};
use super::record::{Record, Ring};
use super::ring::rejection;

/// The record to store, and to publish, next.
#[must_use]
pub fn advance(observed: &ObservedHashrings<'_>) -> Record {
    let mut next = observed
        .record
        .cloned()
        .unwrap_or_else(|| initial_record(observed));
    // One publication at a time: every router has loaded the last one.
    if observed.is_settled() {
        next.confirmed = !next.rings.is_empty();
        let rings = redefined(observed, &next).or_else(|| with_other_members(observed, &next));
        if let Some(rings) = rings {
            publish(observed, &mut next, rings);
        }
    }
    next.replication_factor = replication_factor(observed, &next);
    draining::follow(observed, &mut next);
    next
}

/// The record of an installation without one: any existing ingester may hold samples.
fn initial_record(observed: &ObservedHashrings<'_>) -> Record {
    let sets = observed.ingester_sets.iter();
    Record {
        held: sets
            .map(|(ring, set)| (ring.clone(), set.replicas))
            .collect(),
        ..Default::default()
    }
}

fn publish(observed: &ObservedHashrings<'_>, next: &mut Record, rings: Vec<Ring>) {
    for ring in &rings {
        let members = ring.members.keys().max().map_or(0, |last| last + 1);
        let held = next.held.entry(ring.name.clone()).or_default();
        *held = (*held).max(members);
    }
    next.rings = rings;
    next.confirmed = false;
    if next.replication_factor == 0 {
        next.replication_factor = observed.desired.replication_factor;
    }
}

/// The hashrings of the spec with their current members, and new ones with all of theirs. `None` if
/// they differ in members only, or cannot be published yet.
fn redefined(observed: &ObservedHashrings<'_>, record: &Record) -> Option<Vec<Ring>> {
    let desired = &observed.desired.rings;
    let mut pairs = desired.iter().zip(&record.rings);
    let is_same = desired.len() == record.rings.len()
        && pairs.all(|(desired, ring)| desired.ring.is_same_but_members(ring));
    if is_same {
        return None;
    }
    let with_members = |desired: &DesiredHashring| {
        let members = match record.ring(&desired.ring.name) {
            Some(ring) => zoned(observed, desired, ring.members.keys().copied())
                .unwrap_or_else(|| ring.members.clone()),
            None => all_members(observed, desired)?,
        };
        Some(Ring {
            members,
            ..desired.ring.clone()
        })
    };
    // `None` while the members of a new hashring are not ready.
    let rings: Vec<Ring> = desired.iter().map(with_members).collect::<Option<_>>()?;
    let in_use = observed.factor_in_use();
    let factor = match record.rings.is_empty() {
        // The routers start with the first hashrings.
        true => in_use.max(observed.desired.replication_factor),
        false => in_use,
    };
    rejection(&rings, factor).is_none().then_some(rings)
}

/// All members of a new hashring; `None` until all are ready.
fn all_members(
    observed: &ObservedHashrings<'_>,
    desired: &DesiredHashring,
) -> Option<BTreeMap<i32, Option<String>>> {
    let mut all = 0..desired.replicas;
    if !all.all(|member| observed.is_ready(&desired.ring.name, member)) {
        return None;
    }
    zoned(observed, desired, 0..desired.replicas)
}

/// The current hashrings, the first that can change with other members.
fn with_other_members(observed: &ObservedHashrings<'_>, record: &Record) -> Option<Vec<Ring>> {
    (0..record.rings.len()).find_map(|i| {
        let ring = &record.rings[i];
        let desired = observed.desired_ring(&ring.name)?;
        let changes = [
            members_join(observed, desired, ring),
            members_leave(observed, desired, ring),
            zones_change(observed, desired, ring),
        ];
        changes.into_iter().flatten().find_map(|(members, factor)| {
            let ready = members.keys();
            let ready = ready.filter(|m| observed.is_ready(&ring.name, **m)).count();
            // Each copy of a sample needs a ready member.
            if ready < factor {
                return None;
            }
            let mut rings = record.rings.clone();
            rings[i].members = members;
            rejection(&rings, factor).is_none().then_some(rings)
        })
    })
}

/// Members by ordinal, and the replication factor that they must support.
type Change = (BTreeMap<i32, Option<String>>, usize);

/// Adds all desired members that are missing, together.
fn members_join(
    observed: &ObservedHashrings<'_>,
    desired: &DesiredHashring,
    ring: &Ring,
) -> Option<Change> {
    let name = &ring.name;
    let available = (0..desired.replicas).filter(|m| !observed.is_unavailable(name, *m));
    let new: Vec<i32> = available
        .filter(|m| !ring.members.contains_key(m))
        .collect();
    if new.is_empty() {
        return None;
    }
    if !new.iter().all(|m| observed.is_ready(name, *m)) {
        return None;
    }
    // A querier that does not know a new member would miss its samples.
    let set = observed.ingester_sets.get(name)?;
    if set.unknown.is_some() {
        return None;
    }
    let all = ring.members.keys().copied().chain(new);
    Some((zoned(observed, desired, all)?, observed.factor_in_use()))
}

/// Removes the members that are not desired, or unavailable.
fn members_leave(
    observed: &ObservedHashrings<'_>,
    desired: &DesiredHashring,
    ring: &Ring,
) -> Option<Change> {
    let stays = |m: &i32| *m < desired.replicas && !observed.is_unavailable(&ring.name, *m);
    let mut members = ring.members.clone();
    members.retain(|m, _| stays(m));
    if members.len() == ring.members.len() {
        return None;
    }
    // A router of the previous template, with a higher replication factor, could still start.
    if !observed.routers_are_current {
        return None;
    }
    let factor = observed.factor_in_use();
    Some((members, factor.max(observed.desired.replication_factor)))
}

/// Updates the zones of the members.
fn zones_change(
    observed: &ObservedHashrings<'_>,
    desired: &DesiredHashring,
    ring: &Ring,
) -> Option<Change> {
    let members = zoned(observed, desired, ring.members.keys().copied())?;
    (members != ring.members).then(|| (members, observed.factor_in_use()))
}

/// Members with their zones, if the hashring is zone-aware; `None` if a zone is unknown.
pub(super) fn zoned(
    observed: &ObservedHashrings<'_>,
    desired: &DesiredHashring,
    members: impl Iterator<Item = i32>,
) -> Option<BTreeMap<i32, Option<String>>> {
    let name = &desired.ring.name;
    let recorded = observed.record.and_then(|r| r.ring(name));
    let zone = |member| {
        // A pod that is being rescheduled keeps its recorded zone.
        let previous = || recorded?.members.get(&member)?.clone();
        let zone = observed.pod(name, member).and_then(|pod| pod.zone.clone());
        zone.or_else(previous)
    };
    members
        .map(|m| match desired.zones {
            true => Some((m, Some(zone(m)?))),
            false => Some((m, None)),
        })
        .collect()
}

/// The replication factor of the next record.
fn replication_factor(observed: &ObservedHashrings<'_>, next: &Record) -> usize {
    let (current, desired) = (next.replication_factor, observed.desired.replication_factor);
    // Nothing is published yet.
    if current == 0 {
        return current;
    }
    // Every hashring supports a lower factor. Hashrings shrink after that.
    if desired < current {
        return desired;
    }
    // A router may still have hashrings that do not support a higher factor.
    let is_published = observed.record.is_some_and(|r| r.rings == next.rings);
    if !is_published || !observed.is_settled() {
        return current;
    }
    match rejection(&next.rings, desired) {
        Some(_) => current,
        None => desired,
    }
}
