//! Computes the status of a ThanosReceive. Pure, no IO.

use std::collections::BTreeMap;

use kube::ResourceExt;
use operator_runtime::{NormalEvent, Outcome, Required};
use thanos_api::names::{Condition, EventReason, Reason};
use thanos_api::v1alpha1::{
    HashringProgress, HashringStep, MAX_NAMED_MEMBERS, MAX_UNREACHABLE_TENANTS, ThanosReceiveStatus,
};
use thanos_controller_common::volumes::ConditionState;
use thanos_controller_common::{rotation, status};
use thanos_workload::labels::selector_text;

use crate::Observed;
use crate::desired::{hashrings, object_storage, replicas};
use crate::hashring::{Obstacle, Progress};
use crate::names::{self, router_identity};
use crate::tenants::{Unreachable, describe};

/// Status after a reconcile.
#[must_use]
pub fn status(
    seen: &Observed,
    outcome: &Outcome,
    previous: &ThanosReceiveStatus,
) -> ThanosReceiveStatus {
    let (observed, status_inputs) = (&seen.plan_inputs, &seen.status_inputs);
    let receive = &observed.receive;
    let cr = receive.name_any();
    let router = names::router(&cr);
    let rings = hashrings(&receive.spec);
    let sets: Vec<(String, i32)> = rings
        .iter()
        .map(|ring| {
            (
                names::ingester(&cr, &ring.name),
                replicas(&receive.spec, ring),
            )
        })
        .collect();

    let rejected = immutable(seen, outcome);
    let required = |name, replicas, note: &str| Required {
        name,
        replicas,
        essential: true,
        note: note.to_owned(),
    };
    let note = match observed.allowed_actions.replication_factor {
        None => "routers start when the first hashring is published",
        Some(_) => "",
    };
    let routers = required(&router, receive.spec.router_spec.replicas, note);
    let ingesters = sets
        .iter()
        .map(|(name, replicas)| required(name, *replicas, ""));
    let all: Vec<Required<'_>> = std::iter::once(routers).chain(ingesters).collect();
    let (generation, inputs) = (receive.metadata.generation, &status_inputs.common);
    let reported = rejected.as_ref().unwrap_or(outcome);
    let mut conditions = status::conditions(&previous.common, generation, reported, &all, inputs);
    let mut set = |type_, state| status::set(&mut conditions, type_, state);
    set(
        Condition::HashringStable,
        stable(&status_inputs.progress, &status_inputs.unreachable),
    );
    set(
        Condition::ObjectStorageReady,
        status_inputs.object_storage.clone(),
    );
    if let Some(state) = volumes(seen) {
        set(Condition::VolumesReady, state);
    }
    if let Some(watched) = status_inputs.secrets_watched {
        set(Condition::SecretRotation, rotation(seen, watched));
    }
    let common = status::common(conditions, generation, outcome, inputs);

    let of_ring = |(name, _): &(String, i32)| outcome.workload(name);
    let ready = sets
        .iter()
        .filter_map(of_ring)
        .map(|w| w.counts.ready_replicas)
        .sum();
    let published = status_inputs.replication_factor > 0;
    ThanosReceiveStatus {
        common,
        replicas: Some(outcome.workload(&router).map_or(0, |w| w.counts.replicas)),
        ready_replicas: Some(
            outcome
                .workload(&router)
                .map_or(0, |w| w.counts.ready_replicas),
        ),
        selector: Some(selector_text(&router_identity(&cr).selector_labels())),
        replication_factor: published
            .then(|| i32::try_from(status_inputs.replication_factor).unwrap_or(0)),
        ready_ingesters: Some(ready),
        hashrings: status_inputs
            .progress
            .iter()
            .map(|p| hashring(seen, p, previous))
            .collect(),
        config_hash: published
            .then(|| i64::try_from(status_inputs.config_hash).unwrap_or_default()),
        router_status: outcome
            .workload(&router)
            .map(|w| status::deployment(w, w.counts.replicas)),
        hashring_status: rings
            .iter()
            .zip(&sets)
            .filter_map(|(ring, set)| {
                Some((ring.name.clone(), status::stateful_set(of_ring(set)?)))
            })
            .collect(),
    }
}

/// The condition `HashringStable`: state of the first hashring that is not stable. Unreachable tenants
/// do not make a hashring unstable; they are in the message only.
fn stable(
    progress: &[Progress],
    unreachable: &BTreeMap<String, Vec<Unreachable>>,
) -> ConditionState {
    let mut unreachable = unreachable.iter();
    let unreachable = unreachable.find_map(|(ring, all)| describe(ring, all));
    let Some(first) = progress.iter().find(|p| p.step != HashringStep::Stable) else {
        return (Some(true), Reason::Stable, unreachable.unwrap_or_default());
    };
    let reason = match (first.obstacle, first.step) {
        (Some(Obstacle::NoObjectStorage), _) => Reason::NoObjectStorage,
        (Some(Obstacle::Refused), _) => Reason::Refused,
        (None, HashringStep::Stable) => Reason::Stable,
        (None, HashringStep::Starting) => Reason::Starting,
        (None, HashringStep::Joining) => Reason::Joining,
        (None, HashringStep::Publishing) => Reason::Publishing,
        (None, HashringStep::Draining) => Reason::Draining,
        (None, HashringStep::WaitingForStores) => Reason::WaitingForStores,
        (None, HashringStep::Removing) => Reason::Removing,
    };
    let mut message = format!("hashring {}: {}", first.name, first.message);
    if let Some(unreachable) = unreachable {
        message += &format!(". In addition, {unreachable}");
    }
    (Some(false), reason, message)
}

