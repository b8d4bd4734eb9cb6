//! Computes the status of a ThanosStore. No IO.

use kube::ResourceExt;
use operator_runtime::owned_objects::Workload;
use operator_runtime::{NormalEvent, ObjectKey, Outcome, Required};
use thanos_api::names::{Condition, EventReason};
use thanos_api::v1alpha1::{ReshardingStatus, ReshardingStep, ThanosStoreStatus};
use thanos_controller_common::volumes::ConditionState;
use thanos_controller_common::{rotation, status};
use thanos_workload::labels::selector_text;

use crate::Observed;
use crate::names::shared_labels;
use crate::plan;
use crate::secrets;

/// The status after a reconcile.
#[must_use]
pub fn status(
    seen: &Observed,
    outcome: &Outcome,
    previous: &ThanosStoreStatus,
) -> ThanosStoreStatus {
    let observed = &seen.plan_inputs;
    let status_inputs = &seen.status_inputs;
    let store = &observed.store;
    let cr = store.name_any();

    let new = observed.generation.names(&cr);
    let reshard = observed.reshard.as_ref();
    // Until the new shards are ready, the old shards are required.
    let old = reshard
        .filter(|r| r.step == ReshardingStep::Starting)
        .map(|r| r.old.as_slice());
    let required: Vec<Required<'_>> = new
        .iter()
        .zip(0..)
        .map(|(name, shard)| Required {
            name,
            replicas: store.spec.replicas,
            essential: old.is_none(),
            note: plan::replacement(observed, shard),
        })
        .chain(old.into_iter().flatten().map(|name| Required {
            name,
            replicas: observed.sets.get(name).map_or(1, |s| s.set.replicas),
            essential: true,
            note: String::new(),
        }))
        .collect();
    let rejected = immutable_change(seen, outcome);
    let (generation, inputs) = (store.metadata.generation, &status_inputs.common);
    let reported = rejected.as_ref().unwrap_or(outcome);
    let mut conditions =
        status::conditions(&previous.common, generation, reported, &required, inputs);
    let mut set = |type_, state| status::set(&mut conditions, type_, state);
    set(
        Condition::ObjectStorageReady,
        status_inputs.object_storage.clone(),
    );
    let unscheduled = status_inputs.unscheduled.as_deref();
    let storage = store.spec.storage.as_ref();
    if let Some(state) = observed.volumes.condition(storage, unscheduled) {
        set(Condition::VolumesReady, state);
    }
    set(Condition::SecretRotation, rotation(seen));
    let common = status::common(conditions, generation, outcome, inputs);

    let serving = old.unwrap_or(&new);
    let workloads = || serving.iter().map(|name| outcome.workload(name));
    let fewest = |count: fn(&Workload) -> i32| workloads().map(|w| w.map_or(0, count)).min();
    let is_ours =
        |key: &ObjectKey| new.contains(&key.name) || observed.sets.contains_key(&key.name);
    ThanosStoreStatus {
        common,
        replicas: Some(fewest(|w| w.counts.replicas).unwrap_or(0)),
        ready_replicas: Some(fewest(|w| w.counts.ready_replicas).unwrap_or(0)),
        selector: Some(selector_text(&shared_labels(&cr))),
        shards: Some(match reshard {
            Some(r) if r.step <= ReshardingStep::Joining => r.from,
            _ => observed.generation.shards,
        }),
        resharding: resharding(seen, previous),
        shard_statuses: outcome
            .workloads
            .iter()
            .filter(|(key, _)| is_ours(key))
            .map(|(key, workload)| (key.name.clone(), status::stateful_set(workload)))
            .collect(),
    }
}

/// Outcome `Rejected` if everything was applied except for a change of an immutable field.
fn immutable_change(seen: &Observed, outcome: &Outcome) -> Option<Outcome> {
    let observed = &seen.plan_inputs;
    let store = &observed.store;
    let namespace = store.namespace().unwrap_or_default();
    let new = observed.generation.names(&store.name_any()).into_iter();
    let sets = new.filter_map(|name| {
        let shard = observed.sets.get(&name)?;
        Some((name, &shard.set))
    });
    status::immutable(outcome, &namespace, &store.spec.stateful, sets)
}

