//! The kinds of Prometheus Operator that are read or written.

use kube_facts::optional::OptionalKind;

/// API group of Prometheus Operator.
pub const GROUP: &str = "monitoring.coreos.com";

const fn v1(name: &'static str, plural: &'static str) -> OptionalKind {
    OptionalKind {
        group: GROUP,
        version: "v1",
        name,
        plural,
    }
}

/// `servicemonitors.monitoring.coreos.com`.
pub const SERVICE_MONITOR: OptionalKind = v1("ServiceMonitor", "servicemonitors");
/// `prometheuses.monitoring.coreos.com`.
pub const PROMETHEUS: OptionalKind = v1("Prometheus", "prometheuses");
/// `prometheusagents.monitoring.coreos.com`.
pub const PROMETHEUS_AGENT: OptionalKind = OptionalKind {
    version: "v1alpha1",
    ..v1("PrometheusAgent", "prometheusagents")
};
/// `prometheusrules.monitoring.coreos.com`.
pub const PROMETHEUS_RULE: OptionalKind = v1("PrometheusRule", "prometheusrules");
/// `alertmanagers.monitoring.coreos.com`.
pub const ALERTMANAGER: OptionalKind = v1("Alertmanager", "alertmanagers");
/// `thanosrulers.monitoring.coreos.com`, the ThanosRuler of Prometheus Operator.
pub const THANOS_RULER: OptionalKind = v1("ThanosRuler", "thanosrulers");

/// All of them.
pub const ALL: [OptionalKind; 6] = [
    SERVICE_MONITOR,
    PROMETHEUS,
    PROMETHEUS_AGENT,
    PROMETHEUS_RULE,
    ALERTMANAGER,
    THANOS_RULER,
];
