//! Nothing is lost unless the user says so.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use serde_json::{Value, json};

use super::history::History;
use super::kubelet::Kubelet;
use super::{
    INGESTER, has_members, killed, members_of_default, ready, receive, replicas, stable, step,
};
use crate::stateful::{change, message, set_is};

fn unstored(replicas: i32) -> Value {
    json!({"ingesterSpec": {"hashrings": [{"name": "default", "replicas": replicas}]}})
}

#[tokio::test]
async fn without_object_storage_no_ingester_is_removed() {
    let cluster = Cluster::of(RECEIVE, "unstored").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &unstored(3))).await;
    ready(&cluster).await;
    let last = format!("{INGESTER}-2");
    let before = kubelet.uid(&last).await;
    change(&cluster, "x", unstored(1)).await;
    has_members(&cluster, 0..1).await;
    let it = stable(&cluster, "NoObjectStorage").await;
    let text = message(&it, "HashringStable");
    assert!(
        text.contains(&last) && text.contains("spec.allowDataLoss") && text.contains("360h"),
        "{text}"
    );
    let controller = killed(controller, &cluster).await;
    stable(&cluster, "NoObjectStorage").await;
    assert_eq!(replicas(&cluster, INGESTER).await, 3);
    assert_eq!(
        kubelet.uid(&last).await,
        before,
        "stopping it helps nothing"
    );

    change(&cluster, "x", json!({"allowDataLoss": true})).await;
    set_is(&cluster, INGESTER, "/spec/replicas", json!(1)).await;
    kubelet.deleted(&format!("{INGESTER}-1")).await;
    ready(&cluster).await;
    let pvcs = cluster.names("v1", "PersistentVolumeClaim").await;
    assert_eq!(pvcs.len(), 3, "their volumes stay");
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn without_object_storage_an_ingester_is_removed_after_retention() {
    let cluster = Cluster::of(RECEIVE, "forget").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let spec = |replicas: i32| {
        json!({"ingesterSpec": {"hashrings": [
            {"name": "default", "replicas": replicas, "tsdbConfig": {"retention": "20s"}},
        ]}})
    };
    cluster.apply(receive("x", &spec(2))).await;
    ready(&cluster).await;
    change(&cluster, "x", spec(1)).await;
    stable(&cluster, "NoObjectStorage").await;
    assert_eq!(replicas(&cluster, INGESTER).await, 2);
    kubelet.deleted(&format!("{INGESTER}-1")).await;
    ready(&cluster).await;
    // It shrank once, and for good.
    let all = history.versions().await;
    let sets = all.iter().filter(|v| v.kind == "StatefulSet");
    let mut replicas: Vec<Value> = sets
        .filter_map(|v| Some(v.object.as_ref()?["spec"]["replicas"].clone()))
        .collect();
    replicas.dedup();
    assert_eq!(replicas, [2, 1]);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn an_ingester_that_does_not_start_is_waited_for() {
    let cluster = Cluster::of(RECEIVE, "lost").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(2))).await;
    ready(&cluster).await;
    let last = format!("{INGESTER}-1");
    kubelet.break_down(&last).await;
    change(&cluster, "x", members_of_default(1)).await;
    has_members(&cluster, 0..1).await;
    let words = format!("waiting for pod {last} to be ready");
    step(&cluster, "Draining", &words).await;
    // Also if it may go without a proof, which is better.
    change(&cluster, "x", json!({"allowDataLoss": true})).await;
    stable(&cluster, "Draining").await;
    assert_eq!(replicas(&cluster, INGESTER).await, 2);
    kubelet.release(&last);
    set_is(&cluster, INGESTER, "/spec/replicas", json!(1)).await;
    ready(&cluster).await;
    controller.assert_quiet(&[]);
}
