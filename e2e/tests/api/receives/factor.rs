//! The replication factor, and members enough for it at any time.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use serde_json::{Value, json};

use super::history::{History, members};
use super::kubelet::Kubelet;
use super::{INGESTER, ROUTER, has_members, killed, pods, ready, receive, step, stored};
use crate::stateful::{change, read};

/// As many ingesters as copies, by default.
fn spec(factor: i32) -> Value {
    json!({
        "routerSpec": {"replicas": 2, "replicationFactor": factor},
        "ingesterSpec": stored(&json!([{"name": "default"}])),
    })
}

#[tokio::test]
async fn the_replication_factor_never_exceeds_the_number_of_ingesters() {
    let cluster = Cluster::of(RECEIVE, "factor").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &spec(1))).await;
    ready(&cluster).await;

    // Members first, then copies.
    kubelet.delay(ROUTER);
    change(&cluster, "x", spec(3)).await;
    has_members(&cluster, 0..3).await;
    step(&cluster, "Publishing", "waiting for router").await;
    let it = read(&cluster, "x").await;
    assert_eq!(it["status"]["replicationFactor"], 1);
    let controller = killed(controller, &cluster).await;
    kubelet.catch_up(ROUTER);
    let it = ready(&cluster).await;
    assert_eq!(it["status"]["replicationFactor"], 3);

    // Copies first, then members.
    let old = kubelet.pods(ROUTER).await[0].metadata.name.clone().unwrap();
    kubelet.hold(ROUTER);
    change(&cluster, "x", spec(1)).await;
    let words = "waiting for routers with replication factor 3 to be replaced";
    step(&cluster, "Publishing", words).await;
    has_members(&cluster, 0..3).await;
    let controller = killed(controller, &cluster).await;
    step(&cluster, "Publishing", words).await;
    assert!(
        kubelet.uid(&old).await.is_some(),
        "it is deleted after its replacement is ready"
    );
    kubelet.release(ROUTER);
    has_members(&cluster, 0..1).await;
    kubelet.deleted(&format!("{INGESTER}-1")).await;
    let it = ready(&cluster).await;
    assert_eq!(it["status"]["replicationFactor"], 1);
    let published = history.published("x").await;
    let members: Vec<Vec<String>> = published.iter().map(|f| members(&f[0])).collect();
    assert_eq!(members, [pods(0..1), pods(0..3), pods(0..1)]);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}
