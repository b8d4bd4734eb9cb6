//! From what is recorded to what is recorded next.

use std::collections::BTreeMap;

use super::draining;
use super::observed_hashrings::{DesiredHashring, ObservedHashrings};
use super::record::{Record, Ring};
use super::ring::refusal;

/// What is to be recorded, and published, next.
#[must_use]
pub fn advance(it: &ObservedHashrings<'_>) -> Record {
    let mut next = it.record.cloned().unwrap_or_else(|| unrecorded(it));
    // One change at a time: the last one has reached every router.
    if it.is_settled() {
        next.confirmed = !next.rings.is_empty();
        publish(it, &mut next);
    }
    let unchanged = it.record.is_some_and(|r| r.rings == next.rings);
    factor(it, &mut next, unchanged);
    draining::follow(it, &mut next);
    next
}

/// What is known if nothing is recorded: any ingester that is there may hold samples.
fn unrecorded(it: &ObservedHashrings<'_>) -> Record {
    let ingester_sets = it.ingester_sets.iter();
    Record {
        held: ingester_sets
            .map(|(ring, ingester_sets)| (ring.clone(), ingester_sets.replicas))
            .collect(),
        ..Default::default()
    }
}

/// Publishes another set of hashrings, if there is one that can be.
fn publish(it: &ObservedHashrings<'_>, next: &mut Record) {
    if let Some(rings) = other_tenants(it, next).or_else(|| other_members(it, next)) {
        for ring in &rings {
            let members = ring.members.keys().max().map_or(0, |last| last + 1);
            let held = next.held.entry(ring.name.clone()).or_default();
            *held = (*held).max(members);
        }
        next.rings = rings;
        next.confirmed = false;
        if next.replication_factor == 0 {
            next.replication_factor = it.desired.replication_factor;
        }
    }
}

/// The hashrings as the spec asks for them, with the members that they have, and new ones with all of
/// theirs; `None` if nothing but members differs, or if a new one is not ready.
fn other_tenants(it: &ObservedHashrings<'_>, now: &Record) -> Option<Vec<Ring>> {
    let desired = &it.desired.rings;
    let same = desired.len() == now.rings.len()
        && desired
            .iter()
            .zip(&now.rings)
            .all(|(w, r)| w.ring.takes_the_same(r));
    if same {
        return None;
    }
    let with_members = |w: &DesiredHashring| {
        let members = match now.ring(&w.ring.name) {
            Some(ring) => {
                zoned(it, w, ring.members.keys().copied()).unwrap_or_else(|| ring.members.clone())
            }
            None => all_new(it, w)?,
        };
        Some(Ring {
            members,
            ..w.ring.clone()
        })
    };
    let rings: Vec<Ring> = desired.iter().map(with_members).collect::<Option<_>>()?;
    let factor = it.factor_in_use().max(match now.rings.is_empty() {
        true => it.desired.replication_factor,
        false => 0,
    });
    refusal(&rings, factor).is_none().then_some(rings)
}

/// All members of a new hashring, if they are ready.
fn all_new(
    it: &ObservedHashrings<'_>,
    desired: &DesiredHashring,
) -> Option<BTreeMap<i32, Option<String>>> {
    let name = &desired.ring.name;
    let ready = (0..desired.replicas).all(|member| it.is_ready(name, member));
    ready
        .then(|| zoned(it, desired, 0..desired.replicas))
        .flatten()
}

/// The same hashrings, one of which has other members.
fn other_members(it: &ObservedHashrings<'_>, now: &Record) -> Option<Vec<Ring>> {
    (0..now.rings.len()).find_map(|i| {
        let ring = &now.rings[i];
        let desired = it.wanted_ring(&ring.name)?;
        let changes = [
            joined(it, desired, ring),
            left(it, desired, ring),
            moved(it, desired, ring),
        ];
        changes.into_iter().flatten().find_map(|(members, factor)| {
            let ready = members
                .keys()
                .filter(|m| it.is_ready(&ring.name, **m))
                .count();
            let mut rings = now.rings.clone();
            rings[i].members = members;
            (ready >= factor && refusal(&rings, factor).is_none()).then_some(rings)
        })
    })
}

/// Members by number, and the replication factor that they must bear.
type Change = (BTreeMap<i32, Option<String>>, usize);

/// With all members that are wanted, if every new one is ready and known to queriers.
fn joined(it: &ObservedHashrings<'_>, desired: &DesiredHashring, ring: &Ring) -> Option<Change> {
    let name = &ring.name;
    let present = (0..desired.replicas).filter(|m| !it.is_away(name, *m));
    let new: Vec<i32> = present.filter(|m| !ring.members.contains_key(m)).collect();
    let ready = new.iter().all(|m| it.is_ready(name, *m));
    let known = it
        .ingester_sets
        .get(name)
        .is_some_and(|h| h.unknown.is_none());
    if new.is_empty() || !ready || !known {
        return None;
    }
    let all = ring.members.keys().copied().chain(new);
    Some((zoned(it, desired, all)?, it.factor_in_use()))
}

/// Without the members that are not wanted, or away.
fn left(it: &ObservedHashrings<'_>, desired: &DesiredHashring, ring: &Ring) -> Option<Change> {
    let stays = |m: &i32| *m < desired.replicas && !it.is_away(&ring.name, *m);
    let mut members = ring.members.clone();
    members.retain(|m, _| stays(m));
    // A router that makes more copies could still be started.
    let bearable = it.routers_are_current && members.len() < ring.members.len();
    let factor = it.factor_in_use().max(it.desired.replication_factor);
    bearable.then_some((members, factor))
}

/// With the zones that its members are in by now.
fn moved(it: &ObservedHashrings<'_>, desired: &DesiredHashring, ring: &Ring) -> Option<Change> {
    let members = zoned(it, desired, ring.members.keys().copied())?;
    (members != ring.members).then(|| (members, it.factor_in_use()))
}

/// Members with their zones, if zones matter; `None` if one is not known.
pub(super) fn zoned(
    it: &ObservedHashrings<'_>,
    desired: &DesiredHashring,
    members: impl Iterator<Item = i32>,
) -> Option<BTreeMap<i32, Option<String>>> {
    let name = &desired.ring.name;
    let recorded = it.record.and_then(|r| r.ring(name));
    let zone = |member| {
        // Of a pod that has no node at the moment, the zone that it had.
        let had = || recorded?.members.get(&member)?.clone();
        let zone = it.pod(name, member).and_then(|pod| pod.zone.clone());
        zone.or_else(had)
    };
    members
        .map(|m| match desired.zones {
            true => Some((m, Some(zone(m)?))),
            false => Some((m, None)),
        })
        .collect()
}

/// The replication factor rises when every router has hashrings that bear it, and falls at once:
/// hashrings shrink after that.
fn factor(it: &ObservedHashrings<'_>, next: &mut Record, unchanged: bool) {
    let desired = it.desired.replication_factor;
    let borne = || unchanged && it.is_settled() && refusal(&next.rings, desired).is_none();
    if next.replication_factor != 0 && (desired < next.replication_factor || borne()) {
        next.replication_factor = desired;
    }
}
