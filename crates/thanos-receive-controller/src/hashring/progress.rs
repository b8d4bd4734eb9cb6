//! The step of each hashring and a message about what it waits for, for the status. Also whether a
//! decision needs probes of routers. Pure, no IO.

use thanos_api::v1alpha1::HashringStep as Step;

use super::advance::zoned;
use super::allowed_actions::unready_member;
use super::observed_hashrings::{DesiredHashring, ObservedHashrings, UploadState};
use super::record::{Draining, MAX_RESTARTS, Ring};
use super::ring::rejection;

/// Progress of one hashring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Name of the hashring.
    pub name: String,
    /// Current step.
    pub step: Step,
    /// What the step waits for.
    pub message: String,
    /// Obstacle that only the user can remove.
    pub obstacle: Option<Obstacle>,
    /// Members of the published hashring.
    pub members: Vec<i32>,
    /// Number of members in the spec.
    pub desired: i32,
    /// Members that left and are not removed yet.
    pub draining: Vec<i32>,
}

/// An obstacle that only the user can remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A member that left has no object storage.
    NoObjectStorage,
    /// Routers would reject the hashring.
    Refused,
}

/// Step, message and obstacle of a hashring.
struct State {
    step: Step,
    message: String,
    obstacle: Option<Obstacle>,
}

impl State {
    const fn new(step: Step, message: String) -> Self {
        Self {
            step,
            message,
            obstacle: None,
        }
    }

    const fn blocked_by(mut self, obstacle: Obstacle) -> Self {
        self.obstacle = Some(obstacle);
        self
    }
}

/// Whether a decision depends on what routers have loaded. The drain of members that left does not.
#[must_use]
pub fn needs_router_probes(observed: &ObservedHashrings<'_>) -> bool {
    // Hashrings were published, and not every router is known to have loaded them.
    let Some(record) = observed.record.filter(|r| r.confirmed) else {
        return true;
    };
    // Hashrings, members or the replication factor are about to change.
    let desired = &observed.desired.rings;
    if record.replication_factor != observed.desired.replication_factor
        || desired.len() != record.rings.len()
    {
        return true;
    }
    let mut pairs = desired.iter().zip(&record.rings);
    if !pairs.all(|(desired, ring)| is_as_desired(observed, desired, ring)) {
        return true;
    }
    // Members left, and the record does not have their drain yet.
    let is_recorded = |ring: &str, member: i32| {
        let left = record.draining(ring, member).is_some();
        observed.is_desired(ring, member) || left || !record.holds(ring, member)
    };
    let mut members = observed.ingester_sets.iter().flat_map(|(ring, set)| {
        let members = (0..set.replicas).chain(set.pods.keys().copied());
        members.map(move |member| (ring.as_str(), member))
    });
    !members.all(|(ring, member)| is_recorded(ring, member))
}

/// Whether a published hashring needs no change.
fn is_as_desired(observed: &ObservedHashrings<'_>, desired: &DesiredHashring, ring: &Ring) -> bool {
    let members = || ring.members.keys().copied();
    let zones = zoned(observed, desired, members());
    desired.ring.is_same_but_members(ring)
        && members().eq(0..desired.replicas)
        && zones.is_none_or(|members| members == ring.members)
        && !members().any(|member| observed.is_unavailable(&ring.name, member))
}

/// Progress of every hashring of the spec, the record and the cluster. `pod` returns the pod name of a
/// member.
#[must_use]
pub fn progress(
    observed: &ObservedHashrings<'_>,
    pod: &dyn Fn(&str, i32) -> String,
) -> Vec<Progress> {
    let desired = observed.desired.rings.iter().map(|w| w.ring.name.as_str());
    let published = observed.record.iter().flat_map(|r| &r.rings);
    let published = published.map(|r| r.name.as_str());
    let existing = observed.ingester_sets.keys().map(String::as_str);
    let mut names: Vec<&str> = desired.collect();
    for name in published.chain(existing) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| of_ring(observed, name, pod))
        .collect()
}

fn of_ring(
    observed: &ObservedHashrings<'_>,
    name: &str,
    pod: &dyn Fn(&str, i32) -> String,
) -> Progress {
    let ring = observed.record.and_then(|r| r.ring(name));
    let draining = observed.record.and_then(|r| r.draining.get(name));
    let of_member = |member: i32| pod(name, member);
    let State {
        step,
        message,
        obstacle,
    } = publishing(observed)
        .or_else(|| joining(observed, name, ring, &of_member))
        .or_else(|| leaving(observed, name, ring, &of_member))
        .or_else(|| {
            let (member, draining) = draining?.iter().next_back()?;
            Some(removing(observed, name, *member, draining, pod))
        })
        .unwrap_or(State::new(Step::Stable, String::new()));
    Progress {
        name: name.to_owned(),
        step,
        message,
        obstacle,
        members: ring
            .iter()
            .flat_map(|r| r.members.keys().copied())
            .collect(),
        desired: observed.desired_ring(name).map_or(0, |w| w.replicas),
        draining: draining.iter().flat_map(|l| l.keys().copied()).collect(),
    }
}

