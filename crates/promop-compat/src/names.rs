//! Names that Prometheus Operator gives to its objects, and names common to installations of
//! Thanos.

use crate::model::{AlertmanagerFacts, PrometheusAgentFacts, PrometheusFacts};
use kube_facts::{Key, Labels};

/// Label for the program of a workload.
pub const NAME: &str = "app.kubernetes.io/name";
/// Label for the instance: the name of the custom resource.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label for the creator.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`] on all objects of Prometheus Operator.
pub const PROMETHEUS_OPERATOR: &str = "prometheus-operator";
/// Value of [`NAME`] on the pods of a Prometheus.
pub const PROMETHEUS: &str = "prometheus";
/// Value of [`NAME`] on the pods of a PrometheusAgent.
pub const PROMETHEUS_AGENT: &str = "prometheus-agent";
/// Label for the Prometheus or PrometheusAgent of a pod.
pub const RESOURCE: &str = "operator.prometheus.io/name";
/// Label for the name of a pod, set by the StatefulSet controller.
pub const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// Label for the ordinal of a pod, set by the StatefulSet controller.
pub const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// Label for the shard of a pod, from 0.
pub const SHARD: &str = "operator.prometheus.io/shard";
/// Label on the Services that Prometheus Operator creates for its Prometheuses.
pub const OPERATED: &str = "operated-prometheus";
/// Governing Service, unless `spec.serviceName` is set.
pub const GOVERNING_SERVICE: &str = "prometheus-operated";
/// Container name of the Thanos sidecar.
pub const SIDECAR_CONTAINER: &str = "thanos-sidecar";
/// Value of [`NAME`] on the pods of an Alertmanager.
pub const ALERTMANAGER: &str = "alertmanager";
/// Governing Service of Alertmanagers, unless `spec.serviceName` is set. It is headless and
/// includes pods that are not ready.
pub const ALERTMANAGER_SERVICE: &str = "alertmanager-operated";
/// API port of every Alertmanager of Prometheus Operator.
pub const ALERTMANAGER_PORT: u16 = 9093;
/// API port of every Prometheus of Prometheus Operator.
pub const WEB_PORT: u16 = 9090;
/// Name of that port, unless `spec.portName` is set.
pub const WEB_PORT_NAME: &str = "web";
/// Label for the application that an object is part of.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Value of [`PART_OF`] on components of Thanos. The value of [`NAME`] is equal to it or has it as
/// a prefix (`thanos-store`).
pub const THANOS: &str = "thanos";
/// StoreAPI port of Thanos.
pub const GRPC_PORT: u16 = 10901;
/// Name of the StoreAPI port in pods and Services.
pub const GRPC_PORT_NAME: &str = "grpc";

/// Name of the StatefulSet of one shard (`prometheus-<name>`, and `prometheus-<name>-shard-<shard>`
/// from the second shard on).
#[must_use]
pub fn stateful_set_name(prometheus: &str, shard: u32) -> String {
    of_shard(format!("prometheus-{prometheus}"), shard)
}

fn of_shard(name: String, shard: u32) -> String {
    match shard {
        0 => name,
        _ => format!("{name}-shard-{shard}"),
    }
}

/// Name of the pod of one replica: that of its StatefulSet, and `-<ordinal>`.
#[must_use]
pub fn pod_name(prometheus: &str, shard: u32, ordinal: u32) -> String {
    format!("{}-{ordinal}", stateful_set_name(prometheus, shard))
}

/// Labels of the pod of one replica of a StatefulSet, given those of its template.
#[must_use]
pub fn of_stateful_set(template: &Labels, pod: &str, ordinal: u32) -> Labels {
    of_replica(template, &[], pod, ordinal)
}

/// Labels of the pod of one replica, existing or not. (The version label of an absent pod is
/// unknown, since the default version depends on Prometheus Operator.)
#[must_use]
pub fn pod_labels(key: &Key, facts: &PrometheusFacts, shard: u32, ordinal: u32) -> Labels {
    let name = key.name.as_str();
    let number = shard.to_string();
    let own = [
        (NAME, PROMETHEUS),
        (MANAGED_BY, PROMETHEUS_OPERATOR),
        (INSTANCE, name),
        (RESOURCE, name),
        (PROMETHEUS, name),
        (SHARD, &number),
    ];
    let pod = pod_name(name, shard, ordinal);
    of_replica(&facts.pod_labels, &own, &pod, ordinal)
}

/// Name of the pod of one replica of a PrometheusAgent (`prom-agent-<name>-<ordinal>`, and
/// `prom-agent-<name>-shard-<shard>-<ordinal>` from the second shard on), and its labels, as in
/// [`pod_labels`]. Pod names of a DaemonSet end in a random suffix; the name of the DaemonSet
/// represents them.
#[must_use]
pub fn agent_pod(
    key: &Key,
    facts: &PrometheusAgentFacts,
    shard: u32,
    ordinal: u32,
) -> (String, Labels) {
    let workload = format!("prom-agent-{}", key.name);
    let own = [
        (NAME, PROMETHEUS_AGENT),
        (MANAGED_BY, PROMETHEUS_OPERATOR),
        (INSTANCE, &key.name),
        (RESOURCE, &key.name),
    ];
    let mut labels = overlaid(&facts.pod_labels, &own);
    if facts.daemon_set {
        return (workload, labels);
    }
    labels.insert(SHARD.to_owned(), shard.to_string());
    let pod = format!("{}-{ordinal}", of_shard(workload, shard));
    let labels = of_stateful_set(&labels, &pod, ordinal);
    (pod, labels)
}

/// Name of the pod of one replica of an Alertmanager (`alertmanager-<name>-<ordinal>`).
#[must_use]
pub fn alertmanager_pod_name(alertmanager: &str, ordinal: u32) -> String {
    format!("alertmanager-{alertmanager}-{ordinal}")
}

/// Labels of every pod of an Alertmanager, which its StatefulSet, and a NetworkPolicy, can select.
#[must_use]
pub fn alertmanager_labels(alertmanager: &str) -> Labels {
    let labels = alertmanager_selector(alertmanager);
    labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

/// Labels of the pod of one replica of an Alertmanager, existing or not, without the version, as in
/// [`pod_labels`].
#[must_use]
pub fn alertmanager_pod_labels(key: &Key, facts: &AlertmanagerFacts, ordinal: u32) -> Labels {
    let pod = alertmanager_pod_name(&key.name, ordinal);
    let own = alertmanager_selector(&key.name);
    of_replica(&facts.pod_labels, &own, &pod, ordinal)
}

fn alertmanager_selector(name: &str) -> [(&'static str, &str); 4] {
    [
        (NAME, ALERTMANAGER),
        (MANAGED_BY, PROMETHEUS_OPERATOR),
        (INSTANCE, name),
        (ALERTMANAGER, name),
    ]
}

/// Labels of a pod: those of the custom resource, overlaid by those of Prometheus Operator and of
/// the StatefulSet controller.
fn of_replica(given: &Labels, own: &[(&str, &str)], pod: &str, ordinal: u32) -> Labels {
    let index = ordinal.to_string();
    let of_set = [(POD_NAME, pod), (POD_INDEX, index.as_str())];
    overlaid(given, &[own, &of_set].concat())
}

fn overlaid(given: &Labels, own: &[(&str, &str)]) -> Labels {
    let mut labels = given.clone();
    labels.extend(own.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    labels
}
