//! Which change affects which ThanosQuery.

use super::*;
use serde_json::{Value, json};

fn query(namespace: &str, spec: Value) -> ThanosQuery {
    serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
        "metadata": {"name": "q", "namespace": namespace}, "spec": spec,
    }))
    .unwrap()
}

fn service(labels: Value) -> ServiceFacts {
    ServiceFacts::from_object(&json!({
        "metadata": {"labels": labels},
        "spec": {"selector": {"app": "x"}, "ports": [{"name": "grpc", "port": 10901}]},
    }))
}

#[test]
fn a_service_enqueues_every_query_that_may_discover_it() {
    let query_api = json!({label::QUERY_API: "true"});
    let store_api = json!({label::STORE_API: "true", label::PART_OF: "thanos"});
    let frontend = json!({"queryFrontend": {}});
    let choosy = |labels| json!({"queryFrontend": {"queryLabelSelector": {"matchLabels": labels}}});
    let any = choosy(json!({}));
    let other = choosy(json!({"app": "y"}));
    let discovery = json!({"serviceMonitorSelector": {}});
    let everywhere = json!({"storeNamespaceSelector": {}});
    let closed = json!({"serviceMonitorSelector": {},
        "featureGates": {"enablePrometheusOperatorCRDs": false}});
    for (labels, namespace, spec, expected) in [
        (&query_api, "there", &any, true),
        (&query_api, "here", &any, false),
        (&query_api, "there", &other, false),
        (&query_api, "there", &frontend, false),
        (&query_api, "there", &json!({}), false),
        (&query_api, "here", &discovery, true),
        (&query_api, "here", &closed, false),
        (&store_api, "there", &json!({}), true),
        (&store_api, "here", &json!({}), false),
        (&store_api, "here", &everywhere, true),
        (&store_api, "here", &discovery, true),
        (&json!({}), "there", &any, false),
        (&json!({}), "here", &discovery, true),
        // Services of Thanos controllers are discovered by their labels only.
        (&json!({label::OWNER: "x"}), "here", &discovery, false),
    ] {
        let facts = service(labels.clone());
        let query = query(namespace, spec.clone());
        for (old, new) in [(None, Some(&facts)), (Some(&facts), None)] {
            let found = service_affects(
                &Stores::default(),
                &query,
                &Key::new("there", "s"),
                old,
                new,
            );
            assert_eq!(found, expected, "{labels} for {namespace} {spec}");
        }
    }
}

/// An application's Service decides whether a ServiceMonitor selects any Service, and which one is
/// nearest.
#[test]
fn a_service_enqueues_queries_that_select_it_by_service_monitor() {
    let monitor = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "m", "namespace": "there", "labels": {"app": "x"}},
        "spec": {"selector": {"matchLabels": {"app": "shop"}}},
    });
    let mut stores = Stores::default();
    for related in related() {
        related.load(&mut stores, &monitor);
    }
    let application = |app: &str| {
        ServiceFacts::from_object(&json!({
            "metadata": {"labels": {"app": app}},
            "spec": {"selector": {"app": app}, "ports": [{"port": 80}]},
        }))
    };
    let (shop, cart) = (application("shop"), application("cart"));
    let selecting = |app: &str| json!({"serviceMonitorSelector": {"matchLabels": {"app": app}}, "serviceMonitorNamespaceSelector": {}});
    let named = |reason: &str| json!({"skipped": [{"subject": "s", "reason": reason, "message": "m"}], "skippedTotal": 1});
    let more = json!({"skippedTotal": 60});
    for (namespace, spec, status, old, new, expected) in [
        ("there", selecting("x"), json!({}), None, Some(&shop), true),
        (
            "there",
            selecting("x"),
            json!({}),
            Some(&shop),
            Some(&cart),
            true,
        ),
        (
            "there",
            selecting("x"),
            json!({}),
            Some(&shop),
            Some(&shop),
            false,
        ),
        ("there", selecting("x"), json!({}), None, Some(&cart), false),
        ("there", selecting("y"), json!({}), None, Some(&shop), false),
        ("here", selecting("x"), json!({}), None, Some(&shop), false),
        // The nearest Service is named.
        (
            "there",
            selecting("x"),
            named("SelectsNoService"),
            None,
            Some(&cart),
            true,
        ),
        ("there", selecting("x"), more, None, Some(&cart), true),
        (
            "there",
            selecting("x"),
            named("NotScraped"),
            None,
            Some(&cart),
            false,
        ),
        (
            "there",
            selecting("x"),
            named("SelectsNoService"),
            Some(&cart),
            Some(&cart),
            false,
        ),
    ] {
        let mut query = query("there", spec);
        query.status = Some(serde_json::from_value(status.clone()).unwrap());
        let key = Key::new(namespace, "s");
        let found = service_affects(&stores, &query, &key, old, new);
        assert_eq!(found, expected, "{namespace} {status} {old:?} {new:?}");
    }
}

