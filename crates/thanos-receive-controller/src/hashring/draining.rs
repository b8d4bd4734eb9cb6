//! Drain of members that left their hashring: what the record keeps of each until it is removed.
//! Pure, no IO.

use super::observed_hashrings::{ObservedHashrings, Pod};
use super::record::{Draining, MAX_RESTARTS, Record};

/// Seconds that an ingester gets to upload what a restart left behind before the next restart, and
/// their limit. The time doubles while uploads fail, since every restart interrupts queries.
const UPLOAD_TIMEOUT: i64 = 120;
const MAX_UPLOAD_TIMEOUT: i64 = 1_800;

/// Seconds after which Thanos may have uploaded what no restart uploads, such as out-of-order samples:
/// it may do so on its own when they are three hours old.
const BLOCK_TIMEOUT: i64 = 4 * 3_600;

/// Updates the drains of the next record: starts, follows and forgets them.
pub(super) fn follow(observed: &ObservedHashrings<'_>, next: &mut Record) {
    let mut draining = std::mem::take(&mut next.draining);
    // While a router may send samples to a member, it has not left.
    let is_published = observed.record.is_none_or(|r| r.rings == next.rings);
    if observed.is_settled() && is_published {
        for (ring, member) in left_members(observed, next) {
            let members = draining.entry(ring.clone()).or_default();
            let pod = observed.pod(ring, member);
            members.entry(member).or_insert_with(|| Draining {
                since: observed.now,
                pod: pod.map(|pod| pod.uid.clone()).unwrap_or_default(),
                ..Default::default()
            });
        }
    }
    draining.retain(|ring, members| {
        members.retain(|member, draining| {
            let may_be_removed = observed.may_be_removed(ring, *member, draining);
            draining.unproven |= may_be_removed && draining.drained_at.is_none();
            let is_removed = may_be_removed && !exists(observed, ring, *member);
            if is_removed && let Some(held) = next.held.get_mut(ring) {
                *held = (*held).min(*member);
            }
            !is_removed && !observed.is_desired(ring, *member)
        });
        for (member, draining) in members.iter_mut() {
            if let Some(pod) = observed.pod(ring, *member) {
                evaluate(observed.now, pod, draining);
            }
        }
        !members.is_empty()
    });
    next.draining = draining;
    let rings = &next.rings;
    next.held.retain(|name, held| {
        let is_published = rings.iter().any(|ring| &ring.name == name);
        // PVCs that are kept do not make a hashring.
        let set = observed.ingester_sets.get(name);
        let exists = set.is_some_and(|set| *held > 0 || set.replicas > 0 || !set.pods.is_empty());
        is_published || exists || observed.desired_ring(name).is_some()
    });
}

/// Existing members that may hold samples, and are neither published nor desired.
fn left_members<'a>(
    observed: &'a ObservedHashrings<'_>,
    next: &Record,
) -> impl Iterator<Item = (&'a String, i32)> {
    let sets = observed.ingester_sets.iter();
    let all = sets.flat_map(|(ring, set)| {
        let members = (0..set.replicas).chain(set.pods.keys().copied());
        members.map(move |member| (ring, member))
    });
    all.filter(move |(ring, member)| {
        let is_out = !next.has(ring, *member) && !observed.is_desired(ring, *member);
        is_out && next.holds(ring, *member)
    })
}

/// Whether a member still has a pod, or a PVC that is to be deleted.
fn exists(observed: &ObservedHashrings<'_>, ring: &str, member: i32) -> bool {
    observed.ingester_sets.get(ring).is_some_and(|set| {
        let pvc = observed.desired.delete_pvcs && set.pvcs.contains(&member);
        member < set.replicas || set.pods.contains_key(&member) || pvc
    })
}

/// Evaluates the pod that replaced the restarted one: it is drained, or is restarted as well.
fn evaluate(now: i64, pod: &Pod, draining: &mut Draining) {
    if draining.drained_at.is_some() || !pod.uploads || !pod.ready {
        return;
    }
    // The restart has not happened yet.
    if pod.uid == draining.pod {
        return;
    }
    let Some(state) = pod.upload_state else {
        return;
    };
    // It got samples as a member, or the probe result is outdated: restart this one.
    if state.started < draining.since {
        draining.pod.clone_from(&pod.uid);
        return;
    }
    if state.series == 0 && state.failures == 0 {
        draining.drained_at = Some(now);
        return;
    }
    let timeout = match (state.failures, draining.restarts) {
        // The first restart leaves the newest sample of each series behind; the second uploads it.
        (0, 0) => 0,
        (0, MAX_RESTARTS..) => BLOCK_TIMEOUT,
        (_, restarts) => (UPLOAD_TIMEOUT << restarts.min(8)).min(MAX_UPLOAD_TIMEOUT),
    };
    if pod.changed.is_some_and(|since| now >= since + timeout) {
        draining.pod.clone_from(&pod.uid);
        draining.restarts += 1;
    }
}
