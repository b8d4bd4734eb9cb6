//! Gates of Prometheus Operator's kinds: evaluation and condition. Pure, no IO.

use kube_facts::Labels;
use kube_facts::optional::{Caps, OptionalKind};
use promop_compat::gate::Gate;
use thanos_api::names::{Reason, label};
use thanos_api::v1alpha1::{Integration, IntegrationKindStatus, PrometheusOperatorStatus};

use crate::FieldError;
use crate::checks::positive;
use crate::monitor::ServiceMonitor;

/// Status (never Unknown), reason and message of a condition.
pub type KnownCondition = (bool, Reason, String);

/// `spec.featureGates.enablePrometheusOperatorCRDs`.
#[must_use]
pub fn resource_gate(integration: &Integration) -> Option<bool> {
    let gates = integration.feature_gates.as_ref()?;
    gates.enable_prometheus_operator_crds
}

/// Gate of a kind for a custom resource. `operator` is the gate of the command line.
#[must_use]
pub fn gate(operator: bool, integration: &Integration, caps: &Caps, kind: OptionalKind) -> Gate {
    Gate::of(operator, resource_gate(integration), caps.get(kind))
}

/// Whether the spec enables ServiceMonitors.
#[must_use]
pub fn wants_monitors(integration: &Integration) -> bool {
    let config = integration.service_monitor.as_ref();
    config.and_then(|c| c.enabled) != Some(false)
}

/// Whether the spec enables NetworkPolicies.
#[must_use]
pub fn wants_policies(integration: &Integration) -> bool {
    let network = integration.network_policy.as_ref();
    network.and_then(|n| n.enabled).unwrap_or(false)
}

/// Name and labels of a ServiceMonitor that `controller` applies, which a Prometheus selects by.
#[must_use]
pub fn selectable(monitor: ServiceMonitor, controller: &str) -> (String, Labels) {
    let mut labels = monitor.metadata.labels.unwrap_or_default();
    labels.insert(label::CONTROLLER.to_owned(), controller.to_owned());
    (monitor.metadata.name.unwrap_or_default(), labels)
}

/// Validation beyond the schema.
///
/// # Errors
/// A scrape timeout that exceeds the interval, or a duration of zero.
pub fn check(integration: &Integration) -> Result<(), FieldError> {
    let config = integration.service_monitor.as_ref();
    let interval = config.and_then(|c| c.interval.as_deref());
    let timeout = config.and_then(|c| c.scrape_timeout.as_deref());
    if let (Some(interval), Some(timeout)) = (interval, timeout)
        && positive(timeout, "spec.serviceMonitor.scrapeTimeout")?
            > positive(interval, "spec.serviceMonitor.interval")?
    {
        return Err(FieldError::new(
            "spec.serviceMonitor.scrapeTimeout",
            format!("exceeds the interval {interval}, which Prometheus rejects; shorten it"),
        ));
    }
    Ok(())
}

/// `status.prometheusOperator`.
#[must_use]
pub fn status(gates: &[(OptionalKind, Gate)]) -> PrometheusOperatorStatus {
    let is_disabled = |g: Gate| matches!(g, Gate::DisabledByOperator | Gate::DisabledByResource);
    let kind = |(kind, gate): &(OptionalKind, Gate)| IntegrationKindStatus {
        kind: kind.name.to_owned(),
        effective: gate.is_open(),
        reason: gate.reason().to_owned(),
    };
    PrometheusOperatorStatus {
        enabled: !gates.iter().any(|(_, gate)| is_disabled(*gate)),
        kinds: gates.iter().map(kind).collect(),
    }
}

/// The condition `PrometheusOperatorIntegration`: that of the first kind with a closed gate.
#[must_use]
pub fn condition(gates: &[(OptionalKind, Gate)]) -> KnownCondition {
    let closed: Vec<&(OptionalKind, Gate)> = gates.iter().filter(|(_, g)| !g.is_open()).collect();
    let names: Vec<&str> = closed.iter().map(|(kind, _)| kind.name).collect();
    let names = names.join(", ");
    match closed.first().map(|(_, gate)| *gate) {
        None => (true, Reason::Enabled, String::new()),
        Some(Gate::DisabledByOperator) => (
            false,
            Reason::DisabledByOperator,
            "the controller runs with --feature-gate.enable-prometheus-operator-crds=false"
                .to_owned(),
        ),
        Some(Gate::DisabledByResource) => (
            false,
            Reason::DisabledByResource,
            "spec.featureGates.enablePrometheusOperatorCRDs is false".to_owned(),
        ),
        Some(Gate::Forbidden) => (
            false,
            Reason::Forbidden,
            format!("the controller has no permission for {names}; apply its ClusterRole"),
        ),
        Some(Gate::CrdsAbsent | Gate::Enabled) => (
            false,
            Reason::CrdsAbsent,
            format!("not in this cluster: {names}; used as soon as their CRDs are installed"),
        ),
    }
}