/// Hashrings that not every router is known to have loaded.
fn publishing(observed: &ObservedHashrings<'_>) -> Option<State> {
    observed
        .record
        .filter(|r| !r.confirmed && !r.rings.is_empty())?;
    let loaded = || "every router has the hashrings".to_owned();
    let message = waiting_for_routers(observed).unwrap_or_else(loaded);
    Some(State::new(Step::Publishing, message))
}

/// Members that the spec has and the published hashring does not.
fn joining(
    observed: &ObservedHashrings<'_>,
    name: &str,
    ring: Option<&Ring>,
    pod: &dyn Fn(i32) -> String,
) -> Option<State> {
    let joining = |message: String| Some(State::new(Step::Joining, message));
    let desired = observed.desired_ring(name)?;
    let is_new = |m: &i32| ring.is_none_or(|r| !r.members.contains_key(m));
    let new: Vec<i32> = (0..desired.replicas).filter(is_new).collect();
    let first = *new.first()?;
    // New pods are not ready.
    let mut unready = new.iter().filter(|m| !observed.is_ready(name, **m));
    if let Some(late) = unready.next() {
        let ready = new.len() - 1 - unready.count();
        let (all, late) = (new.len(), pod(*late));
        let message = format!("{ready} of {all} new members are ready; waiting for pod {late}");
        return Some(State::new(Step::Starting, message));
    }
    // A querier does not know the new members.
    let set = observed.ingester_sets.get(name);
    if let Some(unknown) = set.and_then(|set| set.unknown.as_ref()) {
        return joining(unknown.clone());
    }
    // The zone of a member is unknown.
    let Some(members) = zoned(observed, desired, 0..desired.replicas) else {
        let is_unknown = |m: &i32| zoned(observed, desired, std::iter::once(*m)).is_none();
        let unknown = (0..desired.replicas).find(is_unknown).unwrap_or(first);
        let message = format!(
            "zone of pod {} is unknown; label its node with topology.kubernetes.io/zone, and allow \
             this controller to read nodes",
            pod(unknown)
        );
        return Some(State::new(Step::Joining, message).blocked_by(Obstacle::Refused));
    };
    // Routers would reject the hashring.
    let complete = Ring {
        members,
        ..desired.ring.clone()
    };
    let factor = observed.factor_in_use();
    let factor = factor.max(observed.desired.replication_factor);
    if let Some(why) = rejection(&[complete], factor) {
        let message = format!("not published: {why}");
        return Some(State::new(Step::Joining, message).blocked_by(Obstacle::Refused));
    }
    // The last publication is not complete.
    if let Some(routers) = waiting_for_routers(observed) {
        return joining(routers);
    }
    // New hashrings are published together.
    if let Some(other) = other_hashring(observed, name) {
        return joining(format!(
            "all members are ready; waiting for the members of hashring {other}"
        ));
    }
    joining("all members are ready; adding them to the hashring".to_owned())
}

/// Message about the routers that may not have loaded the recorded hashrings; `None` if all have.
fn waiting_for_routers(observed: &ObservedHashrings<'_>) -> Option<String> {
    if observed.is_settled() {
        return None;
    }
    let Some(router) = observed.late_router() else {
        let (existing, desired) = (observed.routers.len(), observed.desired_routers);
        return Some(format!(
            "waiting for routers: {existing} of {desired} exist"
        ));
    };
    let name = &router.pod;
    Some(match &router.has_rings {
        Ok(_) => format!("waiting for router {name} to read the hashrings"),
        Err(why) => format!(
            "waiting for router {name} to read the hashrings, for a few minutes at most since its \
             probe fails: {why}"
        ),
    })
}

/// Another hashring that is not published and has members that are not ready.
fn other_hashring<'a>(observed: &'a ObservedHashrings<'_>, name: &str) -> Option<&'a str> {
    let desired = observed.desired.rings.iter();
    let others = desired.map(|w| (&w.ring.name, w.replicas));
    let mut others = others.filter(|(other, _)| *other != name);
    let found = others.find(|(other, replicas)| {
        let is_new = observed.record.and_then(|r| r.ring(other)).is_none();
        is_new && !(0..*replicas).all(|member| observed.is_ready(other, member))
    });
    found.map(|(other, _)| other.as_str())
}

