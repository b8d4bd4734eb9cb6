//! Computes the status of a ThanosQuery. No IO.

use kube::ResourceExt;
use operator_runtime::owned_objects::Workload;
use operator_runtime::{Conditions, NormalEvent, Outcome, Required, Verdict};
use thanos_api::names::{Condition, EventReason, Reason};
use thanos_api::v1alpha1::{DeploymentStatus, ThanosQueryStatus};

use thanos_workload::integration;
use thanos_workload::labels::selector_text;

use crate::Seen;
use crate::plan::{bridge_name, frontend_name, querier_labels, querier_name};
use crate::status_inputs::count;

/// The status after a reconcile.
#[must_use]
pub fn status(seen: &Seen, outcome: &Outcome, previous: &ThanosQueryStatus) -> ThanosQueryStatus {
    let query = &seen.observed.query;
    let status_inputs = &seen.status_inputs;
    let querier = querier_name(query);
    let frontend = query
        .spec
        .query_frontend
        .as_ref()
        .map(|f| (frontend_name(query), f));

    let bridges: Vec<String> = match &seen.observed.retained_endpoints {
        Some(retained_endpoints) => retained_endpoints.bridges(&query.name_any()),
        None => {
            let endpoints = seen.observed.endpoints.iter();
            endpoints.filter_map(|e| bridge_name(query, e)).collect()
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
    required.extend(bridges.iter().map(|name| Required {
        name,
        replicas: 1,
        essential: false,
        note: String::new(),
    }));
    let mut conditions = Conditions::new(&previous.conditions, query.metadata.generation);
    conditions.set_standard(outcome, &required);
    let mut set = |type_: Condition, (holds, reason, message): (bool, Reason, String)| {
        conditions.set(type_.as_str(), Some(holds), reason.as_str(), message);
    };
    set(
        Condition::PrometheusOperatorIntegration,
        integration::condition(&status_inputs.gates),
    );
    set(
        Condition::EndpointsResolved,
        status_inputs.endpoints_condition(),
    );
    let frozen = match status_inputs.frozen {
        false => (false, Reason::Live, String::new()),
        true => {
            let message = "custom resources of Prometheus Operator are unreadable since lastTransitionTime; the last configuration stays in effect";
            (true, Reason::CrdRemoved, message.to_owned())
        }
    };
    set(Condition::Frozen, frozen);
    let monitored = &status_inputs.monitored;
    conditions.set(
        Condition::Monitored.as_str(),
        monitored.holds,
        monitored.reason,
        monitored.message.as_str(),
    );

    let pods = outcome.workload(&querier);
    ThanosQueryStatus {
        observed_generation: query.metadata.generation,
        replicas: Some(pods.map_or(0, |w| w.counts.replicas)),
        ready_replicas: Some(pods.map_or(0, |w| w.counts.ready_replicas)),
        selector: Some(selector_text(&querier_labels(query))),
        conditions: conditions.finish(),
        paused: (outcome.verdict == Verdict::Paused).then_some(true),
        prometheus_operator: Some(integration::status(&status_inputs.gates)),
        endpoints: status_inputs.endpoints(),
        endpoints_total: Some(count(status_inputs.total())),
        skipped: status_inputs.skipped(),
        skipped_total: Some(count(status_inputs.skipped_total())),
        replica_labels: status_inputs.replica_labels.clone(),
        learned_replica_labels: status_inputs.learned_labels.clone(),
        applied_hash: outcome.applied_hash.clone(),
        querier_status: pods.map(|w| counts(w, query.spec.replicas)),
        query_frontend_status: frontend.and_then(|(name, frontend)| {
            let pods = outcome.workload(&name)?;
            Some(counts(pods, frontend.replicas.unwrap_or(1)))
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
    if new.is_empty() || previous.applied_hash.is_none() {
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

fn counts(workload: &Workload, desired: i32) -> DeploymentStatus {
    let counts = &workload.counts;
    DeploymentStatus {
        replicas: counts.replicas,
        updated_replicas: counts.updated_replicas,
        available_replicas: counts.available_replicas,
        // From the spec, since the Deployment's status lags behind.
        unavailable_replicas: (desired - counts.available_replicas).max(0),
        ready_replicas: counts.ready_replicas,
    }
}

#[cfg(test)]
mod tests {
    use super::{ThanosQueryStatus, normal_events};

    fn status(learned: &[&str], hash: Option<&str>) -> ThanosQueryStatus {
        let labels: Vec<String> = learned.iter().map(|l| (*l).to_owned()).collect();
        ThanosQueryStatus {
            replica_labels: [vec!["replica".to_owned()], labels.clone()].concat(),
            learned_replica_labels: labels,
            applied_hash: hash.map(str::to_owned),
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