fn rotation(seen: &Observed) -> ConditionState {
    let store = seen.plan_inputs.store.as_ref();
    let names: Vec<&str> = secrets::keys(&store.spec)
        .map(|(_, key)| key.name.as_str())
        .collect();
    let watched = seen.status_inputs.secrets_watched;
    rotation::condition(watched, &names, store, "thanosstore")
}

fn resharding(seen: &Observed, previous: &ThanosStoreStatus) -> Option<ReshardingStatus> {
    let reshard = seen.plan_inputs.reshard.as_ref()?;
    let same = previous.resharding.as_ref();
    let same = same.filter(|p| (p.from, p.to, p.step) == (reshard.from, reshard.to, reshard.step));
    Some(ReshardingStatus {
        from: reshard.from,
        to: reshard.to,
        step: reshard.step,
        since: same.map_or_else(
            || status::whole_seconds(seen.status_inputs.now),
            |p| p.since.clone(),
        ),
        message: reshard.message.clone(),
    })
}

/// Announces each step of resharding.
#[must_use]
pub fn normal_events(previous: &ThanosStoreStatus, next: &ThanosStoreStatus) -> Vec<NormalEvent> {
    let step = |status: &ThanosStoreStatus| {
        let resharding = status.resharding.as_ref()?;
        Some((resharding.from, resharding.to, resharding.step))
    };
    let (before, now) = (step(previous), step(next));
    let note = match (before, now) {
        (before, now) if before == now => return Vec::new(),
        (_, Some((from, to, step))) => {
            let what = match step {
                ReshardingStep::Starting => "starting the new shards",
                ReshardingStep::Joining => {
                    "the new shards are ready; waiting for queriers to discover them"
                }
                ReshardingStep::Withdrawing => {
                    "queriers use the new shards; withdrawing the old shards"
                }
                ReshardingStep::Removing => "no querier uses the old shards; deleting them",
            };
            format!("from {from} to {to} shards: {what}")
        }
        (Some((from, to, _)), None) if next.shards == Some(to) => {
            format!("from {from} to {to} shards: done")
        }
        _ => return Vec::new(),
    };
    vec![NormalEvent {
        reason: EventReason::Resharding.as_str(),
        note,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn status(shards: i32, resharding: Option<(i32, i32, ReshardingStep)>) -> ThanosStoreStatus {
        ThanosStoreStatus {
            shards: Some(shards),
            resharding: resharding.map(|(from, to, step)| ReshardingStatus {
                from,
                to,
                step,
                since: Time(jiff::Timestamp::UNIX_EPOCH),
                message: String::new(),
            }),
            ..Default::default()
        }
    }

    fn event(before: &ThanosStoreStatus, after: &ThanosStoreStatus) -> Option<String> {
        let events = normal_events(before, after);
        assert!(events.len() < 2);
        events.into_iter().next().map(|event| event.note)
    }

    #[test]
    fn each_step_and_the_end_emit_separate_events() {
        let mut notes = std::collections::BTreeSet::new();
        let mut before = status(1, None);
        for step in ReshardingStep::ALL {
            let now = status(1, Some((1, 3, step)));
            let note = event(&before, &now).expect("news");
            assert!(note.starts_with("from 1 to 3 shards: "), "{note}");
            assert!(notes.insert(note));
            assert_eq!(event(&now, &now), None);
            before = now;
        }
        let note = event(&before, &status(3, None)).expect("news");
        assert_eq!(note, "from 1 to 3 shards: done");
    }

    #[test]
    fn cancelled_resharding_emits_no_done_event() {
        let under_way = status(1, Some((1, 3, ReshardingStep::Starting)));
        assert_eq!(event(&under_way, &status(1, None)), None);
        let another = status(1, Some((1, 2, ReshardingStep::Starting)));
        assert!(event(&under_way, &another).is_some());
    }
}