fn hashring(
    seen: &Observed,
    progress: &Progress,
    previous: &ThanosReceiveStatus,
) -> HashringProgress {
    let set = names::ingester(&seen.plan_inputs.receive.name_any(), &progress.name);
    let pod = |member: &i32| format!("{set}-{member}");
    let mut before = previous.hashrings.iter();
    let same = before.find(|p| p.name == progress.name && p.step == progress.step);
    HashringProgress {
        name: progress.name.clone(),
        step: progress.step,
        since: same.map_or_else(
            || status::whole_seconds(seen.status_inputs.now),
            |p| p.since.clone(),
        ),
        message: progress.message.clone(),
        members: progress
            .members
            .iter()
            .take(MAX_NAMED_MEMBERS)
            .map(pod)
            .collect(),
        members_total: i32::try_from(progress.members.len()).unwrap_or(i32::MAX),
        desired: progress.desired,
        draining: progress
            .draining
            .iter()
            .take(MAX_NAMED_MEMBERS)
            .map(pod)
            .collect(),
        unreachable_tenants: seen
            .status_inputs
            .unreachable
            .get(&progress.name)
            .into_iter()
            .flatten()
            .take(MAX_UNREACHABLE_TENANTS)
            .map(|unreachable| unreachable.tenant.clone())
            .collect(),
    }
}

/// The condition `VolumesReady`: state of the first hashring whose volumes are not ready.
fn volumes(seen: &Observed) -> Option<ConditionState> {
    let observed = &seen.plan_inputs;
    let mut ready = None;
    for ring in hashrings(&observed.receive.spec).iter() {
        let volumes = observed.volumes.get(&ring.name)?;
        let unscheduled = seen.status_inputs.unscheduled.as_deref();
        let state = volumes.condition(ring.storage.as_ref(), unscheduled)?;
        if state.0 != Some(true) {
            return Some(state);
        }
        ready = Some(state);
    }
    ready
}

/// Outcome with the message about a field of a StatefulSet that cannot be changed; `None` if there is
/// none.
fn immutable(seen: &Observed, outcome: &Outcome) -> Option<Outcome> {
    let observed = &seen.plan_inputs;
    let receive = &observed.receive;
    let (cr, namespace) = (receive.name_any(), receive.namespace().unwrap_or_default());
    let sets = observed.sets.iter();
    let sets = sets.map(|(ring, set)| (names::ingester(&cr, ring), set));
    status::immutable(outcome, &namespace, &receive.spec.stateful, sets)
}

fn rotation(seen: &Observed, watched: bool) -> ConditionState {
    let receive = seen.plan_inputs.receive.as_ref();
    let rings = hashrings(&receive.spec);
    let keys = rings
        .iter()
        .enumerate()
        .filter_map(|(i, ring)| object_storage(&receive.spec, ring, i));
    let mut names: Vec<&str> = keys.map(|(_, key)| key.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    rotation::condition(watched, &names, receive, "thanosreceive")
}

/// Events about the steps of the hashrings.
#[must_use]
pub fn normal_events(
    previous: &ThanosReceiveStatus,
    next: &ThanosReceiveStatus,
) -> Vec<NormalEvent> {
    let changed = next.hashrings.iter().filter_map(|now| {
        let before = previous.hashrings.iter().find(|p| p.name == now.name);
        // The first event of a hashring is about its start.
        let is_new = before.map_or(now.step != HashringStep::Stable, |b| b.step != now.step);
        let note = match (now.step, now.message.as_str()) {
            (HashringStep::Stable, _) => {
                format!(
                    "hashring {}: stable, loaded by every router ({} of {} members)",
                    now.name, now.members_total, now.desired
                )
            }
            (step, message) => format!("hashring {}: {}: {message}", now.name, step.as_str()),
        };
        is_new.then(|| NormalEvent {
            reason: EventReason::Hashring.as_str(),
            note,
        })
    });
    let removed = previous
        .hashrings
        .iter()
        .filter(|p| !next.hashrings.iter().any(|n| n.name == p.name));
    let removed = removed
        .filter(|_| !next.hashrings.is_empty())
        .map(|p| NormalEvent {
            reason: EventReason::Hashring.as_str(),
            note: format!("hashring {}: removed", p.name),
        });
    changed.chain(removed).collect()
}
