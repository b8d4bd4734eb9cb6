//! Changes that replace no pod, and immutable fields.

use std::collections::BTreeMap;

use plan_testing::Case as _;
use plan_testing::relations::of_kind;
use plan_testing::stable::{check_immutable, check_volume, selector};
use serde_json::{Value, json};
use thanos_ruler_controller::names;

use crate::case::Case;
use crate::case::world::{self, Bulk, Querier};

fn alert(expr: &str) -> Value {
    json!([{"alert": "A", "expr": expr}])
}

fn base() -> Case {
    Case::of(json!({"ruleSelector": {}}))
}

/// Selectors and names are immutable in existing workloads, and names of PVCs belong to data.
#[test]
fn selectors_names_and_volumes_never_change() {
    const NAME: &str = "thanos-rule-main";
    let set = Case::default().stateful_set();
    let store_api = ("operator.thanos.io/store-api", "true");
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        selector("thanos-rule", "rule-evaluation-engine", NAME, &[store_api])
    );
    assert_eq!(set["metadata"]["name"], NAME);
    let service = Case::default().object("Service", NAME);
    check_volume(&set, &service, "/var/thanos/rule");
}

/// Prometheus Operator takes over objects whose names begin with `thanos-ruler-`.
#[test]
fn no_name_collides_with_objects_of_prometheus_operator() {
    let long = "r".repeat(200);
    for cr in [
        "r",
        "ruler",
        "r-x",
        "thanos-ruler",
        "operated",
        long.as_str(),
    ] {
        let case = Case {
            name: Some(cr.to_owned()),
            ..base().with([world::rule("a", &alert("up"))])
        };
        for object in case.bodies() {
            let name = object["metadata"]["name"].as_str().unwrap();
            assert!(name.starts_with("thanos-rule-"), "{name}");
        }
    }
}

#[test]
fn rules_replace_no_pod() {
    let rule = |expr: &str| world::rule("a", &alert(expr));
    let file = json!({
        "kind": "ConfigMap",
        "metadata": {"name": "own", "labels": {"operator.thanos.io/prometheus-rule": "true"}},
        "data": {"rules.yaml": "groups: [{name: g, rules: [{alert: A, expr: up}]}]"},
    });
    let one = base().with([rule("up == 0")]);
    let capable = |capability: &str| {
        let mut case = one.clone();
        let kinds = ["PrometheusRule", "Prometheus", "ThanosRuler"];
        let kinds = kinds.map(|kind| (kind.to_owned(), capability.to_owned()));
        case.capabilities = kinds.into();
        case
    };
    let without = |capability: &str| Case {
        objects: Vec::new(),
        ..capable(capability)
    };
    let bulk = Bulk {
        objects: 40,
        groups: 1,
        bytes: 200_000,
    };
    let template = base().template();
    for (what, case) in [
        ("a rule added", one.clone()),
        ("a rule changed", base().with([rule("up == 1")])),
        ("a bad rule", base().with([rule("sum(")])),
        ("a file added", base().with([file])),
        (
            "many rules",
            Case {
                bulk: Some(bulk),
                ..base()
            },
        ),
        ("overlap", one.with([world::prometheus()])),
        ("mode Active", one.set(&json!({"mode": "Active"}))),
        ("mode Shadow", one.set(&json!({"mode": "Shadow"}))),
        ("no rule selected", one.set(&json!({"ruleSelector": null}))),
        (
            "all namespaces selected",
            one.set(&json!({"ruleNamespaceSelector": {}})),
        ),
        ("CRDs deleted", capable("Absent")),
        ("CRDs forbidden", capable("Forbidden")),
        ("CRDs deleted before the start", without("Absent")),
        ("CRDs forbidden before the start", without("Forbidden")),
        (
            "feature gate closed",
            one.set(&json!({"featureGates": {"enablePrometheusOperatorCRDs": false}})),
        ),
        ("tenancy", one.set(&json!({"ruleTenancyConfig": {}}))),
    ] {
        assert_eq!(case.template(), template, "{what}");
        assert_eq!(case.applied().template(), template, "{what}, again");
    }
}