#[test]
fn finished_pods_are_not_stored() {
    let pod = |name: &str, phase: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "here"},
            "status": {"phase": phase}})
    };
    let mut stores = Stores::default();
    for related in related() {
        for (name, phase) in [
            ("a", "Running"),
            ("b", "Failed"),
            ("c", "Succeeded"),
            ("d", "Pending"),
        ] {
            related.load(&mut stores, &pod(name, phase));
        }
    }
    let found: Vec<&str> = stores
        .backends
        .items()
        .keys()
        .map(|k| k.name.as_str())
        .collect();
    assert_eq!(found, ["a", "d"]);
}

fn service_monitor(labels: Value) -> ServiceMonitorFacts {
    ServiceMonitorFacts::from_object(&json!({"metadata": {"labels": labels}}))
}

#[test]
fn a_service_monitor_enqueues_queries_that_select_it() {
    let (x, y) = (json!({"app": "x"}), json!({"app": "y"}));
    let selector = json!({"matchLabels": {"app": "x"}});
    let short = json!({"serviceMonitorSelector": selector});
    let anywhere =
        json!({"serviceMonitorSelector": selector, "serviceMonitorNamespaceSelector": {}});
    let long = |section| json!({"serviceDiscovery": {"prometheusServiceMonitors": section}});
    for (labels, namespace, spec, expected) in [
        (&x, "there", short.clone(), true),
        (&y, "there", short.clone(), false),
        (&x, "here", short, false),
        (&x, "here", anywhere, true),
        (&x, "there", json!({}), false),
        (&x, "there", long(json!({"selector": selector})), true),
        (&y, "there", long(json!({"selector": selector})), false),
        (&y, "there", long(json!({"enabled": true})), true),
        (
            &x,
            "there",
            long(json!({"enabled": false, "selector": selector})),
            false,
        ),
    ] {
        let facts = service_monitor(labels.clone());
        let query = query(namespace, spec.clone());
        for (old, new) in [(None, Some(&facts)), (Some(&facts), None)] {
            let key = Key::new("there", "m");
            let found = service_monitor_affects(&Stores::default(), &query, &key, old, new);
            assert_eq!(found, expected, "{labels} for {namespace} {spec}");
        }
    }
}

#[test]
fn every_service_monitor_enqueues_queries_that_report_the_nearest() {
    let facts = service_monitor(json!({"app": "y"}));
    let enqueues = |spec: &Value, reason: Reason| {
        let mut query = query("here", spec.clone());
        let condition = json!({
            "type": Condition::EndpointsResolved.as_str(), "reason": reason.as_str(),
            "status": "False", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        query.status = Some(serde_json::from_value(json!({"conditions": [condition]})).unwrap());
        let key = Key::new("there", "m");
        service_monitor_affects(&Stores::default(), &query, &key, None, Some(&facts))
    };
    let spec = json!({"serviceMonitorSelector": {"matchLabels": {"app": "x"}}});
    assert!(enqueues(&spec, Reason::SelectorMatchesNothing));
    assert!(enqueues(&spec, Reason::MatchesInOtherNamespaces));
    assert!(!enqueues(&spec, Reason::Resolved));
    assert!(!enqueues(&json!({}), Reason::SelectorMatchesNothing));
}

#[test]
fn querier_pods_are_stored_with_their_owner() {
    let pod = |name: &str, app: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "here",
            "labels": {label::PART_OF: "thanos", label::NAME: app, label::OWNER: "q"}}})
    };
    let mut stores = Stores::default();
    for related in related() {
        related.load(&mut stores, &pod("querier", "thanos-query"));
        related.load(&mut stores, &pod("store", "thanos-store"));
    }
    let found: Vec<_> = stores.queriers.items().iter().collect();
    assert_eq!(found, [(&Key::new("here", "querier"), &"q".to_owned())]);
}
