//! What is done with each hashring, and what it waits for, in words.

use thanos_api::v1alpha1::HashringStep as Step;

use super::advance::zoned;
use super::allowed_actions::absent;
use super::draining::MAX_RESTARTS;
use super::observed_hashrings::{DesiredHashring, ObservedHashrings};
use super::record::{Draining, Ring};
use super::ring::refusal;

/// What is done with a hashring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its name.
    pub name: String,
    /// What is done.
    pub step: Step,
    /// What it waits for.
    pub message: String,
    /// What only the user can remove.
    pub obstacle: Option<Obstacle>,
    /// The members of the published hashring.
    pub members: Vec<i32>,
    /// The number of members that it is to have.
    pub desired: i32,
    /// The members that left and run on.
    pub draining: Vec<i32>,
}

/// What only the user can remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A member that left uploads nothing.
    NoObjectStorage,
    /// Routers would not accept the hashring.
    Refused,
}

/// Whether a decision depends on what routers have: hashrings are to be published, were just published,
/// or lost members of which that is not recorded yet. Members that left wait for no router.
#[must_use]
pub fn asks_routers(it: &ObservedHashrings<'_>) -> bool {
    let Some(record) = it.record.filter(|r| r.confirmed) else {
        return true;
    };
    let desired = &it.desired.rings;
    let is_as_wanted = |(w, ring): (&DesiredHashring, &Ring)| {
        let zones = zoned(it, w, ring.members.keys().copied());
        w.ring.takes_the_same(ring)
            && ring.members.keys().copied().eq(0..w.replicas)
            && zones.is_none_or(|members| members == ring.members)
            && !ring
                .members
                .keys()
                .any(|member| it.is_away(&ring.name, *member))
    };
    let is_known = |ring: &str, member: i32| {
        let left = record.draining(ring, member).is_some();
        it.wants(ring, member) || left || !record.holds(ring, member)
    };
    let mut surplus = it.ingester_sets.iter().flat_map(|(ring, ingester_sets)| {
        let members = (0..ingester_sets.replicas).chain(ingester_sets.pods.keys().copied());
        members.map(move |member| (ring.as_str(), member))
    });
    record.replication_factor != it.desired.replication_factor
        || desired.len() != record.rings.len()
        || !desired.iter().zip(&record.rings).all(is_as_wanted)
        || !surplus.all(|(ring, member)| is_known(ring, member))
}

/// What is done with every hashring that there is or is to be. `pod` names the pod of a member.
#[must_use]
pub fn progress(it: &ObservedHashrings<'_>, pod: &dyn Fn(&str, i32) -> String) -> Vec<Progress> {
    let desired = it.desired.rings.iter().map(|w| w.ring.name.as_str());
    let published = it.record.iter().flat_map(|r| &r.rings);
    let mut names: Vec<&str> = desired.collect();
    for name in published
        .map(|r| r.name.as_str())
        .chain(it.ingester_sets.keys().map(String::as_str))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| of_ring(it, name, pod))
        .collect()
}

fn of_ring(it: &ObservedHashrings<'_>, name: &str, pod: &dyn Fn(&str, i32) -> String) -> Progress {
    let ring = it.record.and_then(|r| r.ring(name));
    let draining = it.record.and_then(|r| r.draining.get(name));
    let (step, message, obstacle) = publishing(it, name)
        .or_else(|| joining(it, name, ring, pod))
        .or_else(|| going(it, name, ring, pod))
        .or_else(|| {
            let (member, draining) = draining?.iter().next_back()?;
            Some(left(it, name, *member, draining, pod))
        })
        .unwrap_or((Step::Stable, String::new(), None));
    Progress {
        name: name.to_owned(),
        step,
        message,
        obstacle,
        members: ring
            .iter()
            .flat_map(|r| r.members.keys().copied())
            .collect(),
        desired: it.wanted_ring(name).map_or(0, |w| w.replicas),
        draining: draining.iter().flat_map(|l| l.keys().copied()).collect(),
    }
}

type State = (Step, String, Option<Obstacle>);

fn publishing(it: &ObservedHashrings<'_>, name: &str) -> Option<State> {
    let record = it.record.filter(|r| !r.confirmed && !r.rings.is_empty())?;
    record.ring(name).or_else(|| record.rings.first())?;
    let message = late(it).unwrap_or_else(|| "every router has the hashrings".to_owned());
    Some((Step::Publishing, message, None))
}

fn waits(router: &str, answer: &Result<bool, String>) -> String {
    match answer {
        Ok(_) => format!("waits for router {router} to read the hashrings"),
        Err(why) => format!(
            "waits for router {router} to read the hashrings, some minutes at most, since it does \
             not answer this controller: {why}"
        ),
    }
}

