//! The rules of the schema: what is refused, and with which words.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::LazyLock;

use kube::CustomResourceExt;
use kube::core::cel::{ValidationErrors, Validator};
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosQuery;

fn query(spec: Value) -> ThanosQuery {
    serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosQuery",
        "metadata": {"name": "x", "namespace": "y"},
        "spec": spec,
    }))
    .unwrap()
}

fn validate(spec: &Value) -> Result<(), ValidationErrors> {
    // Making the definition takes longer than all checks.
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let crd = serde_json::to_value(ThanosQuery::crd()).unwrap();
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    });
    // Through the type, as a stored resource comes.
    let object = serde_json::to_value(query(spec.clone())).unwrap();
    Validator::new().validate(&SCHEMA, &object, None)
}

fn accepted(spec: Value) {
    let result = validate(&spec);
    assert!(result.is_ok(), "{spec}: {result:?}");
}

/// The message names the field, and says what to do.
fn refused(spec: Value, field: &str, words: &str) {
    match validate(&spec) {
        Ok(()) => panic!("{spec} was accepted"),
        Err(errors) => {
            let text = errors.to_string();
            assert!(text.contains(field), "{text} does not name {field}");
            assert!(text.contains(words), "{text} does not say {words}");
        }
    }
}

#[test]
fn empty_and_partial_specs_are_accepted() {
    accepted(json!({}));
    accepted(json!({"featureGates": {"enablePrometheusOperatorCRDs": true}}));
    accepted(json!({"serviceMonitorSelector": {}}));
    accepted(json!({"serviceDiscovery": {"prometheusServiceMonitors": {"enabled": true}}}));
    accepted(json!({"queryFrontend": {}}));
    accepted(json!({"queryTimeout": null, "serviceMonitorSelector": null}));
}

#[test]
fn durations() {
    for good in [
        "0",
        "15m",
        "1h30m",
        "90s",
        "1w2d",
        "1y",
        "2y1w3d4h5m6s7ms",
        "500ms",
        "100ms",
    ] {
        accepted(json!({"queryTimeout": good}));
    }
    for bad in [
        "",
        "5",
        "1.5h",
        "1M",
        "1w1y",
        "100y",
        "-5m",
        "5m1h",
        "5 m",
        "2024-01-01T00:00:00Z",
    ] {
        refused(
            json!({"queryTimeout": bad}),
            "queryTimeout",
            "whole numbers",
        );
    }
    refused(
        json!({"queryFrontend": {"labelsSplitInterval": "soon"}}),
        "labelsSplitInterval",
        "such as 90s",
    );
}

#[test]
fn selectors() {
    let selector = |operator: &str, values: Value| {
        let mut expression = json!({"key": "k", "operator": operator});
        if !values.is_null() {
            expression["values"] = values;
        }
        json!({"serviceMonitorSelector": {"matchExpressions": [expression]}})
    };
    accepted(selector("In", json!(["a"])));
    accepted(selector("Exists", Value::Null));
    accepted(selector("DoesNotExist", json!([])));
    refused(
        selector("In", Value::Null),
        "serviceMonitorSelector",
        "require values",
    );
    refused(
        selector("NotIn", json!([])),
        "serviceMonitorSelector",
        "require values",
    );
    refused(
        selector("Exists", json!(["a"])),
        "serviceMonitorSelector",
        "do not allow values",
    );
}

#[test]
fn images() {
    for good in [
        "",
        "quay.io/thanos/thanos",
        "registry.local:5000/thanos",
        "registry.local:5000/thanos:v1",
        "thanos@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ] {
        accepted(json!({"baseImage": good}));
    }
    refused(
        json!({"baseImage": "quay.io/thanos thanos"}),
        "baseImage",
        "image",
    );
    accepted(json!({"version": "v0.42.4"}));
    refused(json!({"version": ":v0.42.4"}), "version", "tag");
}

#[test]
fn arguments() {
    accepted(json!({"additionalArgs": ["--query.timeout=1m", "--web.disable-cors"]}));
    for bad in ["query.timeout=1m", "-x", "", "--"] {
        refused(
            json!({"additionalArgs": [bad]}),
            "additionalArgs",
            "two dashes",
        );
        refused(
            json!({"queryFrontend": {"additionalArgs": [bad]}}),
            "additionalArgs",
            "two dashes",
        );
        refused(
            json!({"bridge": {"additionalArgs": [bad]}}),
            "additionalArgs",
            "two dashes",
        );
    }
}

#[test]
fn names_prefixes_sizes_and_numbers() {
    accepted(json!({"replicaLabels": ["replica", "_a1"]}));
    refused(
        json!({"replicaLabels": ["a-b"]}),
        "replicaLabels",
        "label name",
    );
    accepted(
        json!({"webConfig": {"routePrefix": "/thanos", "externalPrefix": "https://a.b:1/c", "prefixHeader": "X-P"}}),
    );
    refused(
        json!({"webConfig": {"routePrefix": "thanos"}}),
        "routePrefix",
        "slash",
    );
    refused(
        json!({"webConfig": {"externalPrefix": "ftp://x"}}),
        "externalPrefix",
        "http",
    );
    refused(
        json!({"webConfig": {"prefixHeader": "a b"}}),
        "prefixHeader",
        "header",
    );
    let cache = |size: &str| json!({"queryFrontend": {"queryRangeResponseCacheConfig": {"inMemoryCacheConfig": {"maxSize": size}}}});
    for good in ["1Gi", "500M", "1e9", "1.5Gi", "1000"] {
        accepted(cache(good));
    }
    refused(cache("lots"), "maxSize", "amount of bytes");
    refused(cache("-1Gi"), "maxSize", "amount of bytes");
    accepted(json!({"telemetryQuantiles": {"duration": ["0.1", "10", "1e3"]}}));
    refused(
        json!({"telemetryQuantiles": {"samples": ["many"]}}),
        "samples",
        "number",
    );
    refused(
        json!({"secrets": ["Not_A_Name"]}),
        "secrets",
        "name of an object",
    );
}

#[test]
fn scrape_timeout_needs_an_interval() {
    accepted(json!({"serviceMonitor": {"interval": "30s", "scrapeTimeout": "10s"}}));
    refused(
        json!({"serviceMonitor": {"scrapeTimeout": "10s"}}),
        "serviceMonitor",
        "interval",
    );
}
