//! Names that Prometheus Operator gives to what it makes, and that installations of Thanos share.
//! They are their contracts, not ours.

use crate::model::{AlertmanagerFacts, PrometheusAgentFacts, PrometheusFacts};
use kube_facts::{Key, Labels};

/// What a workload is.
pub const NAME: &str = "app.kubernetes.io/name";
/// Whose instance it is: the name of the resource.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Who made it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`] on everything that Prometheus Operator makes.
pub const PROMETHEUS_OPERATOR: &str = "prometheus-operator";
/// The value of [`NAME`] on the pods of a Prometheus.
pub const PROMETHEUS: &str = "prometheus";
/// The value of [`NAME`] on the pods of a PrometheusAgent.
pub const PROMETHEUS_AGENT: &str = "prometheus-agent";
/// The name of the Prometheus or PrometheusAgent that a pod belongs to.
pub const RESOURCE: &str = "operator.prometheus.io/name";
/// The name of a pod, which the StatefulSet controller adds to its labels.
pub const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// The ordinal of a pod, which the StatefulSet controller adds to its labels.
pub const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// The shard that a pod belongs to, counted from 0.
pub const SHARD: &str = "operator.prometheus.io/shard";
/// On the Services that Prometheus Operator makes for its Prometheuses.
pub const OPERATED: &str = "operated-prometheus";
/// The governing Service, unless `spec.serviceName` names another.
pub const GOVERNING_SERVICE: &str = "prometheus-operated";
/// The container of the Thanos sidecar.
pub const SIDECAR_CONTAINER: &str = "thanos-sidecar";
/// The value of [`NAME`] on the pods of an Alertmanager.
pub const ALERTMANAGER: &str = "alertmanager";
/// The governing Service of Alertmanagers, unless `spec.serviceName` names another. It is headless
/// and knows pods that are not ready as well.
pub const ALERTMANAGER_SERVICE: &str = "alertmanager-operated";
/// The port on which every Alertmanager of Prometheus Operator serves its API.
pub const ALERTMANAGER_PORT: u16 = 9093;
/// The port on which every Prometheus of Prometheus Operator serves its API.
pub const WEB_PORT: u16 = 9090;
/// The name of that port, unless `spec.portName` names another.
pub const WEB_PORT_NAME: &str = "web";
/// The larger program that something is a part of.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// The value of [`PART_OF`] on components of Thanos. That of [`NAME`] is the same, or begins with it
/// (`thanos-store`).
pub const THANOS: &str = "thanos";
/// The StoreAPI port of Thanos.
pub const GRPC_PORT: u16 = 10901;
/// The name of the StoreAPI port, in pods and Services.
pub const GRPC_PORT_NAME: &str = "grpc";

/// The name of the StatefulSet of one shard (`prometheus-<name>`, and
/// `prometheus-<name>-shard-<shard>` from the second shard on).
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

/// The name of the pod of one replica: that of its StatefulSet, and `-<ordinal>`.
#[must_use]
pub fn pod_name(prometheus: &str, shard: u32, ordinal: u32) -> String {
    format!("{}-{ordinal}", stateful_set_name(prometheus, shard))
}

/// The labels of the pod of one replica of a StatefulSet, given those of its template.
#[must_use]
pub fn of_stateful_set(template: &Labels, pod: &str, ordinal: u32) -> Labels {
    of_replica(template, &[], pod, ordinal)
}

/// The labels that the pod of one replica has, or will have as soon as it exists again. (Its
/// version label is known only once it does, since the default version is the operator's.)
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

/// The name of the pod of one replica of a PrometheusAgent (`prom-agent-<name>-<ordinal>`, and
/// `prom-agent-<name>-shard-<shard>-<ordinal>` from the second shard on), and its labels, as in
/// [`pod_labels`]. The names of the pods of a DaemonSet end at random; its own stands for them.
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

/// The name of the pod of one replica of an Alertmanager (`alertmanager-<name>-<ordinal>`).
#[must_use]
pub fn alertmanager_pod_name(alertmanager: &str, ordinal: u32) -> String {
    format!("alertmanager-{alertmanager}-{ordinal}")
}

/// The labels that every pod of an Alertmanager has: those by which its StatefulSet knows them, and
/// a NetworkPolicy can.
#[must_use]
pub fn alertmanager_labels(alertmanager: &str) -> Labels {
    let labels = alertmanager_selector(alertmanager);
    labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

/// The labels that the pod of one replica of an Alertmanager has, or will have as soon as it exists
/// again; without its version, as in [`pod_labels`].
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

/// The labels of a pod: those that the resource gives, overlaid by those of Prometheus Operator
/// and of the StatefulSet controller.
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
