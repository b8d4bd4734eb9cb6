//! What is published and recorded comes back if another client changes or deletes it, and two controllers
//! never decide from the same record.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use e2e::wait::{check, eventually};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::history::{History, members};
use super::kubelet::Kubelet;
use super::{
    INGESTER, LIMIT, ROUTER, has_members, killed, members_of_default, pods, published, ready,
    receive, stable, step,
};
use crate::stateful::change;

fn maps(cluster: &Cluster) -> Api<DynamicObject> {
    cluster.api(&json!({"apiVersion": "v1", "kind": "ConfigMap"}))
}

async fn data(cluster: &Cluster) -> Value {
    let map = cluster.get("v1", "ConfigMap", ROUTER).await;
    map.map_or(Value::Null, |m| m["data"].clone())
}

/// Changes the ConfigMap, as `kubectl edit` does, and waits until it is as it was.
async fn edit(cluster: &Cluster, change: Value, before: &Value) {
    let patch = Patch::Merge(json!({"data": change}));
    let params = PatchParams::default();
    let edited = maps(cluster).patch(ROUTER, &params, &patch).await;
    assert_ne!(edited.unwrap().data["data"], *before);
    let attempt = async || {
        let now = data(cluster).await;
        check(now == *before, || now.to_string())
    };
    eventually("the ConfigMap is as it was", LIMIT, attempt).await;
}

/// Deletes the ConfigMap with the record. A reconcile that began before may restore it.
async fn lose(cluster: &Cluster) {
    let maps = maps(cluster);
    let uid = async || maps.get_metadata_opt(ROUTER).await.unwrap()?.metadata.uid;
    loop {
        let before = uid().await;
        maps.delete(ROUTER, &DeleteParams::default()).await.unwrap();
        let attempt = async || {
            let now = uid().await;
            check(now.is_some() && now != before, || format!("{now:?}"))
        };
        // It comes back, so a test cannot wait for its absence.
        eventually("there is another ConfigMap", LIMIT, attempt).await;
        if published(cluster).await.is_empty() {
            return;
        }
    }
}

/// What identifies a Deployment and its pods.
async fn routers(cluster: &Cluster, kubelet: &Kubelet) -> Value {
    let deployment = cluster.get("apps/v1", "Deployment", ROUTER).await;
    let deployment = deployment.expect("routers");
    let pods = kubelet.pods(ROUTER).await;
    let uids: Vec<_> = pods.into_iter().map(|p| p.metadata.uid).collect();
    json!([deployment["metadata"]["uid"], uids])
}

#[tokio::test]
async fn foreign_changes_are_reverted() {
    let cluster = Cluster::of(RECEIVE, "edit").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(2))).await;
    ready(&cluster).await;
    let before = data(&cluster).await;
    let file = before["hashrings.json"].as_str().unwrap();
    let mut less: Value = serde_json::from_str(file).unwrap();
    less[0]["endpoints"].as_array_mut().unwrap().pop();
    let less = less.to_string();
    edit(&cluster, json!({"hashrings.json": less}), &before).await;
    edit(&cluster, json!({"hashrings.json": null}), &before).await;
    edit(&cluster, json!({"hashrings.json": "{"}), &before).await;
    ready(&cluster).await;
    assert_eq!(kubelet.pods(INGESTER).await.len(), 2);
    drop(kubelet);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_deleted_record_is_rebuilt_when_all_ingesters_are_ready() {
    let cluster = Cluster::of(RECEIVE, "delete").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(3))).await;
    ready(&cluster).await;
    let before = routers(&cluster, &kubelet).await;
    let last = format!("{INGESTER}-2");
    kubelet.break_down(&last).await;
    cluster
        .condition("x", "Available", "SomePodsNotReady")
        .await;
    lose(&cluster).await;
    let words = format!("2 of 3 new members are ready; waiting for pod {last}");
    step(&cluster, "Starting", &words).await;
    let controller = killed(controller, &cluster).await;
    step(&cluster, "Starting", &words).await;
    assert_eq!(published(&cluster).await, []);
    // No ingester may be removed whose samples are unknown.
    change(&cluster, "x", members_of_default(2)).await;
    has_members(&cluster, 0..2).await;
    change(&cluster, "x", members_of_default(3)).await;
    kubelet.release(&last);
    has_members(&cluster, 0..3).await;
    stable(&cluster, "Stable").await;
    let now = routers(&cluster, &kubelet).await;
    assert_eq!(now, before, "routers keep their hashrings");
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn two_concurrent_controllers_act_like_one() {
    let cluster = Cluster::of(RECEIVE, "two").await;
    let history = History::start(&cluster).await;
    let controllers = [
        Controller::start(&cluster, &[]).await,
        Controller::start(&cluster, &[]).await,
    ];
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(1))).await;
    ready(&cluster).await;
    change(&cluster, "x", members_of_default(3)).await;
    has_members(&cluster, 0..3).await;
    stable(&cluster, "Stable").await;
    change(&cluster, "x", members_of_default(2)).await;
    kubelet.deleted(&format!("{INGESTER}-2")).await;
    stable(&cluster, "Stable").await;
    let published = history.published("x").await;
    let members: Vec<Vec<String>> = published.iter().map(|f| members(&f[0])).collect();
    assert_eq!(members, [pods(0..1), pods(0..3), pods(0..2)]);
    history.assert_sound("x").await;
    for mut controller in controllers {
        assert!(controller.is_running());
    }
}
