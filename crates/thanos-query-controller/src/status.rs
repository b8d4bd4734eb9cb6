//! Computes the status of a ThanosQuery. No IO.

use kube::ResourceExt;
use operator_runtime::{NormalEvent, Outcome, Required};
use thanos_api::names::{Condition, EventReason, Reason};
use thanos_api::v1alpha1::ThanosQueryStatus;
use thanos_controller_common::status;
use thanos_workload::integration::KnownCondition;
use thanos_workload::labels::selector_text;

use crate::Observed;
use crate::status_inputs::count;
use crate::{bridges, names};

/// The status after a reconcile.
#[must_use]
pub fn status(
    seen: &Observed,
    outcome: &Outcome,
    previous: &ThanosQueryStatus,
) -> ThanosQueryStatus {
    let query = &seen.plan_inputs.query;
    let status_inputs = &seen.status_inputs;
    let cr = query.name_any();
    let querier = names::querier(&cr);
    let frontend = query
        .spec
        .query_frontend
        .as_ref()
        .map(|f| (names::frontend(&cr), f));

    let bridged: Vec<String> = match &seen.plan_inputs.retained_endpoints {
        Some(retained_endpoints) => retained_endpoints.bridges(&cr),
        None => {
            let endpoints = seen.plan_inputs.endpoints.iter();
            endpoints.filter_map(|e| bridges::name(query, e)).collect()
        }
    };
    let mut required = vec![Required {
        name: &querier,
        replicas: query.spec.replicas,
        essential: true,
        note: String::new(),
    }];
    if let Some((name, frontend)) = &frontend {
        required.push(Required {
            name,
            replicas: frontend.replicas.unwrap_or(1),
            essential: true,
            note: String::new(),
        });
    }
    required.extend(bridged.iter().map(|name| Required {
        name,
        replicas: 1,
        essential: false,
        note: String::new(),
    }));
    let (generation, inputs) = (query.metadata.generation, &status_inputs.common);
    let mut conditions =
        status::conditions(&previous.common, generation, outcome, &required, inputs);
    let mut set = |type_: Condition, (holds, reason, message): KnownCondition| {
        status::set(&mut conditions, type_, (Some(holds), reason, message));
    };
    set(
        Condition::EndpointsResolved,
        status_inputs.endpoints_condition(),
    );
    let frozen = match status_inputs.frozen {
        false => (false, Reason::Live, String::new()),
        true => {
            let message = "custom resources of Prometheus Operator are unreadable since \
                           lastTransitionTime, see the condition PrometheusOperatorIntegration; the \
                           last configuration stays in effect";
            (true, Reason::CrdRemoved, message.to_owned())
        }
    };
    set(Condition::Frozen, frozen);
    let common = status::common(conditions, generation, outcome, inputs);

    let pods = outcome.workload(&querier);
    ThanosQueryStatus {
        common,
        replicas: Some(pods.map_or(0, |w| w.counts.replicas)),
        ready_replicas: Some(pods.map_or(0, |w| w.counts.ready_replicas)),
        selector: Some(selector_text(
            &names::querier_identity(&cr).selector_labels(),
        )),
        endpoints: status_inputs.endpoints(),
        endpoints_total: Some(count(status_inputs.total())),
        skipped: status_inputs.skipped(),
        skipped_total: Some(count(status_inputs.skipped_total())),
        replica_labels: status_inputs.replica_labels.clone(),
        learned_replica_labels: status_inputs.learned_labels.clone(),
        // From the spec, since the Deployment's status lags behind.
        querier_status: pods.map(|w| status::deployment(w, query.spec.replicas)),
        query_frontend_status: frontend.and_then(|(name, frontend)| {
            let pods = outcome.workload(&name)?;
            Some(status::deployment(pods, frontend.replicas.unwrap_or(1)))
        }),
    }
}

/// Announces a newly learned replica label: the only discovery result that restarts queriers, since
/// it is a flag.
#[must_use]
pub fn normal_events(previous: &ThanosQueryStatus, next: &ThanosQueryStatus) -> Vec<NormalEvent> {
    let known = &previous.replica_labels;
    let new: Vec<&str> = next
        .learned_replica_labels
        .iter()
        .filter(|label| next.replica_labels.contains(label) && !known.contains(label))
        .map(String::as_str)
        .collect();
    if new.is_empty() || previous.common.applied_hash.is_none() {
        return Vec::new();
    }
    vec![NormalEvent {
        reason: EventReason::ReplicaLabelLearned.as_str(),
        note: format!(
            "learned replica label {} from a discovered Prometheus; queriers restart one after another to deduplicate by it",
            new.join(", ")
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::{ThanosQueryStatus, normal_events};
    use thanos_api::v1alpha1::CommonStatus;

    fn status(learned: &[&str], hash: Option<&str>) -> ThanosQueryStatus {
        let labels: Vec<String> = learned.iter().map(|l| (*l).to_owned()).collect();
        ThanosQueryStatus {
            replica_labels: [vec!["replica".to_owned()], labels.clone()].concat(),
            learned_replica_labels: labels,
            common: CommonStatus {
                applied_hash: hash.map(str::to_owned),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    #[test]
    fn event_is_emitted_only_for_labels_that_restart_running_queriers() {
        let before = status(&["a"], Some("x"));
        let events = normal_events(&before, &status(&["a", "b"], Some("y")));
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].reason, "ReplicaLabelLearned");
        assert!(events[0].note.contains(" b "), "{}", events[0].note);
        assert!(normal_events(&before, &before).is_empty());
        assert!(
            normal_events(&status(&[], None), &before).is_empty(),
            "the first pods start with it"
        );
        let known = status(&["replica"], Some("y"));
        assert!(
            normal_events(&status(&[], Some("x")), &known).is_empty(),
            "the spec gives it already"
        );
    }
}
