//! Selection, and which changes affect a request.

use super::*;

#[test]
fn two_selections_are_a_union() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.monitor("apps/shop", &[("app", "shop")], &[("app", "shop")]);
    let selections = [
        Selection {
            selector: selector(PROMETHEUS),
            scope: NamespaceScope::Own,
        },
        Selection {
            selector: selector(&[("app", "shop")]),
            scope: NamespaceScope::Matching(selector(&[("team", "apps")])),
        },
    ];
    let resolve = |selections| {
        let request = Request {
            fields: &[],
            namespace: "monitoring",
            selections,
            without_sidecar: WithoutSidecar::Bridge,
        };
        resolve(&cluster.world(), &request).selected
    };
    assert_eq!(resolve(&selections), 2);
    assert_eq!(resolve(&selections[..1]), 1);
    assert_eq!(resolve(&selections[1..]), 1);
    assert_eq!(resolve(&[]), 0);
}

#[test]
fn empty_selection_reports_the_nearest() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.service_monitors.clear();
    cluster.monitor("zoo/z", &[("app", "x"), ("team", "y")], &[]);
    cluster.monitor("zoo/near", &[("app", "x")], &[]);
    cluster.monitor("monitoring/half", &[("app", "x"), ("team", "other")], &[]);
    cluster.monitor("monitoring/a-none", &[], &[]);
    cluster.monitor("monitoring/b-none", &[], &[]);
    let found = cluster.resolve(
        &[("app", "x"), ("team", "y")],
        NamespaceScope::Own,
        WithoutSidecar::Bridge,
    );
    assert_eq!(found.selected, 0);
    let keys: Vec<String> = found.nearest.iter().map(|c| c.key.to_string()).collect();
    assert_eq!(keys, ["zoo/z", "monitoring/half", "monitoring/a-none"]);
    assert_eq!(
        found.nearest[0],
        Candidate {
            key: key("zoo", "z"),
            labels: labels(&[("app", "x"), ("team", "y")]),
            matched: vec!["app=x".to_owned(), "team=y".to_owned()],
            missing: vec![],
            excluded: vec![],
            in_scope: false,
            would_match_elsewhere: true,
        }
    );
    assert_eq!(found.nearest[1].matched, ["app=x"]);
    assert_eq!(found.nearest[1].missing, ["team=y"]);
    assert!(found.nearest[1].in_scope && !found.nearest[1].would_match_elsewhere);
}

