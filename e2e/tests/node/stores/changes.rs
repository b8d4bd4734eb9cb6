//! Shards and pods are replaced: every answer is complete all the time, and nothing is counted twice.

use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use super::bucket::Past;
use super::{VERSION, change, complete, every_sample};
use crate::querying::QueryLoop;
use crate::support::{answers, kubectl, monitoring, pods, querier_pods};

/// Longer than pods take to start and queriers to follow, twice, and pods to end.
const REPLACED: Duration = Duration::from_secs(240);

const STORES: &str = "app.kubernetes.io/name=thanos-store,operator.thanos.io/owner=kept";

/// Queries while the ThanosStore `kept` changes and `meanwhile` runs.
pub async fn leave_no_gap(
    cluster: &Cluster,
    queries: &Cluster,
    past: Past,
    meanwhile: impl Future<Output = ()>,
) {
    let queriers = querier_pods(queries, "kept").await;
    assert!(!queriers.is_empty());
    let checked_queries = every_sample(queries, "kept", past, false).await;
    let queried = QueryLoop::start(monitoring().await, "kept", checked_queries);
    tokio::join!(all_changes(cluster, queries, past), meanwhile);
    queried.end("while stores change").await;
    assert_eq!(
        querier_pods(queries, "kept").await,
        queriers,
        "queriers keep their pods"
    );
}

async fn all_changes(cluster: &Cluster, queries: &Cluster, past: Past) {
    let began = Instant::now();
    change(cluster, "kept", json!({"logLevel": "debug"})).await;
    logging(cluster, "--log.level=debug", 1).await;
    println!("one pod replaced in {:.0?}", began.elapsed());

    let began = Instant::now();
    change(cluster, "kept", json!({"shardingStrategy": {"shards": 3}})).await;
    step(cluster, "Joining").await;
    // At once, as a node that fails does.
    let controller = "app.kubernetes.io/name=thanos-store-controller";
    let force = ["--force", "--grace-period=0"];
    let pods = ["-n", "thanos-system", "delete", "pods", "-l", controller];
    kubectl(&[&pods[..], &force].concat());
    resharded(cluster, 3).await;
    complete(queries, "kept", 3, past).await;
    println!("1 to 3 shards in {:.0?}", began.elapsed());

    let began = Instant::now();
    change(cluster, "kept", json!({"shardingStrategy": {"shards": 2}})).await;
    resharded(cluster, 2).await;
    complete(queries, "kept", 2, past).await;
    println!("3 to 2 shards in {:.0?}", began.elapsed());
    cluster
        .reports("kept", "Monitored", ("status", "True"), REPLACED)
        .await;
    let scraped = "sum(up{job=\"thanos-store-kept\"})";
    answers(queries, "kept", scraped, 2.0, REPLACED).await;
}

async fn read(cluster: &Cluster) -> Result<Value, String> {
    let found = cluster.get(VERSION, "ThanosStore", "kept").await;
    found.ok_or_else(|| "no such ThanosStore".to_owned())
}

/// Waits for a step of a change of the number of shards.
async fn step(cluster: &Cluster, step: &str) {
    let attempt = async || {
        let resharding = read(cluster).await?["status"]["resharding"].clone();
        check(resharding["step"] == step, || format!("{resharding:#}"))
    };
    eventually(&format!("the step {step}"), REPLACED, attempt).await;
}

/// Waits until there are so many shards and no others, all of them ready.
async fn resharded(cluster: &Cluster, shards: i64) {
    let attempt = async || {
        let store = read(cluster).await?;
        let status = &store["status"];
        let current = status["observedGeneration"] == store["metadata"]["generation"];
        let done = current && status["resharding"].is_null() && status["shards"] == shards;
        check(done, || format!("{status:#}"))
    };
    eventually(&format!("{shards} shards"), REPLACED, attempt).await;
    cluster
        .reports("kept", "Ready", ("status", "True"), REPLACED)
        .await;
    let is_deleted = async || {
        let count = pods(cluster, STORES).await.len();
        check(count as i64 == shards, || format!("{count} pods"))
    };
    eventually("the pods of old shards are deleted", REPLACED, is_deleted).await;
}

/// Waits until there are so many pods and no others, all of them with an argument, and ready.
async fn logging(cluster: &Cluster, argument: &str, count: usize) {
    let attempt = async || {
        let all = pods(cluster, STORES).await;
        let with = all.iter().filter(|pod| {
            let args = pod.data["spec"]["containers"][0]["args"].to_string();
            args.contains(argument) && pod.data["status"]["containerStatuses"][0]["ready"] == true
        });
        let with = with.count();
        check(with == count && all.len() == count, || {
            format!("{with} of {} pods", all.len())
        })
    };
    eventually(&format!("{count} pods with {argument}"), REPLACED, attempt).await;
    cluster
        .reports("kept", "Ready", ("status", "True"), REPLACED)
        .await;
}