/// Queriers and Alertmanagers can be added and deleted, as long as their transport is known.
#[test]
fn addresses_replace_no_pod() {
    let querier = |name: &str, headless| Querier {
        name: name.to_owned(),
        headless,
        ..Querier::default()
    };
    let with = |queriers: Vec<Querier>| Case { queriers, ..base() };
    let am = |name: &str, replicas: i32| world::alertmanager(name, &json!({"replicas": replicas}));
    let set = |fields: Value| base().set(&fields);
    let absent = |objects: Vec<Value>| {
        let mut case = base().with(objects);
        let absent = ("Alertmanager".to_owned(), "Absent".to_owned());
        case.capabilities = BTreeMap::from([absent]);
        case
    };
    let template = base().template();
    for (what, case) in [
        ("an Alertmanager", base().with([am("a", 1)])),
        (
            "two Alertmanagers of several pods",
            base().with([am("a", 3), am("b", 2)]),
        ),
        ("an Alertmanager without pods", base().with([am("a", 0)])),
        ("CRD deleted", absent(vec![am("a", 1)])),
        ("CRD deleted before the start", absent(Vec::new())),
        ("a URL", set(json!({"alertmanagerURL": "http://am:9093"}))),
        (
            "several URLs",
            set(json!({"alertmanagers": {"urls": ["http://a", "dns+http://b"]}})),
        ),
        ("alerting disabled", set(json!({"alertmanagerURL": ""}))),
        ("queriers", with(vec![querier("a", true)])),
        (
            "queriers with a cluster IP",
            with(vec![querier("a", false), querier("b", true)]),
        ),
        (
            "a selector of queriers",
            set(json!({"queryLabelSelector": {"matchLabels": {"a": "b"}}})),
        ),
    ] {
        assert_eq!(case.template(), template, "{what}");
        assert_eq!(case.applied().template(), template, "{what}, again");
    }
}

