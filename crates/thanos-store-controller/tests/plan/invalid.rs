//! What is refused: the field is named, and what to do.

use serde_json::{Value, json};

use crate::case::{self, Case};

fn refused(spec: Value, field: &str, words: &str) {
    let case = Case {
        spec,
        ..Default::default()
    };
    match case::plan(&case) {
        Ok(_) => panic!("{} was accepted", case.spec),
        Err(invalid) => {
            assert_eq!(invalid.field, field, "{invalid}");
            assert!(invalid.message.contains(words), "{invalid}");
        }
    }
}

#[test]
fn numbers_durations_and_sizes() {
    refused(json!({"replicas": 0}), "spec.replicas", "1 or more");
    refused(
        json!({"ignoreDeletionMarksDelay": "1M"}),
        "spec.ignoreDeletionMarksDelay",
        "such as 1h30m",
    );
    refused(
        json!({"indexHeaderConfig": {"lazyReaderIdleTimeout": "soon"}}),
        "spec.indexHeaderConfig.lazyReaderIdleTimeout",
        "soon",
    );
    refused(
        json!({"storage": {"size": "lots"}}),
        "spec.storage.size",
        "10Gi",
    );
    refused(
        json!({"indexCacheConfig": {"inMemoryCacheConfig": {"maxSize": "0"}}}),
        "spec.indexCacheConfig.inMemoryCacheConfig.maxSize",
        "512Mi",
    );
    refused(
        json!({"cachingBucketConfig": {"inMemoryCacheConfig": {"maxSize": "1Mi", "maxItemSize": "2Mi"}}}),
        "spec.cachingBucketConfig.inMemoryCacheConfig.maxItemSize",
        "larger than maxSize",
    );
    refused(
        json!({"serviceMonitor": {"interval": "10s", "scrapeTimeout": "30s"}}),
        "spec.serviceMonitor.scrapeTimeout",
        "10s",
    );
}

#[test]
fn time_ranges_that_hold_nothing() {
    refused(
        json!({"timeRangeConfig": {"minTime": "2026-02-01T00:00:00Z", "maxTime": "2026-01-01T00:00:00+01:00"}}),
        "spec.timeRangeConfig.maxTime",
        "exchange them",
    );
    let open = Case {
        spec: json!({"timeRangeConfig": {"minTime": "2026-02-01T00:00:00Z", "maxTime": "-1w"}}),
        ..Default::default()
    };
    assert!(case::plan(&open).is_ok(), "that depends on the time of day");
}

#[test]
fn arguments_that_break_promises() {
    for (flag, words) in [
        ("--data-dir=/x", "volume"),
        ("--grpc-address=:1", "Services"),
        ("--http-address=:1", "probes"),
        ("--objstore.config=type: S3", "spec.objectStorageConfig"),
        ("--objstore.config-file=/x", "spec.objectStorageConfig"),
    ] {
        refused(
            json!({"additionalArgs": ["--chunk-pool-size=1GB", flag]}),
            "spec.additionalArgs[1]",
            words,
        );
    }
    for flag in [
        "--selector.relabel-config=[]",
        "--selector.relabel-config-file=/x",
    ] {
        refused(
            json!({"additionalArgs": [flag], "shardingStrategy": {"shards": 2}}),
            "spec.additionalArgs[0]",
            "spec.shardingStrategy.shards",
        );
        let undivided = Case {
            spec: json!({"additionalArgs": [flag]}),
            ..Default::default()
        };
        assert!(case::plan(&undivided).is_ok());
    }
}

#[test]
fn keys_that_are_taken() {
    for (name, items, field) in [
        (
            "additionalVolumes",
            json!([{"name": "data", "emptyDir": {}}]),
            "[0].name",
        ),
        (
            "additionalVolumes",
            json!([{"name": "object-storage", "emptyDir": {}}]),
            "[0].name",
        ),
        (
            "additionalContainers",
            json!([{"name": "thanos-store"}]),
            "[0].name",
        ),
        (
            "additionalPorts",
            json!([{"containerPort": 10902}]),
            "[0].containerPort",
        ),
        (
            "additionalServicePorts",
            json!([{"name": "grpc", "port": 1}]),
            "[0].name",
        ),
        (
            "additionalVolumeMounts",
            json!([{"name": "data", "mountPath": "/var/thanos/store"}]),
            "[0].mountPath",
        ),
    ] {
        refused(json!({name: items}), &format!("spec.{name}{field}"), "");
    }
    // The volume of the store may be mounted in other containers, and at other places.
    let elsewhere = Case {
        spec: json!({"additionalVolumeMounts": [{"name": "data", "mountPath": "/x"}]}),
        ..Default::default()
    };
    assert!(case::plan(&elsewhere).is_ok());
}

#[test]
fn references_that_name_nothing() {
    refused(
        json!({"objectStorageConfig": {"key": "k"}}),
        "spec.objectStorageConfig.name",
        "Secret",
    );
    refused(
        json!({"objectStorageConfig": {"name": "s", "key": ""}}),
        "spec.objectStorageConfig.key",
        "Secret",
    );
    for cache in ["indexCacheConfig", "cachingBucketConfig"] {
        refused(
            json!({cache: {"externalCacheConfig": {"key": "k"}}}),
            &format!("spec.{cache}.externalCacheConfig.name"),
            "Secret",
        );
    }
}