/// Members of the published hashring that the spec does not have, or that are unavailable.
fn leaving(
    observed: &ObservedHashrings<'_>,
    name: &str,
    ring: Option<&Ring>,
    pod: &dyn Fn(i32) -> String,
) -> Option<State> {
    let publishing = |message: String| Some(State::new(Step::Publishing, message));
    let ring = ring?;
    let stays = |m: &i32| observed.is_desired(name, *m) && !observed.is_unavailable(name, *m);
    if ring.members.keys().all(stays) {
        return None;
    }
    // The last publication is not complete.
    if let Some(routers) = waiting_for_routers(observed) {
        return publishing(routers);
    }
    // The remaining members may be too few for routers that still make more copies.
    let factor = observed.factor_in_use();
    if !observed.routers_are_current || factor > observed.desired.replication_factor {
        return publishing(format!(
            "waiting for routers with replication factor {factor} to be replaced"
        ));
    }
    // The remaining members must be ready, as many as the replication factor.
    let mut remaining = ring.members.keys().filter(|m| stays(m));
    if let Some(late) = remaining.find(|m| !observed.is_ready(name, **m)) {
        return publishing(format!(
            "too few of the remaining members are ready; waiting for pod {}",
            pod(*late)
        ));
    }
    // Hashrings of the spec are published together.
    if let Some(other) = other_hashring(observed, name) {
        return publishing(format!("waiting for the members of hashring {other}"));
    }
    publishing("removing members from the hashring".to_owned())
}

/// The member that left and is removed next: the one with the highest ordinal.
fn removing(
    observed: &ObservedHashrings<'_>,
    name: &str,
    member: i32,
    draining: &Draining,
    pod_name: &dyn Fn(&str, i32) -> String,
) -> State {
    let draining_with = |message: String| State::new(Step::Draining, message);
    let name_of_pod = pod_name(name, member);
    let its = name_of_pod.as_str();
    if observed.may_be_removed(name, member, draining) {
        return State::new(Step::Removing, format!("removing pod {its}"));
    }
    // Drained: stores sync its blocks.
    if draining.drained_at.is_some() {
        let delay = observed.desired.store_sync;
        let message = format!(
            "everything on pod {its} is uploaded; removing it after storeSyncDelay ({delay}s)"
        );
        return State::new(Step::WaitingForStores, message);
    }
    let Some(pod) = observed.pod(name, member) else {
        return draining_with(format!(
            "pod {its} does not exist, so the samples on its volume cannot be uploaded; set \
             spec.allowDataLoss to remove it without them"
        ));
    };
    if !pod.uploads {
        let hours = pod.retention / 3600;
        let message = format!(
            "pod {its} has no object storage to upload to; it is removed {hours}h (its retention) \
             after it left the hashring, or earlier with spec.allowDataLoss"
        );
        return draining_with(message).blocked_by(Obstacle::NoObjectStorage);
    }
    if !pod.ready {
        return draining_with(format!(
            "waiting for pod {its} to be ready, so that it can upload"
        ));
    }
    // Its restart is next.
    if pod.uid == draining.pod {
        return draining_with(match unready_member(observed) {
            Some((ring, other)) => format!(
                "stopping pod {its} once all others are ready; pod {} is not",
                pod_name(&ring, other)
            ),
            None => format!("stopping pod {its}, so that it uploads what it holds"),
        });
    }
    // It was restarted, and is not drained yet.
    draining_with(match pod.upload_state {
        Some(state) => not_drained(its, state, draining.restarts),
        None => format!(
            "unknown what pod {its} has not uploaded; this controller must reach its port http and \
             find prometheus_tsdb_head_series and the failure counters of the shipper for each tenant"
        ),
    })
}

/// Message about a pod that still has samples to upload after a restart.
fn not_drained(pod: &str, state: UploadState, restarts: u32) -> String {
    let UploadState {
        series, failures, ..
    } = state;
    if failures > 0 {
        return format!("pod {pod} cannot upload ({failures} failures); see its log");
    }
    if restarts >= MAX_RESTARTS {
        return format!(
            "pod {pod} still holds {series} series after {restarts} restarts, such as out-of-order \
             samples, which Thanos does not upload at shutdown; set spec.allowDataLoss to remove it \
             and leave them on its volume"
        );
    }
    format!("pod {pod} has {series} series to upload")
}
