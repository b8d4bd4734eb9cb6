//! Parts of the status that several controllers share. No IO.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::ApiResource;
use operator_runtime::owned_objects::Workload;
use operator_runtime::{Conditions, ObjectKey, Outcome, Required, StatusFields, Verdict};
use thanos_api::names::Condition;
use thanos_api::v1alpha1::{CommonStatus, DeploymentStatus, StatefulSetFields, StatefulSetStatus};
use thanos_workload::{integration, stateful};

use crate::facts::SetFacts;
use crate::scope::CommonInputs;
use crate::volumes::ConditionState;

/// Pod counts of a StatefulSet.
#[must_use]
pub fn stateful_set(workload: &Workload) -> StatefulSetStatus {
    let counts = &workload.counts;
    StatefulSetStatus {
        replicas: counts.replicas,
        updated_replicas: counts.updated_replicas,
        current_replicas: counts.current_replicas,
        available_replicas: counts.available_replicas,
        ready_replicas: counts.ready_replicas,
    }
}

/// Pod counts of a Deployment of which `desired` pods should be available.
#[must_use]
pub fn deployment(workload: &Workload, desired: i32) -> DeploymentStatus {
    let counts = &workload.counts;
    DeploymentStatus {
        replicas: counts.replicas,
        updated_replicas: counts.updated_replicas,
        available_replicas: counts.available_replicas,
        unavailable_replicas: (desired - counts.available_replicas).max(0),
        ready_replicas: counts.ready_replicas,
    }
}

/// Time in the precision of the API: whole seconds.
#[must_use]
pub fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// Outcome of a reconcile that applied everything except for a change of an immutable field of one of
/// these StatefulSets, which has to be reported; `None` if there is none.
#[must_use]
pub fn immutable<'a>(
    outcome: &Outcome,
    namespace: &str,
    fields: &StatefulSetFields,
    sets: impl IntoIterator<Item = (String, &'a SetFacts)>,
) -> Option<Outcome> {
    if outcome.verdict != Verdict::Applied {
        return None;
    }
    let (name, message) = sets.into_iter().find_map(|(name, set)| {
        let message = stateful::immutable_field(&name, namespace, fields, &set.fixed)?;
        Some((name, message))
    })?;
    Some(Outcome {
        verdict: Verdict::Rejected {
            object: ObjectKey::of(&ApiResource::erase::<StatefulSet>(&()), name),
            message,
            immutable: true,
        },
        ..outcome.clone()
    })
}

/// Sets a condition.
pub fn set(
    conditions: &mut Conditions,
    type_: Condition,
    (holds, reason, message): ConditionState,
) {
    conditions.set(type_.as_str(), holds, reason.as_str(), message);
}

/// The first conditions of every kind, to which the kind adds its own.
#[must_use]
pub fn conditions(
    previous: &CommonStatus,
    generation: Option<i64>,
    outcome: &Outcome,
    required: &[Required<'_>],
    inputs: &CommonInputs,
) -> Conditions {
    let mut conditions = Conditions::new(&previous.conditions, generation);
    conditions.set_standard(outcome, required);
    let (holds, reason, message) = integration::condition(&inputs.gates);
    let state = (Some(holds), reason, message);
    set(
        &mut conditions,
        Condition::PrometheusOperatorIntegration,
        state,
    );
    conditions
}

/// The fields of every status. `conditions` are all except for the last one, `Monitored`.
#[must_use]
pub fn common(
    mut conditions: Conditions,
    generation: Option<i64>,
    outcome: &Outcome,
    inputs: &CommonInputs,
) -> CommonStatus {
    let monitored = &inputs.monitored;
    conditions.set(
        Condition::Monitored.as_str(),
        monitored.holds,
        monitored.reason,
        monitored.message.as_str(),
    );
    CommonStatus {
        observed_generation: generation,
        conditions: conditions.finish(),
        paused: (outcome.verdict == Verdict::Paused).then_some(true),
        prometheus_operator: Some(integration::status(&inputs.gates)),
        applied_hash: outcome.applied_hash.clone(),
    }
}

/// The fields of every status that the runtime reads.
#[must_use]
pub fn fields(status: &CommonStatus) -> StatusFields<'_> {
    StatusFields {
        conditions: &status.conditions,
        applied_hash: status.applied_hash.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_the_api_stores() {
        let now = Timestamp::new(7, 999_999_999).unwrap();
        assert_eq!(whole_seconds(now).0.as_nanosecond(), 7_000_000_000);
    }
}
