//! A bucket is deleted under a running store, and restored.

use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::controller::{QUERY, STORE};
use serde_json::json;

use super::bucket::{self, Past, secret};
use super::{KNOWN, VERSION, complete, every_sample, reported, store};
use crate::querying::QueryLoop;
use crate::support::{STARTED, is, pods, without};

/// Ready stores are probed every three minutes.
const REPORTED: Duration = Duration::from_secs(240);

/// In its own namespace: a querier queries the store that loses its bucket, and another one.
pub async fn a_lost_bucket_is_reported(past: Past) {
    let cluster = Cluster::of(STORE, "lost").await;
    let queries = || Cluster {
        client: cluster.client.clone(),
        namespace: cluster.namespace.clone(),
        program: QUERY,
    };
    let bucket = [("bucket: thanos", "bucket: lost")];
    cluster.apply(secret("lost", &bucket)).await;
    cluster.apply(secret("other", &[])).await;
    // Syncs blocks more often than by default, since the test waits for it.
    let soon = json!({"additionalArgs": ["--sync-block-duration=5s"]});
    cluster.apply(store("lost", "lost", soon)).await;
    cluster.apply(store("other", "other", json!({}))).await;
    let both = json!({
        "apiVersion": VERSION, "kind": "ThanosQuery",
        "metadata": {"name": "both"}, "spec": {},
    });
    queries().apply(both).await;
    is(&queries(), "both", "Ready", "True", STARTED).await;
    for name in ["lost", "other"] {
        reported(&cluster, name, "Synced", STARTED).await;
    }
    complete(&queries(), "both", 2, past).await;
    let before = uids(&cluster).await;

    let checked_queries = every_sample(&queries(), "both", past, true).await;
    let queried = QueryLoop::start(queries(), "both", checked_queries);
    bucket::take_away("lost");
    let message = reported(&cluster, "lost", "BucketUnreadable", REPORTED).await;
    assert!(message.contains("thanos-store-lost-0"), "{message}");
    reported(&cluster, "other", "Synced", KNOWN).await;
    let tally = queried.end("while a bucket is lost").await;
    assert!(tally.warned > 0, "nothing was lost");

    bucket::put_back("lost");
    reported(&cluster, "lost", "Synced", REPORTED).await;
    complete(&queries(), "both", 2, past).await;
    assert_eq!(uids(&cluster).await, before, "nothing restarts");
    for name in ["lost", "other"] {
        cluster
            .delete_within(VERSION, "ThanosStore", name, KNOWN)
            .await;
    }
    without(&queries(), "both").await;
}

/// The pods of the stores, each with the number of its restarts.
async fn uids(cluster: &Cluster) -> Vec<(String, i64)> {
    let all = pods(cluster, "app.kubernetes.io/name=thanos-store").await;
    let mut all: Vec<(String, i64)> = all
        .into_iter()
        .map(|pod| {
            let restarts = pod.data["status"]["containerStatuses"][0]["restartCount"].as_i64();
            let restarts = restarts.unwrap_or_default();
            (pod.metadata.uid.unwrap_or_default(), restarts)
        })
        .collect();
    all.sort();
    assert_eq!(all.len(), 2);
    all
}
