//! From what is recorded to what is recorded next.

use std::collections::BTreeMap;

use super::leaving;
use super::record::{Record, Ring};
use super::ring::refusal;
use super::situation::{Situation, WantedRing};

/// What is to be recorded, and published, next.
#[must_use]
pub fn advance(it: &Situation<'_>) -> Record {
    let mut next = it.record.cloned().unwrap_or_else(|| unrecorded(it));
    // One change at a time: the last one has reached every router.
    if it.is_settled() {
        next.confirmed = !next.rings.is_empty();
        publish(it, &mut next);
    }
    let unchanged = it.record.is_some_and(|r| r.rings == next.rings);
    factor(it, &mut next, unchanged);
    leaving::follow(it, &mut next);
    next
}

/// What is known if nothing is recorded: any ingester that is there may hold samples.
fn unrecorded(it: &Situation<'_>) -> Record {
    let hosts = it.hosts.iter();
    Record {
        held: hosts
            .map(|(ring, hosts)| (ring.clone(), hosts.replicas))
            .collect(),
        ..Default::default()
    }
}

/// Publishes another set of hashrings, if there is one that can be.
fn publish(it: &Situation<'_>, next: &mut Record) {
    if let Some(rings) = other_tenants(it, next).or_else(|| other_members(it, next)) {
        for ring in &rings {
            let members = ring.members.keys().max().map_or(0, |last| last + 1);
            let held = next.held.entry(ring.name.clone()).or_default();
            *held = (*held).max(members);
        }
        next.rings = rings;
        next.confirmed = false;
        if next.replication_factor == 0 {
            next.replication_factor = it.wanted.replication_factor;
        }
    }
}

/// The hashrings as the spec asks for them, with the members that they have, and new ones with all of
/// theirs; `None` if nothing but members differs, or if a new one is not ready.
fn other_tenants(it: &Situation<'_>, now: &Record) -> Option<Vec<Ring>> {
    let wanted = &it.wanted.rings;
    let same = wanted.len() == now.rings.len()
        && wanted
            .iter()
            .zip(&now.rings)
            .all(|(w, r)| w.ring.takes_the_same(r));
    if same {
        return None;
    }
    let with_members = |w: &WantedRing| {
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
    let rings: Vec<Ring> = wanted.iter().map(with_members).collect::<Option<_>>()?;
    let factor = it.factor_in_use().max(match now.rings.is_empty() {
        true => it.wanted.replication_factor,
        false => 0,
    });
    refusal(&rings, factor).is_none().then_some(rings)
}

/// All members of a new hashring, if they are ready.
fn all_new(it: &Situation<'_>, wanted: &WantedRing) -> Option<BTreeMap<i32, Option<String>>> {
    let name = &wanted.ring.name;
    let ready = (0..wanted.replicas).all(|member| it.is_ready(name, member));
    ready
        .then(|| zoned(it, wanted, 0..wanted.replicas))
        .flatten()
}

/// The same hashrings, one of which has other members.
fn other_members(it: &Situation<'_>, now: &Record) -> Option<Vec<Ring>> {
    (0..now.rings.len()).find_map(|i| {
        let ring = &now.rings[i];
        let wanted = it.wanted_ring(&ring.name)?;
        let changes = [
            joined(it, wanted, ring),
            left(it, wanted, ring),
            moved(it, wanted, ring),
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
fn joined(it: &Situation<'_>, wanted: &WantedRing, ring: &Ring) -> Option<Change> {
    let name = &ring.name;
    let present = (0..wanted.replicas).filter(|m| !it.is_away(name, *m));
    let new: Vec<i32> = present.filter(|m| !ring.members.contains_key(m)).collect();
    let ready = new.iter().all(|m| it.is_ready(name, *m));
    let known = it.hosts.get(name).is_some_and(|h| h.unknown.is_none());
    if new.is_empty() || !ready || !known {
        return None;
    }
    let all = ring.members.keys().copied().chain(new);
    Some((zoned(it, wanted, all)?, it.factor_in_use()))
}

/// Without the members that are not wanted, or away.
fn left(it: &Situation<'_>, wanted: &WantedRing, ring: &Ring) -> Option<Change> {
    let stays = |m: &i32| *m < wanted.replicas && !it.is_away(&ring.name, *m);
    let mut members = ring.members.clone();
    members.retain(|m, _| stays(m));
    // A router that makes more copies could still be started.
    let bearable = it.routers_are_current && members.len() < ring.members.len();
    let factor = it.factor_in_use().max(it.wanted.replication_factor);
    bearable.then_some((members, factor))
}

/// With the zones that its members are in by now.
fn moved(it: &Situation<'_>, wanted: &WantedRing, ring: &Ring) -> Option<Change> {
    let members = zoned(it, wanted, ring.members.keys().copied())?;
    (members != ring.members).then(|| (members, it.factor_in_use()))
}

/// Members with their zones, if zones matter; `None` if one is not known.
pub(super) fn zoned(
    it: &Situation<'_>,
    wanted: &WantedRing,
    members: impl Iterator<Item = i32>,
) -> Option<BTreeMap<i32, Option<String>>> {
    let name = &wanted.ring.name;
    let recorded = it.record.and_then(|r| r.ring(name));
    let zone = |member| {
        // Of a pod that has no node at the moment, the zone that it had.
        let had = || recorded?.members.get(&member)?.clone();
        let zone = it.pod(name, member).and_then(|pod| pod.zone.clone());
        zone.or_else(had)
    };
    members
        .map(|m| match wanted.zones {
            true => Some((m, Some(zone(m)?))),
            false => Some((m, None)),
        })
        .collect()
}

/// The replication factor rises when every router has hashrings that bear it, and falls at once:
/// hashrings shrink after that.
fn factor(it: &Situation<'_>, next: &mut Record, unchanged: bool) {
    let wanted = it.wanted.replication_factor;
    let borne = || unchanged && it.is_settled() && refusal(&next.rings, wanted).is_none();
    if next.replication_factor != 0 && (wanted < next.replication_factor || borne()) {
        next.replication_factor = wanted;
    }
}
