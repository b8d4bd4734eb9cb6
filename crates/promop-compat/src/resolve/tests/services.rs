//! Targets of Services.

use super::*;

#[test]
fn service_of_a_deleted_prometheus_is_reported() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.pods.clear();
    cluster.prometheuses = Some(BTreeMap::new());
    for (selector, own) in [
        (
            &[(names::NAME, "prometheus"), (names::INSTANCE, "k8s")][..],
            &[("name", "prometheus")][..],
        ),
        (&[(names::RESOURCE, "k8s")], &[("name", "prometheus")]),
        (&[(names::SHARD, "0")], &[("name", "prometheus")]),
        (
            &[(names::MANAGED_BY, "prometheus-operator")],
            &[("name", "prometheus")],
        ),
        (
            &[(names::NAME, "prometheus")],
            &[("name", "prometheus"), (names::OPERATED, "true")],
        ),
    ] {
        cluster.service("prometheus-k8s", own, selector);
        let found = cluster.select(PROMETHEUS);
        let reported = reasons(&found.skipped);
        assert!(
            reported.contains(&"PrometheusGone Service monitoring/prometheus-k8s".to_owned()),
            "{reported:?}"
        );
        assert_eq!(found.endpoints, []);
    }
    cluster.prometheuses = None;
    let reported = reasons(&cluster.select(PROMETHEUS).skipped);
    assert_eq!(
        reported,
        ["PrometheusUnreadable Service monitoring/prometheus-k8s"]
    );
}

/// Endpoints of a selected Service with these labels and ports in an otherwise empty cluster.
fn endpoints_of(own: &[(&str, &str)], ports: &[PortFacts], headless: bool) -> Resolution {
    let mut cluster = Cluster::kube_prometheus();
    cluster.prometheuses = Some(BTreeMap::new());
    let mut facts = ServiceFacts {
        labels: labels(own),
        ports: ports.to_vec(),
        headless,
        ..Default::default()
    };
    facts.labels.insert("name".to_owned(), "store".to_owned());
    cluster.services.insert(key("monitoring", "store"), facts);
    cluster.monitor(
        "monitoring/store",
        &[("app", "store")],
        &[("name", "store")],
    );
    cluster.select(&[("app", "store")])
}

#[test]
fn port_named_grpc_is_a_store_api_only_with_thanos_labels() {
    let foreign = [port(Some("http"), 3100), port(Some("grpc"), 9095)];
    let address = ["dnssrv+_grpc._tcp.store.monitoring.svc"];
    for (label, expected) in [
        ((names::PART_OF, "thanos"), true),
        ((names::NAME, "thanos"), true),
        ((names::NAME, "thanos-store"), true),
        (STORE, true),
        ((STORE.0, "false"), false),
        ((names::NAME, "loki"), false),
        ((names::NAME, "thanosaurus"), false),
        ((names::NAME, "not-thanos"), false),
        ((names::PART_OF, "thanos-store"), false),
        ((names::INSTANCE, "thanos"), false),
    ] {
        let found = endpoints_of(&[label], &foreign, true);
        assert_eq!(addresses(&found), &address[..usize::from(expected)]);
        // Any other Service is an application.
        let skipped = ["NotScraped ServiceMonitor monitoring/store"];
        assert_eq!(reasons(&found.skipped), &skipped[usize::from(expected)..]);
    }
    // The number is sufficient, regardless of a port named grpc.
    let found = endpoints_of(
        &[],
        &[port(Some("grpc"), 2), port(Some("api"), 10901)],
        true,
    );
    assert_eq!(addresses(&found), ["dnssrv+_api._tcp.store.monitoring.svc"]);
}

#[test]
fn installations_of_thanos_are_store_apis() {
    let ports = [port(Some("grpc"), 10901), port(Some("http"), 10902)];
    for own in [
        // kube-thanos
        &[(names::NAME, "thanos-store"), (names::INSTANCE, "main")][..],
        // The charts of Bitnami
        &[(names::NAME, "thanos"), (names::INSTANCE, "main")],
        // Prometheus Operator's own ThanosRuler
        &[("operated-thanos-ruler", "true")],
    ] {
        assert_eq!(
            addresses(&endpoints_of(own, &ports, true)),
            ["dnssrv+_grpc._tcp.store.monitoring.svc"]
        );
    }
}

