//! Members join when all of them are ready, and known to queriers, in one publication.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use e2e::wait::{check, eventually};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::history::{History, members};
use super::kubelet::Kubelet;
use super::{
    INGESTER, LIMIT, ROUTER, has_members, killed, members_of_default, pods, ready, receive, stable,
    step,
};
use crate::stateful::{change, reported, set_is};
use crate::stores::querier::Querier;

/// What was done to a pod of a router so that its kubelet renews the file at once.
async fn refreshed(kubelet: &Kubelet) -> Value {
    let pods = kubelet.pods(ROUTER).await;
    json!(pods[0].annotations().get("operator.thanos.io/files-hash"))
}

#[tokio::test]
async fn ingesters_join_together_once_all_are_ready_whenever_the_controller_dies() {
    let cluster = Cluster::of(RECEIVE, "grow").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(1))).await;
    ready(&cluster).await;

    kubelet.hold(&format!("{INGESTER}-2"));
    change(&cluster, "x", members_of_default(3)).await;
    set_is(&cluster, INGESTER, "/spec/replicas", json!(3)).await;
    let words = format!("1 of 2 new members are ready; waiting for pod {INGESTER}-2");
    step(&cluster, "Starting", &words).await;
    let controller = killed(controller, &cluster).await;
    step(&cluster, "Starting", &words).await;
    has_members(&cluster, 0..1).await;

    // Routers learn of it, one of them late.
    kubelet.delay(ROUTER);
    kubelet.release(&format!("{INGESTER}-2"));
    has_members(&cluster, 0..3).await;
    let words = format!("waiting for router {ROUTER}-");
    let it = step(&cluster, "Publishing", &words).await;
    assert_eq!(it["members"], json!(pods(0..3)));
    let controller = killed(controller, &cluster).await;
    step(&cluster, "Publishing", &words).await;
    let annotation = refreshed(&kubelet).await;
    assert!(annotation.is_string(), "{annotation}");
    kubelet.catch_up(ROUTER);
    stable(&cluster, "Stable").await;

    let published = history.published("x").await;
    let members: Vec<Vec<String>> = published.iter().map(|f| members(&f[0])).collect();
    assert_eq!(members, [pods(0..1), pods(0..3)]);
    for words in [
        "Starting",
        "Publishing",
        "loaded by every router (3 of 3 members)",
    ] {
        reported(&cluster, "Hashring", words).await;
    }
    ready(&cluster).await;
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn ingesters_join_once_queriers_list_them() {
    let cluster = Cluster::of(RECEIVE, "known").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let querier = Querier::start(&cluster, "querier").await;
    cluster.apply(receive("x", &members_of_default(1))).await;
    ready(&cluster).await;
    let old = kubelet.addresses(INGESTER).await;
    querier.lists(&[&old]);
    let before = refreshed(&kubelet).await;

    change(&cluster, "x", members_of_default(2)).await;
    step(&cluster, "Joining", "querier").await;
    let controller = killed(controller, &cluster).await;
    step(&cluster, "Joining", "to know the new members").await;
    has_members(&cluster, 0..1).await;
    querier.lists(&[&kubelet.addresses(INGESTER).await]);
    has_members(&cluster, 0..2).await;
    stable(&cluster, "Stable").await;
    let other = async || {
        let now = refreshed(&kubelet).await;
        check(now != before, || now.to_string())
    };
    eventually("the kubelet gets the annotation", LIMIT, other).await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn scaling_back_before_ingesters_join_restores_the_hashring() {
    let cluster = Cluster::of(RECEIVE, "mind").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(1))).await;
    ready(&cluster).await;
    kubelet.hold(&format!("{INGESTER}-1"));
    change(&cluster, "x", members_of_default(2)).await;
    kubelet.exists(&format!("{INGESTER}-1")).await;
    // It never got a sample, so there is nothing to upload.
    change(&cluster, "x", members_of_default(1)).await;
    set_is(&cluster, INGESTER, "/spec/replicas", json!(1)).await;
    ready(&cluster).await;
    assert_eq!(history.published("x").await.len(), 1);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}