/// Scaling, volumes, monitoring, and readability of Secrets.
#[test]
fn settings_outside_of_the_pod_template_replace_no_pod() {
    let template = base().template();
    for spec in [
        json!({"replicas": 3}),
        json!({"storage": {"size": "1Ti"}}),
        json!({"serviceMonitor": {"enabled": false}, "networkPolicy": {"enabled": true}}),
        json!({"podDisruptionBudgetConfig": {"enable": false}}),
        json!({"minReadySeconds": 5}),
        json!({"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}),
    ] {
        assert_eq!(base().set(&spec).template(), template, "{spec}");
    }
    let stateful = json!({"objectStorageConfig": {"name": "bucket", "key": "thanos.yaml"}});
    let secret = Case::of(json!({"rulerMode": {"type": "Stateful", "stateful": stateful}}));
    let readable = Case {
        secrets: Some(BTreeMap::from([(
            "bucket".to_owned(),
            json!({"thanos.yaml": "eA=="}),
        )])),
        ..secret.clone()
    };
    assert_eq!(readable.template(), secret.template());
    assert_eq!(readable.applied().template(), secret.template());
    let missing = Case {
        secrets: Some(BTreeMap::new()),
        ..readable.applied()
    };
    assert_eq!(missing.template(), secret.template(), "a missing Secret");
}

/// A new transport replaces the pods once: when it first appears, and not when it disappears or returns.
#[test]
fn a_new_transport_replaces_pods_once() {
    let https = json!({"web": {"tlsConfig": {"cert": {}, "keySecret": {"name": "k", "key": "k"}}}});
    let under = |prefix: &str| Querier {
        name: "a".to_owned(),
        prefix: Some(prefix.to_owned()),
        ..Querier::default()
    };
    let querying = |prefix: &str| Case {
        queriers: vec![under(prefix)],
        ..base()
    };
    for (what, with, more) in [
        (
            "https",
            base().with([world::alertmanager("a", &https)]),
            base().with([
                world::alertmanager("a", &https),
                world::alertmanager("b", &https),
            ]),
        ),
        (
            "a path",
            base().with([world::alertmanager("a", &json!({"routePrefix": "/am"}))]),
            base().with([world::alertmanager("b", &json!({"routePrefix": "/am/"}))]),
        ),
        (
            "a URL",
            base().set(&json!({"alertmanagerURL": "https://am.example.com/x"})),
            base().set(&json!({"alertmanagerURL": "dns+https://other.example.com/x/"})),
        ),
        (
            "a path of queriers",
            querying("/thanos"),
            querying("/thanos/"),
        ),
    ] {
        let before = base().template();
        let first = with.template();
        assert_ne!(first, before, "{what} appears");
        let applied = with.applied();
        assert_eq!(applied.template(), first, "{what} is in use");
        // The StatefulSet stays, with targets of no or another transport.
        let then = |case: &Case| Case {
            set: applied.set.clone(),
            ..case.clone()
        };
        let gone = then(&base());
        assert_eq!(gone.template(), first, "{what} disappears");
        assert_eq!(then(&more).template(), first, "{what} of another target");
        let back = Case {
            set: gone.applied().set,
            ..with.clone()
        };
        assert_eq!(back.template(), first, "{what} returns");
    }
}

/// Rulers read these settings only at startup.
#[test]
fn startup_settings_replace_pods() {
    let template = base().template();
    for spec in [
        json!({"alertRelabelConfigs": [{"action": "labeldrop", "regex": "pod"}]}),
        json!({"alertLabelDrop": ["pod"]}),
        json!({"evaluationInterval": "30s"}),
        json!({"rulerMode": {"type": "Stateless"}}),
        json!({"version": "v0.42.3"}),
    ] {
        assert_ne!(base().set(&spec).template(), template, "{spec}");
    }
}

/// The remote write configuration has one target for each router and tenant.
#[test]
fn a_new_tenant_or_router_replaces_stateless_pods() {
    let of_tenant = |name: &str, tenant: &str| {
        let mut rule = world::rule(name, &alert("up"));
        rule["metadata"]["labels"] = json!({"operator.thanos.io/tenant": tenant});
        rule
    };
    let stateless = json!({"rulerMode": {"type": "Stateless"}, "ruleTenancyConfig": {}});
    let routers = |names: &[&str]| Case {
        routers: names.iter().map(|name| (*name).to_owned()).collect(),
        ..base().set(&stateless)
    };
    let one = routers(&["r"]).with([of_tenant("a", "a")]);
    assert_eq!(
        one.with([of_tenant("b", "a")]).template(),
        one.template(),
        "another rule of the same tenant"
    );
    assert_ne!(one.with([of_tenant("b", "b")]).template(), one.template());
    let two = routers(&["r", "s"]).with([of_tenant("a", "a")]);
    assert_ne!(two.template(), one.template());
    // The configuration of stateful rulers does not depend on tenants.
    let kept = |case: &Case| {
        case.set(&json!({"rulerMode": {"type": "Stateful"}}))
            .template()
    };
    assert_eq!(kept(&one.with([of_tenant("b", "b")])), kept(&two));
}

#[test]
fn immutable_fields_are_applied_as_stored() {
    let adopted = Case::named("adopted-volume-claim-templates");
    let stored = &adopted.set.as_ref().unwrap().claim_templates[0];
    check_immutable(&adopted.stateful_set(), stored);
}

/// Volumes hold results that are nowhere else.
#[test]
fn volumes_are_retained_by_default() {
    let kept =
        |case: &Case| case.stateful_set()["spec"]["persistentVolumeClaimRetentionPolicy"].clone();
    let retain = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
    assert_eq!(kept(&base()), retain);
    let delete = json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
    let spec = json!({"persistentVolumeClaimRetentionPolicy": delete});
    assert_eq!(kept(&base().set(&spec)), delete);
}

/// The governing Service is scraped, and queriers discover each pod by it.
#[test]
fn there_is_exactly_one_service() {
    for (name, case) in Case::all() {
        let bodies = case.bodies();
        let services: Vec<_> = of_kind(&bodies, "Service").collect();
        assert_eq!(services.len(), 1, "{name}");
        let labels = &services[0]["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/name"], "thanos", "{name}");
        assert_eq!(labels["operator.thanos.io/store-api"], "true", "{name}");
        assert_eq!(
            labels.get("operator.thanos.io/endpoint-group"),
            None,
            "{name}: replicas hold series of their own"
        );
        for other in bodies.iter().filter(|o| o["kind"] != "Service") {
            let labels = &other["metadata"]["labels"];
            let offered = labels.get("operator.thanos.io/store-api");
            assert_eq!(offered, None, "{name}: {}", other["metadata"]["name"]);
        }
        let set = case.stateful_set();
        assert_eq!(set["metadata"]["name"], json!(names::ruler(case.cr())));
    }
}
