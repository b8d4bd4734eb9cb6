//! Parts of the status shared by controllers of StatefulSets. No IO.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::ApiResource;
use operator_runtime::owned_objects::Workload;
use operator_runtime::{ObjectKey, Outcome, Verdict};
use thanos_api::v1alpha1::StatefulSetStatus;

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

/// Time in the precision of the API: whole seconds.
#[must_use]
pub fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// Outcome of a reconcile that applied everything except for a change of an immutable field of a
/// StatefulSet, which has to be reported.
#[must_use]
pub fn immutable(outcome: &Outcome, set: &str, message: String) -> Outcome {
    Outcome {
        verdict: Verdict::Rejected {
            object: ObjectKey::of(&ApiResource::erase::<StatefulSet>(&()), set),
            message,
            immutable: true,
        },
        ..outcome.clone()
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
