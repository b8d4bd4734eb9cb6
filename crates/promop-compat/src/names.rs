//! Names that Prometheus Operator gives to what it makes, and that installations of Thanos share.
//! They are their contracts, not ours.

use crate::model::{Key, Labels, PrometheusFacts};

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
/// The shard that a pod belongs to, counted from 0.
pub const SHARD: &str = "operator.prometheus.io/shard";
/// On the Services that Prometheus Operator makes for its Prometheuses.
pub const OPERATED: &str = "operated-prometheus";
/// The governing Service, unless `spec.serviceName` names another.
pub const GOVERNING_SERVICE: &str = "prometheus-operated";
/// The container of the Thanos sidecar.
pub const SIDECAR_CONTAINER: &str = "thanos-sidecar";
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

/// The name of the pod of one replica (`prometheus-<name>-<ordinal>`, and
/// `prometheus-<name>-shard-<shard>-<ordinal>` from the second shard on).
#[must_use]
pub fn pod_name(prometheus: &str, shard: u32, ordinal: u32) -> String {
    match shard {
        0 => format!("prometheus-{prometheus}-{ordinal}"),
        _ => format!("prometheus-{prometheus}-shard-{shard}-{ordinal}"),
    }
}

/// The labels that the pod of one replica has, or will have as soon as it exists again. (Its
/// version label is known only once it does, since the default version is the operator's.)
#[must_use]
pub fn pod_labels(key: &Key, facts: &PrometheusFacts, shard: u32, ordinal: u32) -> Labels {
    let mut labels = facts.pod_labels.clone();
    let mut set = |key: &str, value: String| labels.insert(key.to_owned(), value);
    set(NAME, PROMETHEUS.to_owned());
    set(MANAGED_BY, PROMETHEUS_OPERATOR.to_owned());
    set(INSTANCE, key.name.clone());
    set(RESOURCE, key.name.clone());
    set("prometheus", key.name.clone());
    set(SHARD, shard.to_string());
    // These two come from the StatefulSet controller.
    set(
        "statefulset.kubernetes.io/pod-name",
        pod_name(&key.name, shard, ordinal),
    );
    set("apps.kubernetes.io/pod-index", ordinal.to_string());
    labels
}
