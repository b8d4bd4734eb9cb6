//! Rejected specs: the error names the field and the remedy.

use plan_testing::Case as _;
use plan_testing::invalid::accepted;
use serde_json::{Value, json};

use crate::case::Case;

fn rejected(spec: Value, field: &str, text: &str) {
    plan_testing::invalid::rejected::<Case>(spec, field, text);
}

#[test]
fn invalid_numbers_durations_and_sizes_are_rejected() {
    rejected(json!({"replicas": 0}), "spec.replicas", "1 or more");
    rejected(
        json!({"ignoreDeletionMarksDelay": "1M"}),
        "spec.ignoreDeletionMarksDelay",
        "such as 1h30m",
    );
    rejected(
        json!({"indexHeaderConfig": {"lazyReaderIdleTimeout": "soon"}}),
        "spec.indexHeaderConfig.lazyReaderIdleTimeout",
        "soon",
    );
    rejected(
        json!({"storage": {"size": "lots"}}),
        "spec.storage.size",
        "10Gi",
    );
    rejected(
        json!({"indexCacheConfig": {"inMemoryCacheConfig": {"maxSize": "0"}}}),
        "spec.indexCacheConfig.inMemoryCacheConfig.maxSize",
        "512Mi",
    );
    rejected(
        json!({"cachingBucketConfig": {"inMemoryCacheConfig": {"maxSize": "1Mi", "maxItemSize": "2Mi"}}}),
        "spec.cachingBucketConfig.inMemoryCacheConfig.maxItemSize",
        "larger than maxSize",
    );
    rejected(
        json!({"serviceMonitor": {"interval": "10s", "scrapeTimeout": "30s"}}),
        "spec.serviceMonitor.scrapeTimeout",
        "10s",
    );
}

#[test]
fn empty_time_ranges_are_rejected() {
    rejected(
        json!({"timeRangeConfig": {"minTime": "2026-02-01T00:00:00Z", "maxTime": "2026-01-01T00:00:00+01:00"}}),
        "spec.timeRangeConfig.maxTime",
        "swap them",
    );
    for (range, field, text) in [
        (json!({"minTime": "30d"}), "minTime", "use -30d"),
        (json!({"maxTime": "29d"}), "maxTime", "use -29d"),
        (json!({"minTime": "-1a"}), "minTime", "unknown unit `a`"),
        (
            json!({"minTime": "-1w", "maxTime": "-2w"}),
            "maxTime",
            "swap them",
        ),
        (
            json!({"minTime": "-1w", "maxTime": "-7d"}),
            "maxTime",
            "equals minTime",
        ),
        // At the time of all cases, the beginning of 2026.
        (
            json!({"minTime": "-1w", "maxTime": "2025-12-01T00:00:00Z"}),
            "maxTime",
            "no longer",
        ),
        (
            json!({"minTime": "2025-12-31T00:00:00Z", "maxTime": "-1w"}),
            "maxTime",
            "yet",
        ),
        (
            json!({"minTime": "2026-02-01T00:00:00Z"}),
            "minTime",
            "in the future",
        ),
    ] {
        rejected(
            json!({"timeRangeConfig": range}),
            &format!("spec.timeRangeConfig.{field}"),
            text,
        );
    }
    for range in [
        json!({"minTime": "2025-12-01T00:00:00Z", "maxTime": "-1w"}),
        json!({"minTime": "-1w", "maxTime": "2026-02-01T00:00:00Z"}),
    ] {
        accepted::<Case>(json!({"timeRangeConfig": range}));
    }
}

/// Only such a range is evaluated again when it changes.
#[test]
fn only_ranges_with_mixed_ends_depend_on_the_time() {
    let requeue_after = |range: Value| {
        let case = Case::of(json!({"timeRangeConfig": range}));
        case.seen().status_inputs.requeue_after
    };
    let mixed = requeue_after(json!({"minTime": "-1w", "maxTime": "2025-12-25T00:00:10Z"}));
    assert_eq!(mixed, Some(std::time::Duration::from_millis(10_001)));
    assert_eq!(
        requeue_after(json!({"minTime": "-2w", "maxTime": "-1w"})),
        None
    );
    assert_eq!(
        requeue_after(json!({"minTime": "2025-01-01T00:00:00Z"})),
        None
    );
    assert_eq!(requeue_after(json!({})), None);
}

#[test]
fn reserved_arguments_are_rejected() {
    for (flag, text) in [
        ("--data-dir=/x", "volume"),
        ("--grpc-address=:1", "Services"),
        ("--http-address=:1", "probes"),
        ("--objstore.config=type: S3", "spec.objectStorageConfig"),
        ("--objstore.config-file=/x", "spec.objectStorageConfig"),
    ] {
        rejected(
            json!({"additionalArgs": ["--chunk-pool-size=1GB", flag]}),
            "spec.additionalArgs[1]",
            text,
        );
    }
    for flag in [
        "--selector.relabel-config=[]",
        "--selector.relabel-config-file=/x",
    ] {
        rejected(
            json!({"additionalArgs": [flag], "shardingStrategy": {"shards": 2}}),
            "spec.additionalArgs[0]",
            "spec.shardingStrategy.shards",
        );
        accepted::<Case>(json!({"additionalArgs": [flag]}));
    }
}

#[test]
fn duplicate_names_and_paths_are_rejected() {
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
        rejected(json!({name: items}), &format!("spec.{name}{field}"), "");
    }
    // The volume of the store may be mounted in other containers and at other paths.
    accepted::<Case>(json!({"additionalVolumeMounts": [{"name": "data", "mountPath": "/x"}]}));
}

#[test]
fn empty_references_are_rejected() {
    rejected(
        json!({"objectStorageConfig": {"key": "k"}}),
        "spec.objectStorageConfig.name",
        "Secret",
    );
    rejected(
        json!({"objectStorageConfig": {"name": "s", "key": ""}}),
        "spec.objectStorageConfig.key",
        "Secret",
    );
    for cache in ["indexCacheConfig", "cachingBucketConfig"] {
        rejected(
            json!({cache: {"externalCacheConfig": {"key": "k"}}}),
            &format!("spec.{cache}.externalCacheConfig.name"),
            "Secret",
        );
    }
}