fn joining(
    it: &ObservedHashrings<'_>,
    name: &str,
    ring: Option<&Ring>,
    pod: &dyn Fn(&str, i32) -> String,
) -> Option<State> {
    let desired = it.wanted_ring(name)?;
    let is_new = |m: &i32| ring.is_none_or(|r| !r.members.contains_key(m));
    let new: Vec<i32> = (0..desired.replicas).filter(is_new).collect();
    let first = *new.first()?;
    if let Some(late) = new.iter().find(|m| !it.is_ready(name, **m)) {
        let ready = new.iter().filter(|m| it.is_ready(name, **m)).count();
        let message = format!(
            "{ready} of {} new members are ready; waits for pod {}",
            new.len(),
            pod(name, *late)
        );
        return Some((Step::Starting, message, None));
    }
    if let Some(unknown) = it.ingester_sets.get(name).and_then(|h| h.unknown.as_ref()) {
        return Some((Step::Joining, unknown.clone(), None));
    }
    let zones = zoned(it, desired, 0..desired.replicas);
    let Some(members) = zones else {
        let is_lost = |m: &i32| zoned(it, desired, std::iter::once(*m)).is_none();
        let lost = (0..desired.replicas).find(is_lost).unwrap_or(first);
        let message = format!(
            "the zone of a member is not known, such as of pod {}: its node needs the label \
             topology.kubernetes.io/zone, and this controller the permission to read nodes",
            pod(name, lost)
        );
        return Some((Step::Joining, message, Some(Obstacle::Refused)));
    };
    let whole = Ring {
        members,
        ..desired.ring.clone()
    };
    if let Some(why) = refusal(
        &[whole],
        it.desired.replication_factor.max(it.factor_in_use()),
    ) {
        return Some((
            Step::Joining,
            format!("not published: {why}"),
            Some(Obstacle::Refused),
        ));
    }
    let message = match (late(it), other_hashring(it, name)) {
        (Some(router), _) => router,
        (None, Some(other)) => {
            format!("its members are ready; waits for those of hashring {other}")
        }
        (None, None) => "its members are ready".to_owned(),
    };
    Some((Step::Joining, message, None))
}

fn late(it: &ObservedHashrings<'_>) -> Option<String> {
    if it.is_settled() {
        return None;
    }
    let (routers, desired) = (it.routers.len(), it.routers_wanted);
    Some(match it.late_router() {
        Some(router) => waits(&router.pod, &router.has_rings),
        None => format!("waits for all routers: {routers} of {desired} exist"),
    })
}

/// Another hashring that is not published yet and has members that are not ready.
fn other_hashring<'a>(it: &'a ObservedHashrings<'_>, name: &str) -> Option<&'a str> {
    let others = it.desired.rings.iter().map(|w| (&w.ring.name, w.replicas));
    let mut others = others.filter(|(other, _)| *other != name);
    let found = others.find(|(other, replicas)| {
        let is_new = it.record.and_then(|r| r.ring(other)).is_none();
        is_new && !(0..*replicas).all(|member| it.is_ready(other, member))
    });
    found.map(|(other, _)| other.as_str())
}

/// Members that are published and not wanted.
fn going(
    it: &ObservedHashrings<'_>,
    name: &str,
    ring: Option<&Ring>,
    pod: &dyn Fn(&str, i32) -> String,
) -> Option<State> {
    let ring = ring?;
    let stays = |m: &i32| it.wants(name, *m) && !it.is_away(name, *m);
    ring.members.keys().find(|m| !stays(m))?;
    let message = if let Some(router) = late(it) {
        router
    } else if !it.routers_are_current || it.factor_in_use() > it.desired.replication_factor {
        format!(
            "waits for routers that make {} copies to be replaced",
            it.factor_in_use()
        )
    } else if let Some(late) = ring
        .members
        .keys()
        .find(|m| stays(m) && !it.is_ready(name, **m))
    {
        format!(
            "enough members must be ready that stay; pod {} is not",
            pod(name, *late)
        )
    } else if let Some(other) = other_hashring(it, name) {
        format!("waits for the members of hashring {other}")
    } else {
        "members leave".to_owned()
    };
    Some((Step::Publishing, message, None))
}

/// A member that left: the highest one, which goes first.
fn left(
    it: &ObservedHashrings<'_>,
    name: &str,
    member: i32,
    draining: &Draining,
    pod: &dyn Fn(&str, i32) -> String,
) -> State {
    let its = pod(name, member);
    if it.is_done(name, member, draining) {
        return (Step::Removing, format!("removing pod {its}"), None);
    }
    if let Some(drained_at) = draining.drained_at {
        let rest = drained_at + it.desired.store_sync - it.now;
        let message = format!(
            "everything on pod {its} is uploaded; removing it after storeSyncDelay ({}s)",
            it.desired.store_sync
        );
        debug_assert!(rest > 0, "it is done otherwise");
        return (Step::WaitingForStores, message, None);
    }
    let Some(found) = it.pod(name, member) else {
        let message = format!(
            "pod {its} does not exist, so it cannot upload what its volume holds; set \
             spec.allowDataLoss to remove it"
        );
        return (Step::Draining, message, None);
    };
    if !found.uploads {
        let hours = found.retention / 3600;
        let message = format!(
            "pod {its} has no object storage to upload to; removing it after its retention ({hours} h \
             after it left), or set spec.allowDataLoss"
        );
        return (Step::Draining, message, Some(Obstacle::NoObjectStorage));
    }
    let message = if !found.ready {
        format!("waiting for pod {its} to be ready, so that it can upload")
    } else if found.uid == draining.pod {
        match absent(it) {
            Some((ring, other)) => format!(
                "stopping pod {its} once all others are ready; pod {} is not",
                pod(&ring, other)
            ),
            None => format!("stopping pod {its}, so that it uploads what it holds"),
        }
    } else {
        match found.held {
            None => format!(
                "pod {its} does not say what it holds; this controller must reach its port http, and \
                 find prometheus_tsdb_head_series and the failures of the shipper there, of each tenant"
            ),
            Some(held) if held.failures > 0 => format!(
                "pod {its} cannot upload ({} failures); its log says why",
                held.failures
            ),
            Some(held) if draining.restarts >= MAX_RESTARTS => format!(
                "pod {its} still holds {} series after {} restarts, such as samples out of order, \
                 which Thanos does not upload when it stops; set spec.allowDataLoss to let it go \
                 with these left on its volume",
                held.series, draining.restarts
            ),
            Some(held) => format!(
                "pod {its} holds {} series that are not uploaded",
                held.series
            ),
        }
    };
    (Step::Draining, message, None)
}
