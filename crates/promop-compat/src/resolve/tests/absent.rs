//! What is known of a pod does not depend on the pod being there.

use super::*;

/// What a resolution comes to, without one pod or with all of them.
fn assert_same_without(mut cluster: Cluster, pod: &str) -> Resolution {
    let with = cluster.select(PROMETHEUS);
    assert!(cluster.pods.remove(&key("monitoring", pod)).is_some());
    assert_eq!(cluster.select(PROMETHEUS), with);
    with
}

/// Every change that `spec.containers` can make to the sidecar and to the API.
#[test]
fn a_pod_that_restarts_is_what_its_resource_says() {
    let sidecars = [
        None,
        Some(sidecar_facts()),
        Some(SidecarFacts {
            grpc_port: 11901,
            ..sidecar_facts()
        }),
        Some(SidecarFacts {
            tls: true,
            ..sidecar_facts()
        }),
        Some(SidecarFacts {
            listen_local: true,
            ..sidecar_facts()
        }),
    ];
    for sidecar in sidecars {
        let mut cluster = Cluster::kube_prometheus();
        cluster.edit("k8s").sidecar.clone_from(&sidecar);
        cluster.edit("k8s").container_ports = vec![port(Some("web"), 9999)];
        for pod in cluster.pods.values_mut() {
            pod.sidecar.clone_from(&sidecar);
            pod.ports = vec![port(Some("web"), 9999)];
        }
        assert_same_without(cluster, "prometheus-k8s-1");
    }
}

/// The template is newer than what the resource says by itself, and knows defaults.
#[test]
fn a_pod_that_restarts_is_what_its_stateful_set_says() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.start("k8s", true);
    let mut labels = Labels::new();
    for pod in cluster.pods.values_mut() {
        pod.labels.insert("version".to_owned(), "3.5.0".to_owned());
        labels.clone_from(&pod.labels);
        pod.subdomain = Some("governing".to_owned());
    }
    labels.retain(|label, _| label != names::POD_NAME && label != names::POD_INDEX);
    let set = StatefulSetFacts {
        replicas: 2,
        pod: PodFacts {
            labels,
            subdomain: Some("governing".to_owned()),
            sidecar: Some(sidecar_facts()),
            ..Default::default()
        },
        ..Default::default()
    };
    cluster
        .stateful_sets
        .insert(key("monitoring", "prometheus-k8s"), set);
    let by_version = [(names::INSTANCE, "k8s"), ("version", "3.5.0")];
    cluster.service("prometheus-k8s", &[("name", "prometheus")], &by_version);
    let found = assert_same_without(cluster, "prometheus-k8s-0");
    assert_eq!(
        addresses(&found)[0],
        "dns+prometheus-k8s-0.governing.monitoring.svc:10901"
    );
}

/// Two shards became one, and the second is kept until its retention is over.
fn resharded() -> Cluster {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").sidecar = Some(sidecar_facts());
    cluster.edit("k8s").shards = 2;
    cluster.start("k8s", true);
    cluster.edit("k8s").shards = 1;
    cluster.edit("k8s").retains_shards = true;
    cluster
}

#[test]
fn a_retained_shard_stays_while_one_of_its_pods_restarts() {
    let found = assert_same_without(resharded(), "prometheus-k8s-shard-1-1");
    assert_eq!(found.endpoints.len(), 4);
}

#[test]
fn a_retained_shard_stays_while_its_stateful_set_does() {
    let mut cluster = resharded();
    let pod = cluster.pods[&key("monitoring", "prometheus-k8s-shard-1-0")].clone();
    let set = StatefulSetFacts {
        replicas: 1,
        pod,
        ..Default::default()
    };
    let shard = key("monitoring", "prometheus-k8s-shard-1");
    cluster.stateful_sets.insert(shard, set);
    let last = key("monitoring", "prometheus-k8s-shard-1-1");
    cluster.pods.remove(&last);
    let found = assert_same_without(cluster, "prometheus-k8s-shard-1-0");
    assert_eq!(found.endpoints.len(), 3, "as many as it has");
}

#[test]
fn a_shard_that_is_not_retained_ends_with_its_pods() {
    let mut cluster = resharded();
    cluster.edit("k8s").retains_shards = false;
    cluster.pods.retain(|key, _| !key.name.contains("shard-1"));
    assert_eq!(cluster.select(PROMETHEUS).endpoints.len(), 2);
}

#[test]
fn an_agent_is_one_finding_with_and_without_its_pod() {
    for by_name in [true, false] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.prometheuses = Some(BTreeMap::new());
        cluster.pods.remove(&key("monitoring", "prometheus-k8s-1"));
        let pod = cluster.pods.get_mut(&key("monitoring", "prometheus-k8s-0"));
        let pod = pod.unwrap();
        pod.labels
            .insert(names::NAME.to_owned(), names::PROMETHEUS_AGENT.to_owned());
        if by_name {
            let wanted = [
                (names::NAME, names::PROMETHEUS_AGENT),
                (names::RESOURCE, "k8s"),
            ];
            cluster.service("prometheus-k8s", &[("name", "prometheus")], &wanted);
        } else {
            let set = StatefulSetFacts {
                replicas: 1,
                pod: pod.clone(),
                ..Default::default()
            };
            cluster
                .stateful_sets
                .insert(key("monitoring", "prom-agent-k8s"), set);
        }
        let found = assert_same_without(cluster, "prometheus-k8s-0");
        assert_eq!(
            reasons(&found.skipped),
            ["PrometheusAgent PrometheusAgent monitoring/k8s"]
        );
    }
}
