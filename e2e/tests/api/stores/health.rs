//! The status reports what pods report of themselves.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, STORE};
use serde_json::{Value, json};

use super::kubelet::{Kubelet, says};
use super::{message, read, ready, store};

const WORDS: &str = "fetcher.go:667\\\\nbucket store initial sync\\\\nstore command failed";

/// A container of the store that ended, and waits to be started again.
fn ended(message: &str) -> Value {
    let terminated = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": message}});
    json!({
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2020-01-01T00:00:00Z"}],
        "containerStatuses": [{
            "name": "thanos-store", "image": "x", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            "lastState": terminated,
        }],
    })
}

#[tokio::test]
async fn a_shard_that_cannot_read_its_bucket_is_reported_and_the_others_serve() {
    let cluster = Cluster::of(STORE, "health").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster
        .apply(store("x", json!({"shardingStrategy": {"shards": 2}})))
        .await;
    ready(&cluster, "x").await;
    let before = read(&cluster, "x").await;
    assert_eq!(message(&before, "ObjectStorageReady"), "");

    kubelet.hold("thanos-store-x-shard-1-0");
    says(&cluster, "thanos-store-x-shard-1-0", ended(WORDS)).await;
    let reported = cluster
        .condition("x", "ObjectStorageReady", "BucketUnreadable")
        .await;
    let text = message(&reported, "ObjectStorageReady");
    assert!(
        text.contains("thanos-store-x-shard-1-0") && text.contains("--previous"),
        "{text}"
    );
    super::reported(&cluster, "BucketUnreadable", "thanos-store-x-shard-1-0").await;
    let other = super::is_offered(&cluster, "thanos-store-x-shard-0").await;
    assert_eq!(other, Some(true));
    cluster.condition("x", "Available", "NoPodReady").await;

    let words = "ts=x level=info msg=y\nts=x level=error err=\"unknown flag --x\\\\ngithub.com/thanos-io/thanos\"";
    says(&cluster, "thanos-store-x-shard-1-0", ended(words)).await;
    let reported = cluster
        .condition("x", "ObjectStorageReady", "PodFailing")
        .await;
    let text = message(&reported, "ObjectStorageReady");
    assert!(
        text.contains("unknown flag --x") && !text.contains("github.com"),
        "{text}"
    );

    kubelet.release("thanos-store-x-shard-1-0");
    cluster.condition("x", "ObjectStorageReady", "Synced").await;
    ready(&cluster, "x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn invalid_fields_are_named_and_running_stores_stay_unchanged() {
    let cluster = Cluster::of(STORE, "badstore").await;
    let controller = Controller::start(&cluster, &[]).await;
    let _kubelet = Kubelet::start(&cluster);
    for (spec, field) in [
        (
            json!({"objectStorageConfig": {"name": "", "key": "k"}}),
            "objectStorageConfig",
        ),
        (json!({"objectStorageConfig": null}), "objectStorageConfig"),
        (json!({"shardingStrategy": {"shards": 0}}), "shards"),
        (json!({"shardingStrategy": {"shards": 1000}}), "shards"),
        (json!({"replicas": 0}), "replicas"),
        (json!({"maxSurge": 2}), "maxSurge"),
        (
            json!({"timeRangeConfig": {"minTime": "yesterday"}}),
            "minTime",
        ),
        (json!({"timeRangeConfig": {"minTime": "30d"}}), "minTime"),
        (
            json!({"timeRangeConfig": {"minTime": "2026-02-01T00:00:00Z", "maxTime": "2026-01-01T00:00:00Z"}}),
            "maxTime must be after minTime",
        ),
        (json!({"storage": {"size": "-1Gi"}}), "size"),
        (
            json!({"storeLimitsOptions": {"storeLimitsRequestSeries": -1}}),
            "storeLimitsRequestSeries",
        ),
        (
            json!({"ignoreDeletionMarksDelay": "1q"}),
            "ignoreDeletionMarksDelay",
        ),
        (
            json!({"blockConfig": {"blockDiscoveryStrategy": "guess"}}),
            "blockDiscoveryStrategy",
        ),
    ] {
        let refusal = cluster.try_apply(&store("x", spec.clone())).await;
        let refusal = refusal.expect_err(&spec.to_string()).to_string();
        assert!(refusal.contains(field), "{refusal}");
    }
    cluster
        .apply(store("x", json!({"shardingStrategy": {"shards": 2}})))
        .await;
    ready(&cluster, "x").await;
    let before = super::set(&cluster, "thanos-store-x-shard-0")
        .await
        .unwrap();
    for (spec, field) in [
        (
            json!({"additionalArgs": ["--selector.relabel-config=x"]}),
            "spec.additionalArgs[0]",
        ),
        (
            json!({"additionalArgs": null, "timeRangeConfig": {"minTime": "-1w", "maxTime": "2026-01-01T00:00:00Z"}}),
            "spec.timeRangeConfig.maxTime",
        ),
    ] {
        super::change(&cluster, "x", spec).await;
        let reported = cluster.condition("x", "Reconciled", "InvalidSpec").await;
        assert!(message(&reported, "Reconciled").contains(field));
    }
    let after = super::set(&cluster, "thanos-store-x-shard-0")
        .await
        .unwrap();
    assert_eq!(
        after["metadata"]["generation"],
        before["metadata"]["generation"]
    );
    super::change(&cluster, "x", json!({"timeRangeConfig": null})).await;
    cluster.condition("x", "Reconciled", "Applied").await;
    controller.assert_quiet(&[]);
}
