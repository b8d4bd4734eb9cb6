//! Facts of a pod do not depend on its existence.

use super::*;

/// Resolution with all pods, or without one of them.
fn assert_same_without(mut cluster: Cluster, pod: &str) -> Resolution {
    let with = cluster.select(PROMETHEUS);
    assert!(cluster.pods.remove(&key("monitoring", pod)).is_some());
    assert_eq!(cluster.select(PROMETHEUS), with);
    with
}

/// Every change of sidecar and API by `spec.containers`.
#[test]
fn restarting_pod_is_described_by_its_resource() {
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

/// The template is newer than the resource and contains defaults.
#[test]
fn restarting_pod_is_described_by_its_stateful_set() {
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

/// Two shards became one; the second is kept until its retention ends.
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
fn retained_shard_stays_while_one_of_its_pods_restarts() {
    let found = assert_same_without(resharded(), "prometheus-k8s-shard-1-1");
    assert_eq!(found.endpoints.len(), 4);
}

#[test]
fn retained_shard_stays_while_its_stateful_set_exists() {
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
fn shard_without_retention_ends_with_its_pods() {
    let mut cluster = resharded();
    cluster.edit("k8s").retains_shards = false;
    cluster.pods.retain(|key, _| !key.name.contains("shard-1"));
    assert_eq!(cluster.select(PROMETHEUS).endpoints.len(), 2);
}

#[test]
fn agent_is_one_finding_with_and_without_its_pod() {
    for by_name in [true, false] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.prometheuses = Some(BTreeMap::new());
        cluster.pods.remove(&key("monitoring", "prometheus-k8s-1"));
        let pod = cluster.pods.get_mut(&key("monitoring", "prometheus-k8s-0"));
        let pod = pod.unwrap();
        pod.labels
            .insert(names::NAME.to_owned(), names::PROMETHEUS_AGENT.to_owned());
        if by_name {
            let desired = [
                (names::NAME, names::PROMETHEUS_AGENT),
                (names::RESOURCE, "k8s"),
            ];
            cluster.service("prometheus-k8s", &[("name", "prometheus")], &desired);
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

/// Only the agent `monitoring/k8s`, and a Service that selects its pods.
fn agent(facts: PrometheusAgentFacts, selector: &[(&str, &str)]) -> Cluster {
    let mut cluster = Cluster::kube_prometheus();
    cluster.prometheuses = Some(BTreeMap::new());
    cluster.pods.clear();
    cluster.prometheus_agents = Some(BTreeMap::from([(key("monitoring", "k8s"), facts)]));
    cluster.service("prometheus-k8s", &[("name", "prometheus")], selector);
    cluster
}

#[test]
fn agent_without_pods_is_described_by_its_resource() {
    let agents = [(1, 1, false), (2, 3, false), (0, 1, false), (1, 1, true)];
    let agents = agents.map(|(replicas, shards, daemon_set)| PrometheusAgentFacts {
        replicas,
        shards,
        daemon_set,
        pod_labels: labels(&[("team", "x")]),
    });
    let selectors: [&[(&str, &str)]; 6] = [
        &[(names::RESOURCE, "k8s")],
        &[(names::INSTANCE, "k8s")],
        &[
            (names::NAME, names::PROMETHEUS_AGENT),
            (names::RESOURCE, "k8s"),
        ],
        &[
            (names::NAME, names::PROMETHEUS_AGENT),
            (names::INSTANCE, "k8s"),
        ],
        &[(names::NAME, names::PROMETHEUS_AGENT)],
        &[("team", "x")],
    ];
    for facts in agents {
        for selector in selectors {
            let mut cluster = agent(facts.clone(), selector);
            let without = cluster.select(PROMETHEUS);
            assert_eq!(
                reasons(&without.skipped),
                ["PrometheusAgent PrometheusAgent monitoring/k8s"],
                "{facts:?} {selector:?}"
            );
            let (mut pod, labels) = names::agent_pod(&key("monitoring", "k8s"), &facts, 0, 0);
            if facts.daemon_set {
                pod.push_str("-x7k2p");
            }
            let started = PodFacts {
                labels,
                ..Default::default()
            };
            cluster.pods.insert(key("monitoring", &pod), started);
            assert_eq!(
                cluster.select(PROMETHEUS),
                without,
                "{facts:?} {selector:?}"
            );
        }
    }
}

#[test]
fn only_pods_of_a_stateful_set_belong_to_a_shard() {
    for (daemon_set, expected) in [
        (false, "PrometheusAgent PrometheusAgent monitoring/k8s"),
        (true, "PrometheusGone Service monitoring/prometheus-k8s"),
    ] {
        let facts = PrometheusAgentFacts {
            replicas: 1,
            shards: 2,
            daemon_set,
            ..Default::default()
        };
        let found = agent(facts, &[(names::SHARD, "1")]).select(PROMETHEUS);
        assert_eq!(reasons(&found.skipped), [expected]);
    }
}

#[test]
fn unreadable_agents_are_recognized_by_their_pods() {
    let mut cluster = agent(PrometheusAgentFacts::default(), &[(names::RESOURCE, "k8s")]);
    cluster.prometheus_agents = None;
    assert_eq!(
        reasons(&cluster.select(PROMETHEUS).skipped),
        ["PrometheusGone Service monitoring/prometheus-k8s"]
    );
}
