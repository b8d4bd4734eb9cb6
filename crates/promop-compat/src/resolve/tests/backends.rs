//! StoreAPIs and the pods behind them.

use super::*;
use crate::model::TargetPort;

const STORE_POD: &[(&str, &str)] = &[("app", "store"), ("version", "1")];

/// A ServiceMonitor, and the Service `store` that it selects, with these labels.
fn store(own: &[(&str, &str)], target: TargetPort) -> Cluster {
    let mut cluster = Cluster::kube_prometheus();
    let mut labels = vec![("name", "store")];
    labels.extend(own);
    let service = cluster.service("store", &labels, &[("app", "store")]);
    service.ports = vec![port(Some("grpc"), 10901)];
    service.targets = vec![target];
    cluster.monitor(
        "monitoring/store",
        &[("app", "store")],
        &[("name", "store")],
    );
    cluster
}

fn select(cluster: &Cluster) -> (usize, Vec<String>) {
    let found = cluster.select(&[("app", "store")]);
    let of_services = found.endpoints.iter().filter(|e| e.via == Via::Service);
    (of_services.count(), reasons(&found.skipped))
}

fn named() -> TargetPort {
    TargetPort::Name("grpc".to_owned())
}

#[test]
fn service_without_pods_is_reported() {
    let finding = ["NoPods Service monitoring/store".to_owned()];
    for own in [&[][..], &[(names::NAME, "thanos-store")]] {
        let mut cluster = store(own, named());
        assert_eq!(select(&cluster), (0, finding.to_vec()));
        let skipped = cluster.select(&[("app", "store")]).skipped;
        assert!(skipped[0].message.contains("app=store"), "{skipped:?}");
        // Neither a pod of another namespace nor one without the label.
        cluster.backend("other", &[("version", "1")], &[port(Some("grpc"), 10901)]);
        let elsewhere = cluster.backends[&key("monitoring", "other")].clone();
        cluster.backends.insert(key("apps", "store"), elsewhere);
        assert_eq!(select(&cluster), (0, finding.to_vec()));
        cluster.backend("store", STORE_POD, &[port(Some("grpc"), 10901)]);
        assert_eq!(select(&cluster), (1, vec![]));
    }
}

#[test]
fn manually_managed_endpoints_are_not_checked() {
    let mut cluster = store(&[], named());
    let service = cluster.services.get_mut(&key("monitoring", "store"));
    service.unwrap().selector.clear();
    assert_eq!(select(&cluster), (1, vec![]));
}

#[test]
fn pods_must_serve_the_port() {
    let thanos = &[(names::NAME, "thanos-store")][..];
    let not_served = vec!["PortNotServed Service monitoring/store".to_owned()];
    let number = || TargetPort::Number(10901);
    for (own, target, ports, expected) in [
        (thanos, named(), vec![port(Some("grpc"), 1)], (1, vec![])),
        (
            thanos,
            named(),
            vec![port(Some("api"), 10901)],
            (0, not_served.clone()),
        ),
        // Declaring a numbered port is optional, and the labels identify Thanos.
        (thanos, number(), vec![], (1, vec![])),
        (&[], number(), vec![port(None, 10901)], (1, vec![])),
    ] {
        let mut cluster = store(own, target.clone());
        cluster.backend("store", STORE_POD, &ports);
        assert_eq!(select(&cluster), expected, "{own:?} {target:?} {ports:?}");
    }
}

/// The number may be an application's: then its series are in the Prometheus that scrapes it.
#[test]
fn service_without_backend_on_the_port_is_an_application() {
    for ports in [vec![], vec![port(Some("http"), 8080)]] {
        let mut cluster = store(&[], TargetPort::Number(10901));
        cluster.backend("store", STORE_POD, &ports);
        let found = cluster.select(&[("app", "store")]);
        assert_eq!(found.endpoints.len(), 2, "the replicas that scrape it");
        assert!(found.endpoints.iter().all(|e| e.via == Via::Bridge));
        assert_eq!(found.skipped, []);
    }
}

/// The only pod of a StatefulSet is absent during a restart.
#[test]
fn absent_pod_of_a_stateful_set_counts() {
    let mut cluster = store(&[], named());
    let mut set = StatefulSetFacts {
        replicas: 1,
        pod: PodFacts {
            labels: labels(STORE_POD),
            ..Default::default()
        },
        ports: vec![port(Some("grpc"), 10901)],
    };
    cluster
        .stateful_sets
        .insert(key("monitoring", "x"), set.clone());
    assert_eq!(select(&cluster), (1, vec![]));
    let pod = |name: &str| labels(&[("app", "store"), (names::POD_NAME, name)]);
    for (selector, expected) in [(pod("x-0"), 1), (pod("x-1"), 0), (pod("y-0"), 0)] {
        let service = cluster.services.get_mut(&key("monitoring", "store"));
        service.unwrap().selector = selector;
        assert_eq!(select(&cluster).0, expected);
    }
    let service = cluster.services.get_mut(&key("monitoring", "store"));
    service.unwrap().selector = labels(STORE_POD);
    set.replicas = 0;
    cluster.stateful_sets.insert(key("monitoring", "x"), set);
    assert_eq!(select(&cluster).0, 0);
}

#[test]
fn external_name_store_api_is_addressed_by_its_external_name() {
    let external = |ports: &[PortFacts]| crate::model::ExternalFacts {
        name: "store.example.com".to_owned(),
        ports: ports.to_vec(),
    };
    let all = [
        (vec![port(Some("grpc"), 10901)], Some(10901)),
        (vec![port(None, 443)], Some(443)),
        (vec![port(Some("http"), 1), port(Some("grpc"), 2)], Some(2)),
        (
            vec![port(Some("http"), 1), port(Some("x"), 10901)],
            Some(10901),
        ),
        (vec![port(Some("a"), 1), port(Some("b"), 2)], None),
        (vec![], None),
    ];
    for (ports, expected) in all {
        let mut cluster = store(&[STORE], named());
        let service = cluster
            .services
            .get_mut(&key("monitoring", "store"))
            .unwrap();
        service.ports.clear();
        service.external = Some(external(&ports));
        let found = cluster.select(&[("app", "store")]);
        let address = expected.map(|port| format!("dns+store.example.com:{port}"));
        assert_eq!(
            addresses(&found),
            address.as_deref().into_iter().collect::<Vec<_>>()
        );
        assert_eq!(found.notes, [], "an alias has no pods to be headless for");
    }
}
