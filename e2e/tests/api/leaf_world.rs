//! What surrounds a ThanosQuery while its leaves are set.

use e2e::cluster::Cluster;
use serde_json::{Value, json};

use crate::support::{prometheus, prometheus_service, service_monitor};

/// Something of everything that a field may select, with and without the label that samples use.
pub async fn populate(cluster: &Cluster) {
    for (name, label, spec) in [
        ("plain", "other", json!({})),
        (
            "sidecars",
            "sample",
            // A label that is not among the defaults, to be learned.
            json!({"thanos": {}, "replicaExternalLabelName": "member"}),
        ),
    ] {
        let labels = json!({"sample": label});
        cluster.apply(prometheus(name, spec)).await;
        cluster.apply(prometheus_service(name)).await;
        let monitor = service_monitor(name, labels, json!({"app": name}));
        cluster.apply(monitor).await;
        cluster.apply(prometheus_pod(name)).await;
    }
    for (name, label) in [("store-a", "sample"), ("store-b", "other")] {
        let labels = json!({
            "app.kubernetes.io/part-of": "thanos", "sample": label,
            "operator.thanos.io/store-api": "true", "operator.thanos.io/query-api": "true",
        });
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels},
            "spec": {"clusterIP": "None", "ports": [
                {"name": "grpc", "port": 10901}, {"name": "http", "port": 9090},
            ]},
        });
        cluster.apply(service).await;
    }
    cluster.apply(closed_policy()).await;
}

/// A policy that blocks every Prometheus.
pub fn closed_policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "closed"},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
            "policyTypes": ["Ingress"],
        },
    })
}

/// The first pod of a Prometheus, as Prometheus Operator makes it where it matters: whether a policy
/// opens it is recognized by its labels.
pub fn prometheus_pod(prometheus: &str) -> Value {
    let name = format!("prometheus-{prometheus}-0");
    let mut containers = vec![json!({
        "name": "prometheus", "image": "prometheus:1",
        "ports": [{"name": "web", "containerPort": 9090}],
    })];
    if prometheus == "sidecars" {
        containers.push(json!({
            "name": "thanos-sidecar", "image": "thanos:1",
            "ports": [{"name": "grpc", "containerPort": 10901}],
        }));
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {
            "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": prometheus,
            "app.kubernetes.io/managed-by": "prometheus-operator",
            "operator.prometheus.io/name": prometheus, "operator.prometheus.io/shard": "0",
            "prometheus": prometheus,
        }},
        "spec": {"hostname": name, "subdomain": "prometheus-operated", "containers": containers},
    })
}
