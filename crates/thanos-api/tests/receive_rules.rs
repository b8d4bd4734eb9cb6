//! CEL rules of a ThanosReceive: invalid specs are rejected with the field and the remedy.

// Helpers of tests panic as well.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::LazyLock;

use kube::CustomResourceExt;
use kube::core::cel::{ValidationErrors, Validator};
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosReceive;

// Generating the CRD takes longer than all checks.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let crd = serde_json::to_value(ThanosReceive::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
});

/// Validates a spec after a round trip through the type, as with a stored resource.
fn receive(spec: &Value) -> Value {
    let receive: ThanosReceive = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosReceive",
        "metadata": {"name": "x", "namespace": "y"},
        "spec": spec,
    }))
    .unwrap();
    serde_json::to_value(receive).unwrap()
}

fn validate(spec: &Value, old: Option<&Value>) -> Result<(), ValidationErrors> {
    let old = old.map(receive);
    Validator::new().validate(&SCHEMA, &receive(spec), old.as_ref())
}

fn accepted(spec: Value) {
    let result = validate(&spec, None);
    assert!(result.is_ok(), "{spec}: {result:?}");
}

/// The message contains the field and the remedy.
fn reported(result: Result<(), ValidationErrors>, spec: &Value, field: &str, expected: &str) {
    match result {
        Ok(()) => panic!("{spec} was accepted"),
        Err(errors) => {
            let text = errors.to_string();
            assert!(text.contains(field), "{text} does not name {field}");
            assert!(text.contains(expected), "{text} does not say {expected}");
        }
    }
}

fn rejected(spec: Value, field: &str, expected: &str) {
    reported(validate(&spec, None), &spec, field, expected);
}

fn router(router: Value) -> Value {
    json!({"routerSpec": router})
}

/// With a hashring that has these fields.
fn ring(mut ring: Value) -> Value {
    ring["name"] = json!("a");
    rings(json!([ring]))
}

fn rings(rings: Value) -> Value {
    json!({"ingesterSpec": {"hashrings": rings}})
}

#[test]
fn empty_and_partial_specs_are_accepted() {
    for spec in [
        json!({}),
        router(json!({})),
        router(json!({"limits": {}})),
        json!({"ingesterSpec": {}}),
        rings(json!([])),
        ring(json!({})),
        ring(json!({"tenancyConfig": {}, "storage": {}, "tsdbConfig": {}})),
    ] {
        accepted(spec);
    }
}

/// Bounds of numbers are the schema's, which the API server checks before the rules.
#[test]
fn numbers_out_of_bounds_are_rejected() {
    let field = |section: &str, name: &str| {
        let mut at = &SCHEMA["properties"]["spec"]["properties"][section];
        if section == "ingesterSpec" {
            at = &at["properties"]["hashrings"]["items"];
        }
        let at = &at["properties"][name];
        (at["minimum"].as_f64(), at["maximum"].as_f64())
    };
    assert_eq!(field("routerSpec", "replicas"), (Some(1.0), Some(1000.0)));
    let factor = field("routerSpec", "replicationFactor");
    assert_eq!(factor, (Some(1.0), Some(5.0)));
    assert_eq!(field("ingesterSpec", "replicas"), (Some(1.0), Some(1000.0)));
    for section in ["routerSpec", "ingesterSpec"] {
        let workers = field(section, "asyncForwardWorkerCount");
        assert_eq!(workers, (Some(1.0), Some(10_000.0)), "{section}");
    }
}

#[test]
fn invalid_replication_factors_are_rejected() {
    for factor in [1, 2, 3, 5] {
        accepted(router(json!({"replicationFactor": factor})));
    }
    rejected(
        router(json!({"replicationFactor": 4})),
        "replicationFactor",
        "1, 2, 3 or 5",
    );
    let of = |factor: i32, ring: Value| {
        json!({
            "routerSpec": {"replicationFactor": factor}, "ingesterSpec": {"hashrings": [ring]},
        })
    };
    accepted(of(3, json!({"name": "a"})));
    accepted(of(3, json!({"name": "a", "replicas": 3})));
    rejected(
        of(3, json!({"name": "a", "replicas": 2})),
        "spec",
        "at least as many replicas as routerSpec.replicationFactor",
    );
}

