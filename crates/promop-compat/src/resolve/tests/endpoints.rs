//! Endpoints of a Prometheus: sidecars, bridges, and the chains to them.

use super::*;

#[test]
fn default_kube_prometheus_is_bridged() {
    let found = Cluster::kube_prometheus().select(PROMETHEUS);
    assert_eq!(
        urls(&found),
        [
            "http://prometheus-k8s-0.prometheus-operated.monitoring.svc:9090/",
            "http://prometheus-k8s-1.prometheus-operated.monitoring.svc:9090/",
        ]
    );
    assert_eq!(
        found.endpoints[1],
        Endpoint {
            address: String::new(),
            via: Via::Bridge,
            chain: Chain {
                service_monitor: key("monitoring", "prometheus-k8s"),
                service: Some(key("monitoring", "prometheus-k8s")),
                prometheus: Some(key("monitoring", "k8s")),
                others: 0,
            },
            pod: Some(key("monitoring", "prometheus-k8s-1")),
            bridge: Some(BridgeTarget {
                url: urls(&found)[1].to_owned(),
                tls: false
            }),
        }
    );
    assert_eq!(found.selected, 1);
    assert_eq!(
        found.prometheuses,
        BTreeSet::from([key("monitoring", "k8s")])
    );
    assert_eq!(
        found.replica_labels,
        BTreeSet::from(["prometheus_replica".to_owned()])
    );
    assert_eq!(
        (found.skipped, found.notes, found.nearest),
        (vec![], vec![], vec![])
    );
}

#[test]
fn bridge_url_follows_the_resource() {
    let mut cluster = Cluster::kube_prometheus();
    *cluster.edit("k8s") = PrometheusFacts {
        web_tls: true,
        route_prefix: "/prom".to_owned(),
        port_name: "api".to_owned(),
        ..prometheus(3)
    };
    let pod = cluster
        .pods
        .get_mut(&key("monitoring", "prometheus-k8s-1"))
        .unwrap();
    pod.ports = vec![port(Some("web"), 1), port(Some("api"), 9999)];
    pod.hostname = Some("h".to_owned());
    pod.subdomain = None;
    cluster.edit("k8s").service_name = Some("mine".to_owned());
    let found = cluster.select(PROMETHEUS);
    assert_eq!(
        urls(&found),
        [
            "https://prometheus-k8s-0.prometheus-operated.monitoring.svc:9090/prom",
            "https://h.mine.monitoring.svc:9999/prom",
            "https://prometheus-k8s-2.mine.monitoring.svc:9090/prom",
        ]
    );
    assert!(
        found
            .endpoints
            .iter()
            .all(|e| e.bridge.as_ref().unwrap().tls)
    );
}

#[test]
fn sidecars_are_addressed_per_pod() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").sidecar = Some(sidecar_facts());
    cluster.start("k8s", true);
    cluster
        .pods
        .get_mut(&key("monitoring", "prometheus-k8s-1"))
        .unwrap()
        .sidecar = Some(SidecarFacts {
        grpc_port: 11901,
        ..Default::default()
    });
    let found = cluster.select(PROMETHEUS);
    assert_eq!(
        addresses(&found),
        [
            "dns+prometheus-k8s-0.prometheus-operated.monitoring.svc:10901",
            "dns+prometheus-k8s-1.prometheus-operated.monitoring.svc:11901",
        ]
    );
    assert!(
        found
            .endpoints
            .iter()
            .all(|e| e.via == Via::Sidecar && e.bridge.is_none())
    );
}

#[test]
fn restart_changes_no_endpoint() {
    for sidecar in [false, true] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.edit("k8s").sidecar = sidecar.then(sidecar_facts);
        cluster.start("k8s", sidecar);
        let before = cluster.select(PROMETHEUS);
        assert_eq!(before.endpoints.len(), 2);
        cluster.pods.remove(&key("monitoring", "prometheus-k8s-0"));
        assert_eq!(cluster.select(PROMETHEUS), before);
        cluster.pods.clear();
        assert_eq!(cluster.select(PROMETHEUS), before);
    }
}

#[test]
fn existing_pods_decide_during_a_sidecar_rollout() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").sidecar = Some(sidecar_facts());
    cluster
        .pods
        .get_mut(&key("monitoring", "prometheus-k8s-1"))
        .unwrap()
        .sidecar = Some(sidecar_facts());
    let found = cluster.select(PROMETHEUS);
    assert_eq!(
        found.endpoints.iter().map(|e| e.via).collect::<Vec<_>>(),
        [Via::Bridge, Via::Sidecar]
    );
    // Scaled down: the remaining pod still has data.
    cluster.edit("k8s").replicas = 1;
    assert_eq!(cluster.select(PROMETHEUS).endpoints.len(), 2);
}

