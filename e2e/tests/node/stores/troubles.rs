//! Stores that cannot read their bucket from the start say why. Others are not affected: they are in the
//! namespace of a querier that is queried meanwhile.

use std::time::Duration;

use e2e::cluster::Cluster;
use serde_json::json;

use super::bucket::secret;
use super::{MINUTES, VERSION, reported, store};

/// A store retries for 30 seconds before it exits.
const REPORTED: Duration = Duration::from_secs(90);

/// All cases concurrently.
pub async fn unreadable_buckets_are_reported(cluster: &Cluster) {
    let wrong = [("secret_key: not-a-secret", "secret_key: wrong")];
    // There is no listener in the pod itself, so that connections are refused.
    let nothing = [("s3.monitoring.svc:7070", "127.0.0.1:7079")];
    tokio::join!(
        unreadable(cluster, "wrong-key", &wrong),
        unreadable(cluster, "unreachable", &nothing),
        a_secret_comes_late(cluster)
    );
}

async fn unreadable(cluster: &Cluster, name: &str, exchanged: &[(&str, &str)]) {
    cluster.apply(secret(name, exchanged)).await;
    cluster.apply(store(name, name, json!({}))).await;
    let message = reported(cluster, name, "BucketUnreadable", REPORTED).await;
    let pod = format!("thanos-store-{name}-0");
    assert!(message.contains(&pod), "{message}");
    assert!(message.contains("kubectl -n monitoring logs"), "{message}");
    // It stays reported while the pod restarts.
    let restarted = async || {
        let pod = cluster.get("v1", "Pod", &pod).await.ok_or("no pod")?;
        let restarts = pod["status"]["containerStatuses"][0]["restartCount"].as_i64();
        e2e::wait::check(restarts > Some(0), || format!("{:#}", pod["status"]))
    };
    e2e::wait::eventually("the store starts again", REPORTED, restarted).await;
    reported(cluster, name, "BucketUnreadable", REPORTED).await;
    cluster
        .reports(name, "Ready", ("status", "False"), REPORTED)
        .await;
    remove(cluster, name).await;
    cluster.delete("v1", "Secret", name).await;
}

async fn a_secret_comes_late(cluster: &Cluster) {
    let name = "late";
    cluster.apply(store(name, name, json!({}))).await;
    let message = reported(cluster, name, "SecretMissing", REPORTED).await;
    assert!(message.contains("thanos-store-late-0"), "{message}");
    assert!(message.contains("secret \"late\" not found"), "{message}");
    cluster.apply(secret(name, &[])).await;
    reported(cluster, name, "Synced", MINUTES).await;
    cluster
        .reports(name, "Ready", ("status", "True"), REPORTED)
        .await;
    // The querier may list it, and must not miss it afterwards.
    remove(cluster, name).await;
    cluster.delete("v1", "Secret", name).await;
}

async fn remove(cluster: &Cluster, name: &str) {
    cluster
        .delete_within(VERSION, "ThanosStore", name, REPORTED)
        .await;
}