#[test]
fn invalid_hashring_names_are_rejected() {
    for good in ["a", "0", "team-a", "eu.team-a"] {
        accepted(rings(json!([{"name": good}])));
    }
    for bad in ["", "A", "a_b", "-a", "a-", "a..b", "a/b", "a b"] {
        rejected(rings(json!([{"name": bad}])), "name", "DNS name");
    }
}

#[test]
fn invalid_tenants_are_rejected() {
    let tenants = |tenants: Value| ring(json!({"tenancyConfig": {"tenants": tenants}}));
    accepted(tenants(json!([])));
    accepted(tenants(json!(["a", "A b", "team-*", "...", "ü"])));
    for bad in ["", "a/b", ".", ".."] {
        rejected(tenants(json!(["a", bad])), "tenants[1]", "without slashes");
        for spec in [
            router(json!({"tenancyConfig": {"defaultTenantID": bad}})),
            ring(json!({"tenancyConfig": {"defaultTenantID": bad}})),
        ] {
            rejected(spec, "defaultTenantID", "without slashes");
        }
    }
}

/// Samples of a tenant that no hashring names go to the only one without tenants.
#[test]
fn second_hashring_without_tenants_is_rejected() {
    let some = json!({"tenants": ["t"]});
    accepted(rings(json!([
        {"name": "a", "tenancyConfig": some}, {"name": "b"},
        {"name": "c", "tenancyConfig": {"tenants": ["u"]}},
    ])));
    for second in [
        json!({"name": "b"}),
        json!({"name": "b", "tenancyConfig": {}}),
        json!({"name": "b", "tenancyConfig": {"tenants": []}}),
    ] {
        rejected(
            rings(json!([{"name": "a"}, second])),
            "ingesterSpec",
            "set tenancyConfig.tenants on all hashrings but one",
        );
    }
}

#[test]
fn invalid_labels_and_headers_are_rejected() {
    let all = |fields: Value| {
        [
            router(json!({"tenancyConfig": fields})),
            ring(json!({"tenancyConfig": fields})),
        ]
    };
    for good in ["", "THANOS-TENANT", "x"] {
        all(json!({"tenantHeader": good}))
            .into_iter()
            .for_each(accepted);
    }
    for spec in all(json!({"tenantHeader": "a b"})) {
        rejected(spec, "tenantHeader", "HTTP header");
    }
    for spec in all(json!({"splitTenantLabelName": "a-b"})) {
        rejected(spec, "splitTenantLabelName", "label name");
    }
    rejected(
        ring(json!({"tenancyConfig": {"tenantLabelName": "0"}})),
        "tenantLabelName",
        "label name",
    );
    for spec in [
        router(json!({"externalLabels": {"a-b": "c"}})),
        ring(json!({"externalLabels": {"a-b": "c"}})),
    ] {
        rejected(spec, "externalLabels", "label names");
    }
    // Thanos wants at least one, so none is the default, not an empty list.
    for section in ["routerSpec", "ingesterSpec"] {
        let mut at = &SCHEMA["properties"]["spec"]["properties"][section];
        if section == "ingesterSpec" {
            at = &at["properties"]["hashrings"]["items"];
        }
        let labels = &at["properties"]["externalLabels"];
        assert_eq!(labels["minProperties"], 1, "{section}");
    }
}