#[test]
fn only_relevant_changes_enqueue() {
    let cluster = Cluster::kube_prometheus();
    let world = cluster.world();
    let selections = [Selection {
        selector: selector(PROMETHEUS),
        scope: NamespaceScope::Own,
    }];
    let request = Request {
        fields: &[],
        namespace: "monitoring",
        selections: &selections,
        without_sidecar: WithoutSidecar::Bridge,
    };
    let with = |pairs| ServiceMonitorFacts {
        labels: labels(pairs),
        ..Default::default()
    };
    let (yes, no) = (with(PROMETHEUS), with(&[("app", "x")]));
    for (namespace, old, new, expected) in [
        ("monitoring", None, Some(&yes), true),
        ("monitoring", Some(&yes), Some(&no), true),
        ("monitoring", Some(&yes), None, true),
        ("monitoring", Some(&no), Some(&no), false),
        ("apps", None, Some(&yes), false),
    ] {
        let changed = key(namespace, "x");
        assert_eq!(
            is_affected_by(&world.namespaces, &request, &changed, old, new),
            expected
        );
    }
    let invalid = [Selection {
        scope: NamespaceScope::Matching(selector(&[("-", "")])),
        selector: LabelSelector::default(),
    }];
    let malformed = Request {
        fields: &[],
        selections: &invalid,
        ..request
    };
    assert!(!is_affected_by(
        &world.namespaces,
        &malformed,
        &key("monitoring", "x"),
        None,
        Some(&yes)
    ));

    let service = |selector, ports| ServiceFacts {
        selector: labels(selector),
        ports,
        ..Default::default()
    };
    let application = service(&[("app", "x")], vec![port(Some("http"), 80)]);
    let store = service(&[("app", "x")], vec![port(Some("grpc"), 10901)]);
    let foreign = service(&[("app", "x")], vec![port(Some("grpc"), 80)]);
    let to_prometheus = service(&[(names::INSTANCE, "k8s")], vec![]);
    let affects_service =
        |namespace, old, new| affects_services(&world, &request, &key(namespace, "s"), old, new);
    assert!(!affects_service(
        "monitoring",
        Some(&application),
        Some(&application)
    ));
    assert!(affects_service("apps", None, Some(&store)));
    assert!(!affects_service("apps", None, Some(&foreign)));
    assert!(affects_service("apps", Some(&store), Some(&application)));
    assert!(affects_service("monitoring", None, Some(&to_prometheus)));
    assert!(!affects_service("apps", None, Some(&to_prometheus)));
    // An application counts if a selected ServiceMonitor selects it.
    let mut selected = service(&[("app", "x")], vec![]);
    selected.labels = labels(&[("name", "prometheus")]);
    assert!(affects_service("monitoring", None, Some(&selected)));
    assert!(affects_service(
        "monitoring",
        Some(&selected),
        Some(&application)
    ));
    assert!(!affects_service(
        "monitoring",
        Some(&selected),
        Some(&selected)
    ));
    assert!(!affects_service("monitoring", None, Some(&application)));
    assert!(!affects_service("apps", None, Some(&selected)));

    let pods = |pairs| BackendFacts {
        labels: labels(pairs),
        ports: vec![],
    };
    let (mut with_store, at) = (Cluster::kube_prometheus(), key("monitoring", "p"));
    with_store
        .services
        .insert(key("monitoring", "store"), store);
    let world = with_store.world();
    assert!(affects_backends(
        &world,
        &at,
        None,
        Some(&pods(&[("app", "x")]))
    ));
    assert!(affects_backends(
        &world,
        &at,
        Some(&pods(&[("app", "x")])),
        Some(&pods(&[]))
    ));
    assert!(!affects_backends(
        &world,
        &at,
        None,
        Some(&pods(&[("app", "y")]))
    ));
    assert!(!affects_backends(
        &world,
        &key("apps", "p"),
        None,
        Some(&pods(&[("app", "x")]))
    ));
    let mut own = Cluster::kube_prometheus();
    let service = own.service("own", &[(OWN, "q")], &[("app", "x")]);
    service.ports = vec![port(Some("grpc"), 10901)];
    let pod = pods(&[("app", "x")]);
    assert!(!affects_backends(&own.world(), &at, None, Some(&pod)));
    let set = |pairs| StatefulSetFacts {
        replicas: 1,
        pod: PodFacts {
            labels: labels(pairs),
            ..Default::default()
        },
        ..Default::default()
    };
    let operated = [
        (names::MANAGED_BY, "prometheus-operator"),
        (names::NAME, "prometheus"),
    ];
    for (pairs, expected) in [
        (&[("app", "x")][..], true),
        (&operated, true),
        (&operated[..1], false),
        (&[("app", "y")], false),
    ] {
        let found = affects_stateful_sets(&world, &at, None, Some(&set(pairs)));
        assert_eq!(found, expected, "{pairs:?}");
    }

    let pod = cluster.pods.values().next().unwrap();
    assert!(affects_pods(None, Some(pod)));
    assert!(affects_pods(Some(pod), None));
    let alertmanager = PodFacts {
        labels: labels(&[
            (names::MANAGED_BY, "prometheus-operator"),
            (names::NAME, "alertmanager"),
        ]),
        ..Default::default()
    };
    assert!(!affects_pods(Some(&alertmanager), Some(&alertmanager)));
    let foreign = PodFacts {
        labels: labels(&[(names::NAME, "prometheus")]),
        ..Default::default()
    };
    assert!(!affects_pods(None, Some(&foreign)));

    assert!(!affects_namespaces(&world, &request));
    let by_label = [Selection {
        scope: NamespaceScope::Matching(selector(&[("a", "b")])),
        ..Default::default()
    }];
    assert!(affects_namespaces(
        &world,
        &Request {
            fields: &[],
            selections: &by_label,
            ..request
        }
    ));
    let mut narrow = Cluster::kube_prometheus();
    narrow.edit("k8s").service_monitor_namespace_selector = Some(selector(&[("a", "b")]));
    assert!(affects_namespaces(&narrow.world(), &request));
}