#[test]
fn service_that_serves_the_store_api_is_an_endpoint() {
    let thanos = [(names::PART_OF, names::THANOS)];
    for (ports, headless, expected) in [
        (
            vec![port(Some("http"), 1), port(Some("grpc"), 2)],
            true,
            Some("dnssrv+_grpc._tcp.store.monitoring.svc"),
        ),
        (
            vec![port(Some("api"), 10901), port(Some("grpc"), 2)],
            true,
            Some("dnssrv+_grpc._tcp.store.monitoring.svc"),
        ),
        (
            vec![port(Some("store"), 10901)],
            true,
            Some("dnssrv+_store._tcp.store.monitoring.svc"),
        ),
        (
            vec![port(None, 10901)],
            false,
            Some("dns+store.monitoring.svc:10901"),
        ),
        (
            vec![port(None, 9090), port(Some("http"), 10902)],
            true,
            None,
        ),
    ] {
        let found = endpoints_of(&thanos, &ports, headless);
        assert_eq!(addresses(&found), expected.into_iter().collect::<Vec<_>>());
        if let Some(address) = expected {
            assert_eq!(
                found.endpoints[0],
                Endpoint {
                    address: address.to_owned(),
                    via: Via::Service,
                    chain: Chain {
                        service_monitor: key("monitoring", "store"),
                        service: Some(key("monitoring", "store")),
                        prometheus: None,
                        others: 0,
                    },
                    pod: None,
                    bridge: None,
                }
            );
            assert_eq!(found.notes.is_empty(), headless);
            assert_eq!(found.skipped, []);
        }
    }
}

#[test]
fn services_of_prometheus_operator_and_thanos_controllers_are_no_store_api() {
    let grpc = vec![port(Some("grpc"), 10901)];
    let mut cluster = Cluster::kube_prometheus();
    cluster
        .services
        .get_mut(&key("monitoring", "prometheus-k8s"))
        .unwrap()
        .ports = grpc.clone();
    cluster.start("k8s", true);
    let found = cluster.select(PROMETHEUS);
    assert!(
        found.endpoints.iter().all(|e| e.via == Via::Sidecar),
        "{found:?}"
    );

    let mut own = ServiceFacts {
        labels: labels(&[("name", "own"), (OWN, "query")]),
        ports: grpc,
        ..Default::default()
    };
    own.selector = labels(&[(names::INSTANCE, "k8s")]);
    cluster.services.insert(key("monitoring", "own"), own);
    cluster.monitor("monitoring/own", &[("app", "own")], &[("name", "own")]);
    let found = cluster.select(&[("app", "own")]);
    assert!(
        found
            .endpoints
            .iter()
            .all(|e| e.chain.service.is_none() && e.via == Via::Sidecar),
        "{found:?}"
    );
    assert_eq!(found.endpoints.len(), 2);
}

#[test]
fn namespace_selector_of_a_service_monitor_is_evaluated() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").service_monitor_selector = None;
    for (namespaces, expected) in [
        (TargetNamespaces::Own, 0),
        (TargetNamespaces::Any, 2),
        (
            TargetNamespaces::Names(vec![
                "monitoring".to_owned(),
                "apps".to_owned(),
                "monitoring".to_owned(),
            ]),
            2,
        ),
        (TargetNamespaces::Names(vec!["apps".to_owned()]), 0),
    ] {
        cluster
            .monitor(
                "apps/remote",
                &[("app", "remote")],
                &[("name", "prometheus")],
            )
            .namespaces = namespaces;
        let found = cluster.select(&[("app", "remote")]);
        assert_eq!(found.endpoints.len(), expected);
        assert_eq!(found.skipped.len(), usize::from(expected == 0));
    }
}

#[test]
fn governing_service_is_no_store_api() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.pods.clear();
    cluster.prometheuses = Some(BTreeMap::new());
    let by_name = [(names::NAME, names::PROMETHEUS)];
    let ports = || vec![port(Some("grpc"), 10901)];
    cluster
        .service("prometheus-k8s", &[("name", "prometheus")], &by_name)
        .ports = ports();
    // A foreign Prometheus with a sidecar.
    cluster.backend("prometheus", &by_name, &ports());
    let found = cluster.select(PROMETHEUS);
    assert_eq!(found.endpoints.len(), 1);
    assert_eq!(found.skipped, []);

    let governing = [("name", "prometheus"), (names::OPERATED, "true")];
    cluster
        .service("prometheus-k8s", &governing, &by_name)
        .ports = ports();
    let found = cluster.select(PROMETHEUS);
    assert_eq!(found.endpoints, []);
    assert_eq!(
        reasons(&found.skipped),
        ["PrometheusGone Service monitoring/prometheus-k8s"]
    );
}