#[test]
fn invalid_durations_and_references_are_rejected() {
    let delay = |delay: &str| json!({"ingesterSpec": {"storeSyncDelay": delay}});
    accepted(delay("4m"));
    rejected(delay("1M"), "storeSyncDelay", "whole numbers");
    for (fields, field) in [
        (json!({"tsdbConfig": {"retention": "soon"}}), "retention"),
        (
            json!({"tsdbConfig": {"outOfOrderTimeWindow": "1.5h"}}),
            "outOfOrderTimeWindow",
        ),
        (
            json!({"tooFarInFutureTimeWindow": ""}),
            "tooFarInFutureTimeWindow",
        ),
    ] {
        rejected(ring(fields), field, "such as 90s");
    }
    for key in [
        json!({"key": "k"}),
        json!({"name": "", "key": "k"}),
        json!({"name": "s", "key": ""}),
    ] {
        rejected(
            json!({"ingesterSpec": {"defaultObjectStorageConfig": key}}),
            "defaultObjectStorageConfig",
            "name and key are required",
        );
        rejected(
            ring(json!({"objectStorageConfig": key})),
            "objectStorageConfig",
            "name and key are required",
        );
    }
    for section in ["routerSpec", "ingesterSpec"] {
        rejected(
            json!({section: {"additionalArgs": ["-x"]}}),
            "additionalArgs",
            "two dashes",
        );
    }
}

/// The number of series is asked somewhere.
#[test]
fn head_series_limits_require_a_query_api() {
    let limits = |limits: Value| router(json!({"limits": limits}));
    let some = json!({"headSeriesLimit": 5});
    let none = json!({"headSeriesLimit": 0});
    let url = json!({"metaMonitoringURL": "http://thanos-query.monitoring.svc:9090"});
    accepted(limits(json!({"default": none, "tenants": {"a": none}})));
    accepted(limits(json!({"default": {"request": {"seriesLimit": 5}}})));
    for limited in [json!({"default": some}), json!({"tenants": {"a": some}})] {
        for global in [Value::Null, json!({}), json!({"maxConcurrency": 5})] {
            let mut all = limited.clone();
            all["global"] = global;
            rejected(limits(all), "limits", "requires global.metaMonitoringURL");
        }
        let mut all = limited;
        all["global"] = url.clone();
        accepted(limits(all));
    }
    for bad in ["", "thanos-query:9090", "ftp://x", "http://", "http://a b"] {
        rejected(
            limits(json!({"global": {"metaMonitoringURL": bad}})),
            "metaMonitoringURL",
            "such as http://",
        );
    }
}

fn change(old: Value, new: Value) -> Result<(), ValidationErrors> {
    validate(&new, Some(&old))
}

/// A hashring is identified by its name, not by its position.
#[test]
fn hashrings_are_compared_by_name() {
    let spec = &SCHEMA["properties"]["spec"]["properties"];
    let rings = &spec["ingesterSpec"]["properties"]["hashrings"];
    assert_eq!(rings["x-kubernetes-list-type"], "map");
    assert_eq!(rings["x-kubernetes-list-map-keys"], json!(["name"]));
}

#[test]
fn smaller_storage_size_is_rejected() {
    let size = |size: &str| ring(json!({"storage": {"size": size}}));
    for (old, new) in [
        (size("10Gi"), size("20Gi")),
        (size("10Gi"), size("10240Mi")),
        (size("10Gi"), ring(json!({}))),
        (ring(json!({})), size("1Ti")),
        (size("20Gi"), json!({})),
        (json!({}), size("1Gi")),
    ] {
        let result = change(old.clone(), new.clone());
        assert!(result.is_ok(), "{old} to {new}: {result:?}");
    }
    for (old, new) in [
        (size("20Gi"), size("10Gi")),
        (size("20Gi"), ring(json!({}))),
        (ring(json!({})), size("9Gi")),
    ] {
        let result = change(old, new.clone());
        reported(result, &new, "storage.size", "add a hashring");
    }
}

#[test]
fn changed_storage_class_is_rejected() {
    let class = |class: &str| ring(json!({"storage": {"storageClass": class}}));
    for (old, new) in [(class("a"), class("a")), (class(""), ring(json!({})))] {
        let result = change(old.clone(), new.clone());
        assert!(result.is_ok(), "{old} to {new}: {result:?}");
    }
    for (old, new) in [
        (class("a"), class("b")),
        (class("a"), ring(json!({}))),
        (ring(json!({})), class("a")),
    ] {
        let result = change(old, new.clone());
        reported(result, &new, "storage.storageClass", "add a hashring");
    }
}
