//! The rules of a ThanosStore's schema: what is refused, and with which words.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::LazyLock;

use kube::CustomResourceExt;
use kube::core::cel::{ValidationErrors, Validator};
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosStore;

// Making the definition takes longer than all checks.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let crd = serde_json::to_value(ThanosStore::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
});

/// With an object storage unless the spec has one, through the type, as a stored resource comes.
fn store(spec: &Value) -> Value {
    let mut all = json!({"objectStorageConfig": {"name": "bucket", "key": "thanos.yaml"}});
    all.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    let store: ThanosStore = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosStore",
        "metadata": {"name": "x", "namespace": "y"},
        "spec": all,
    }))
    .unwrap();
    serde_json::to_value(store).unwrap()
}

fn validate(spec: &Value, old: Option<&Value>) -> Result<(), ValidationErrors> {
    let old = old.map(store);
    Validator::new().validate(&SCHEMA, &store(spec), old.as_ref())
}

fn accepted(spec: Value) {
    let result = validate(&spec, None);
    assert!(result.is_ok(), "{spec}: {result:?}");
}

/// The message names the field, and says what to do.
fn reported(result: Result<(), ValidationErrors>, spec: &Value, field: &str, words: &str) {
    match result {
        Ok(()) => panic!("{spec} was accepted"),
        Err(errors) => {
            let text = errors.to_string();
            assert!(text.contains(field), "{text} does not name {field}");
            assert!(text.contains(words), "{text} does not say {words}");
        }
    }
}

fn refused(spec: Value, field: &str, words: &str) {
    reported(validate(&spec, None), &spec, field, words);
}

#[test]
fn the_object_storage_must_be_named() {
    accepted(json!({}));
    for key in [
        json!({"key": "k"}),
        json!({"name": "", "key": "k"}),
        json!({"name": "s", "key": ""}),
    ] {
        refused(
            json!({"objectStorageConfig": key}),
            "objectStorageConfig",
            "name and key are required",
        );
    }
}

#[test]
fn times() {
    for good in [
        "2026-01-31T00:00:00Z",
        "2026-01-31T00:00:00.5+01:00",
        "-30d",
        "-1y",
        "-2w3d",
        "0",
        "0d",
        "-0s",
    ] {
        accepted(json!({"timeRangeConfig": {"minTime": good}}));
        accepted(json!({"timeRangeConfig": {"maxTime": good}}));
    }
    for after_now in ["30d", "1ms", "0d1s", "1y2w"] {
        for field in ["minTime", "maxTime"] {
            refused(
                json!({"timeRangeConfig": {field: after_now}}),
                field,
                "write -30d",
            );
        }
    }
    for bad in [
        "",
        "-",
        "yesterday",
        "2026-01-31",
        "1.5h",
        "30d-",
        "5d1w",
        "-5d1w",
        "-1a",
        "-30D",
        "-1mo",
        "2026-01-31 00:00:00",
    ] {
        for field in ["minTime", "maxTime"] {
            refused(
                json!({"timeRangeConfig": {field: bad}}),
                field,
                "such as -30d",
            );
        }
    }
}

#[test]
fn time_ranges_are_not_reversed() {
    let range = |min: &str, max: &str| json!({"timeRangeConfig": {"minTime": min, "maxTime": max}});
    accepted(range("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z"));
    accepted(range("2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00Z"));
    for max in [
        "2025-12-31T00:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00+01:00",
    ] {
        let reversed = range("2026-01-01T00:00:00Z", max);
        refused(reversed, "timeRangeConfig", "maxTime must be after minTime");
    }
    // What depends on the time of day is compared by the controller.
    accepted(range("-30d", "2026-01-01T00:00:00Z"));
    accepted(range("2026-01-01T00:00:00Z", "-30d"));
}

#[test]
fn durations_and_sizes() {
    let field = "ignoreDeletionMarksDelay";
    accepted(json!({field: "24h"}));
    accepted(json!({field: "1y"}));
    refused(json!({field: "1M"}), field, "whole numbers");
    refused(
        json!({"indexHeaderConfig": {"lazyReaderIdleTimeout": "soon"}}),
        "lazyReaderIdleTimeout",
        "such as 90s",
    );
    accepted(json!({"storage": {"size": "1.5Ti", "storageClass": "fast.ssd"}}));
    refused(
        json!({"storage": {"size": "lots"}}),
        "size",
        "amount of bytes",
    );
    refused(
        json!({"storage": {"storageClass": "Fast"}}),
        "storageClass",
        "name of a StorageClass",
    );
    let cache = |size: &str| json!({"inMemoryCacheConfig": {"maxSize": size}});
    for field in ["indexCacheConfig", "cachingBucketConfig"] {
        accepted(json!({field: cache("1Gi")}));
        refused(json!({field: cache("-1")}), "maxSize", "amount of bytes");
    }
}

/// Bounds of numbers are the schema's, which the API server checks before the rules.
#[test]
fn numbers_are_bounded() {
    let field = |path: &[&str]| {
        let mut at = &SCHEMA["properties"]["spec"];
        for name in path {
            at = &at["properties"][name];
        }
        let bound = |name: &str| at[name].as_f64();
        (bound("minimum"), bound("maximum"))
    };
    assert_eq!(field(&["replicas"]), (Some(1.0), None));
    assert_eq!(field(&["maxSurge"]), (Some(0.0), Some(1.0)));
    assert_eq!(
        field(&["shardingStrategy", "shards"]),
        (Some(1.0), Some(256.0))
    );
    for limit in ["storeLimitsRequestSamples", "storeLimitsRequestSeries"] {
        assert_eq!(field(&["storeLimitsOptions", limit]).0, Some(0.0));
    }
    let fetched = field(&["blockConfig", "blockMetaFetchConcurrency"]);
    assert_eq!(fetched.0, Some(1.0));
}

fn change(old: Value, new: Value) -> Result<(), ValidationErrors> {
    validate(&new, Some(&old))
}

#[test]
fn volumes_never_shrink() {
    let size = |size: &str| json!({"storage": {"size": size}});
    let class = json!({"storage": {"storageClass": "fast"}});
    for (old, new) in [
        (size("10Gi"), size("20Gi")),
        (size("10Gi"), size("10240Mi")),
        (size("10Gi"), json!({})),
        (json!({}), size("1Ti")),
        (
            class.clone(),
            json!({"storage": {"storageClass": "fast", "size": "11Gi"}}),
        ),
        (json!({}), json!({"replicas": 3})),
    ] {
        let result = change(old.clone(), new.clone());
        assert!(result.is_ok(), "{old} to {new}: {result:?}");
    }
    for (old, new) in [
        (size("20Gi"), size("10Gi")),
        (size("20Gi"), json!({})),
        (json!({}), size("9Gi")),
        (json!({}), size("10G")),
    ] {
        let result = change(old, new.clone());
        reported(result, &new, "storage.size", "create a new ThanosStore");
    }
}

#[test]
fn volumes_never_move() {
    let class = |class: &str| json!({"storage": {"storageClass": class}});
    for (old, new) in [(class("a"), class("a")), (class(""), json!({}))] {
        let result = change(old.clone(), new.clone());
        assert!(result.is_ok(), "{old} to {new}: {result:?}");
    }
    for (old, new) in [
        (class("a"), class("b")),
        (class("a"), json!({})),
        (json!({}), class("a")),
    ] {
        let result = change(old, new.clone());
        reported(
            result,
            &new,
            "storage.storageClass",
            "create a new ThanosStore",
        );
    }
}