#[test]
fn prometheuses_with_a_shared_governing_service_are_distinct() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.prometheus("other", prometheus(1));
    cluster.start("other", true);
    cluster.service("by-shard", &[("name", "shard")], &[(names::SHARD, "1")]);
    assert_eq!(
        cluster.select(PROMETHEUS).prometheuses,
        BTreeSet::from([key("monitoring", "k8s")])
    );
    cluster.service(
        "prometheus-operated",
        &[(names::OPERATED, "true")],
        &[(names::NAME, "prometheus")],
    );
    cluster.monitor(
        "monitoring/both",
        &[("app", "both")],
        &[(names::OPERATED, "true")],
    );
    assert_eq!(cluster.select(&[("app", "both")]).endpoints.len(), 3);
    // Both Services and both ServiceMonitors: each pod once.
    let found = cluster.resolve(&[], NamespaceScope::All, WithoutSidecar::Bridge);
    assert_eq!(found.endpoints.len(), 3);
    let others: Vec<usize> = found.endpoints.iter().map(|e| e.chain.others).collect();
    assert_eq!(others, [1, 1, 0]);
    assert_eq!(
        found.endpoints[0].chain.service_monitor,
        key("monitoring", "both")
    );
}

#[test]
fn service_of_a_shard_selects_only_that_shard() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").shards = 3;
    cluster.start("k8s", true);
    cluster
        .pods
        .remove(&key("monitoring", "prometheus-k8s-shard-1-0"));
    cluster.service(
        "prometheus-k8s",
        &[("name", "prometheus")],
        &[(names::SHARD, "1"), (names::NAME, "prometheus")],
    );
    let found = cluster.select(PROMETHEUS);
    let pods: Vec<String> = found
        .endpoints
        .iter()
        .map(|e| e.pod.clone().unwrap().name)
        .collect();
    assert_eq!(
        pods,
        ["prometheus-k8s-shard-1-0", "prometheus-k8s-shard-1-1"]
    );
}

#[test]
fn application_resolves_to_the_prometheuses_that_scrape_it() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.application("apps/shop", &[("app", "shop")]);
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(found.endpoints.len(), 2);
    assert_eq!(
        found.endpoints[0].chain,
        Chain {
            service_monitor: key("apps", "shop"),
            service: None,
            prometheus: Some(key("monitoring", "k8s")),
            others: 0,
        }
    );
    // An absent replica is an endpoint as well.
    cluster.edit("k8s").replicas = 3;
    assert_eq!(cluster.select(&[("app", "shop")]).endpoints.len(), 3);

    cluster.edit("k8s").service_monitor_namespace_selector = None;
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["NotScraped ServiceMonitor apps/shop"]
    );
    assert!(found.skipped[0].message.contains(
        "closest: Prometheus monitoring/k8s; extend spec.serviceMonitorNamespaceSelector of the Prometheus to the namespace apps"
    ), "{}", found.skipped[0].message);
    assert!(found.prometheuses.is_empty());

    cluster.edit("k8s").service_monitor_selector =
        Some(selector(&[("app", "shop"), ("team", "x")]));
    cluster.edit("k8s").service_monitor_namespace_selector = Some(LabelSelector::default());
    cluster.prometheus(
        "far",
        PrometheusFacts {
            service_monitor_selector: Some(selector(&[("a", "b"), ("c", "d")])),
            ..prometheus(1)
        },
    );
    let found = cluster.select(&[("app", "shop")]);
    let message = &found.skipped[0].message;
    assert!(
        message.ends_with("closest: Prometheus monitoring/k8s; add the labels team=x"),
        "{message}"
    );

    for name in ["k8s", "far"] {
        cluster.edit(name).service_monitor_selector = None;
    }
    let found = cluster.select(&[("app", "shop")]);
    assert!(
        found.skipped[0]
            .message
            .contains("no Prometheus selects any ServiceMonitor")
    );
}

#[test]
fn sidecars_are_endpoints_without_prometheus_resource() {
    for prometheuses in [None, Some(BTreeMap::new())] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.start("k8s", true);
        cluster.prometheuses = prometheuses;
        let found = cluster.select(PROMETHEUS);
        assert_eq!(found.endpoints.len(), 2);
        assert_eq!(found.endpoints[0].chain.prometheus, None);
        assert!(found.prometheuses.is_empty());
        assert_eq!(found.skipped, []);
    }
}

#[test]
fn billions_of_replicas_are_bounded() {
    let mut cluster = Cluster::kube_prometheus();
    *cluster.edit("k8s") = PrometheusFacts {
        shards: u32::MAX,
        ..prometheus(u32::MAX)
    };
    assert_eq!(cluster.select(PROMETHEUS).endpoints.len(), 1000);
}

#[test]
fn labels_of_the_resource_cannot_hide_its_pods() {
    let facts = PrometheusFacts {
        pod_labels: Labels::from([
            ("team".to_owned(), "x".to_owned()),
            (names::NAME.to_owned(), "y".to_owned()),
        ]),
        ..prometheus(1)
    };
    let found = names::pod_labels(&key("ns", "a"), &facts, 2, 3);
    assert_eq!(
        found,
        labels(&[
            ("team", "x"),
            (names::NAME, "prometheus"),
            (names::INSTANCE, "a"),
            (names::MANAGED_BY, "prometheus-operator"),
            (names::RESOURCE, "a"),
            ("prometheus", "a"),
            (names::SHARD, "2"),
            (
                "statefulset.kubernetes.io/pod-name",
                "prometheus-a-shard-2-3"
            ),
            ("apps.kubernetes.io/pod-index", "3"),
        ])
    );
}
