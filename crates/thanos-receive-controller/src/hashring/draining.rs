//! Members that left their hashring: what is remembered of each until it is gone.

use super::observed_hashrings::{ObservedHashrings, Pod};
use super::record::{Draining, Record};

/// After so many replaced pods, something else is wrong.
pub(super) const MAX_RESTARTS: u32 = 3;

/// How long an ingester may take to upload what a stop left behind before it is stopped again, in
/// seconds: longer each time while uploads fail, since every stop interrupts queries.
const UPLOADING: i64 = 120;
const UPLOADING_AT_MOST: i64 = 1_800;

/// What no stop uploads, such as samples out of order, Thanos may upload by itself when it is three hours
/// old.
const BY_ITSELF: i64 = 4 * 3_600;

/// Takes in what is observed of members that left, and forgets those that are gone or wanted again.
pub(super) fn follow(it: &ObservedHashrings<'_>, next: &mut Record) {
    // As long as a router may send to it, a member has not left.
    let settled = it.is_settled() && it.record.is_none_or(|r| r.rings == next.rings);
    let mut draining = std::mem::take(&mut next.draining);
    for (ring, ingester_sets) in it.ingester_sets {
        let there = (0..ingester_sets.replicas).chain(ingester_sets.pods.keys().copied());
        for member in there {
            let is_out = !next.has(ring, member) && !it.wants(ring, member);
            if settled && is_out && next.holds(ring, member) {
                let members = draining.entry(ring.clone()).or_default();
                members.entry(member).or_insert_with(|| Draining {
                    since: it.now,
                    pod: it
                        .pod(ring, member)
                        .map(|p| p.uid.clone())
                        .unwrap_or_default(),
                    ..Default::default()
                });
            }
        }
    }
    draining.retain(|ring, members| {
        members.retain(|member, left| {
            let may_go = it.is_done(ring, *member, left);
            left.unproven |= may_go && left.drained_at.is_none();
            let is_gone = may_go && !is_there(it, ring, *member);
            if is_gone && let Some(held) = next.held.get_mut(ring) {
                *held = (*held).min(*member);
            }
            !is_gone && !it.wants(ring, *member)
        });
        for (member, draining) in members.iter_mut() {
            if let Some(pod) = it.pod(ring, *member) {
                look(it.now, pod, draining);
            }
        }
        !members.is_empty()
    });
    next.draining = draining;
    let rings = &next.rings;
    next.held.retain(|name, held| {
        let is_published = rings.iter().any(|ring| &ring.name == name);
        // Volumes that are kept are no hashring.
        let ingester_sets = it.ingester_sets.get(name);
        let is_there =
            ingester_sets.is_some_and(|h| *held > 0 || h.replicas > 0 || !h.pods.is_empty());
        is_published || is_there || it.wanted_ring(name).is_some()
    });
}

/// Whether anything is left of a member: a pod, or a volume that is to be deleted.
fn is_there(it: &ObservedHashrings<'_>, ring: &str, member: i32) -> bool {
    it.ingester_sets.get(ring).is_some_and(|ingester_sets| {
        let claim = it.desired.delete_claims && ingester_sets.claims.contains(&member);
        member < ingester_sets.replicas || ingester_sets.pods.contains_key(&member) || claim
    })
}

/// Judges a pod that took the place of the one that was to be replaced.
fn look(now: i64, pod: &Pod, draining: &mut Draining) {
    let is_another = pod.uid != draining.pod;
    if draining.drained_at.is_some() || !pod.uploads || !pod.ready || !is_another {
        return;
    }
    let Some(held) = pod.held else {
        return;
    };
    // It ran when the member left, or it is seen as it was before.
    if held.started < draining.since {
        draining.pod.clone_from(&pod.uid);
        return;
    }
    if held.series == 0 && held.failures == 0 {
        draining.drained_at = Some(now);
        return;
    }
    // The newest sample of each series stays behind at the first stop, and goes at the second.
    let patience = match (held.failures, draining.restarts) {
        (0, 0) => 0,
        (0, MAX_RESTARTS..) => BY_ITSELF,
        (_, restarts) => (UPLOADING << restarts.min(8)).min(UPLOADING_AT_MOST),
    };
    if pod.changed.is_some_and(|since| now >= since + patience) {
        draining.pod.clone_from(&pod.uid);
        draining.restarts += 1;
    }
}
