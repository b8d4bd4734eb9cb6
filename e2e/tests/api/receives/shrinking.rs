//! An ingester leaves its hashring, uploads its samples, and is removed once these are proven to be uploaded and found. The
//! controller is killed at each step.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use serde_json::{Value, json};

use super::history::{History, Version};
use super::kubelet::Kubelet;
use super::{
    INGESTER, ROUTER, has_members, killed, members_of_default, pods, ready, receive, replicas,
    stable, step,
};
use crate::stateful::{change, reported, set_is};

fn spec(replicas: i32, more: Value) -> Value {
    let mut spec = members_of_default(replicas);
    let more = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(more);
    spec
}

/// When it was recorded that everything is uploaded, in the order of all objects.
fn proven(all: &[Version]) -> Version {
    let recorded = |v: &&Version| {
        let object = v.object.as_ref();
        let text = object.and_then(|o| o["data"]["record.json"].as_str());
        v.kind == "ConfigMap" && text.is_some_and(|t| t.contains("\"drainedAt\""))
    };
    all.iter().find(recorded).expect("a proof").clone()
}

/// When an object became so.
fn became(all: &[Version], kind: &str, name: &str, is: impl Fn(Option<&Value>) -> bool) -> Version {
    let mut of_object = all.iter().filter(|v| v.kind == kind && v.name == name);
    let found = of_object.find(|v| is(v.object.as_ref()));
    found.unwrap_or_else(|| panic!("{kind} {name}")).clone()
}

#[tokio::test]
async fn an_ingester_is_removed_after_its_proof_whenever_the_controller_dies() {
    let cluster = Cluster::of(RECEIVE, "shrink").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let routers = json!({"routerSpec": {"replicas": 2}});
    cluster.apply(receive("x", &spec(3, routers.clone()))).await;
    ready(&cluster).await;
    let last = format!("{INGESTER}-2");
    let first = kubelet.uid(&last).await.unwrap();

    // It leaves the hashring first; one router is late.
    let late = kubelet.pods(ROUTER).await[1].metadata.name.clone().unwrap();
    kubelet.delay(&late);
    change(&cluster, "x", spec(2, routers)).await;
    has_members(&cluster, 0..2).await;
    let words = format!("waiting for router {late} ");
    step(&cluster, "Publishing", &words).await;
    let controller = killed(controller, &cluster).await;
    let it = step(&cluster, "Publishing", &words).await;
    assert_eq!(it["draining"], Value::Null);
    assert_eq!(kubelet.uid(&last).await.as_ref(), Some(&first), "it serves");

    // No router sends samples to it, so it is stopped.
    kubelet.hold(&last);
    kubelet.catch_up(&late);
    let second = kubelet.other(&last, &first).await;
    let words = format!("waiting for pod {last} to be ready");
    step(&cluster, "Draining", &words).await;
    let controller = killed(controller, &cluster).await;
    let it = step(&cluster, "Draining", &words).await;
    assert_eq!(it["draining"], json!([last]));
    assert_eq!(kubelet.uid(&last).await, Some(second.clone()));
    assert_eq!(replicas(&cluster, INGESTER).await, 3);

    // The second shutdown uploads the samples that remained after the first.
    kubelet.keep(&last, 5);
    kubelet.release(&last);
    let third = kubelet.other(&last, &second).await;
    step(&cluster, "Draining", "has 5 series to upload").await;
    let controller = killed(controller, &cluster).await;
    step(&cluster, "Draining", "has 5 series to upload").await;
    assert_eq!(replicas(&cluster, INGESTER).await, 3);
    kubelet.mend(&last);
    step(&cluster, "WaitingForStores", &last).await;
    let controller = killed(controller, &cluster).await;
    set_is(&cluster, INGESTER, "/spec/replicas", json!(2)).await;
    kubelet.deleted(&last).await;
    ready(&cluster).await;

    let all = history.versions().await;
    let uids: BTreeSet<&str> = all
        .iter()
        .filter(|v| v.kind == "Pod" && v.name == last)
        .filter_map(|v| v.object.as_ref()?["metadata"]["uid"].as_str())
        .collect();
    assert_eq!(uids, BTreeSet::from([&*first, &*second, &*third]));
    let shrunk = became(&all, "StatefulSet", INGESTER, |set| {
        set.is_some_and(|s| s["spec"]["replicas"] == 2)
    });
    let waited = shrunk.at - proven(&all).at;
    // In whole seconds, and it takes some time to be seen.
    assert!(waited > Duration::from_secs(3), "{waited:?}");
    let pvc = format!("data-{last}");
    let kept = cluster.get("v1", "PersistentVolumeClaim", &pvc).await;
    assert!(kept.is_some(), "its volume stays");
    for words in ["Draining", "(2 of 2 members)"] {
        reported(&cluster, "Hashring", words).await;
    }
    assert_eq!(history.published("x").await.len(), 2);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn volumes_are_deleted_if_configured_and_only_after_the_proof() {
    let cluster = Cluster::of(RECEIVE, "pvcs").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let policy = json!({"persistentVolumeClaimRetentionPolicy": {
        "whenScaled": "Delete", "whenDeleted": "Delete",
    }});
    cluster.apply(receive("x", &spec(2, policy.clone()))).await;
    ready(&cluster).await;
    let retention = "/spec/persistentVolumeClaimRetentionPolicy";
    let retain = json!({"whenScaled": "Retain", "whenDeleted": "Retain"});
    set_is(&cluster, INGESTER, retention, retain).await;
    let last = format!("{INGESTER}-1");
    kubelet.keep(&last, 3);
    change(&cluster, "x", spec(1, policy)).await;
    step(&cluster, "Draining", "has 3 series to upload").await;
    let pvc = format!("data-{last}");
    let kept = cluster.get("v1", "PersistentVolumeClaim", &pvc).await;
    assert!(kept.is_some(), "nothing is proven yet");
    kubelet.mend(&last);
    let controller = killed(controller, &cluster).await;
    ready(&cluster).await;
    let pvcs = cluster.names("v1", "PersistentVolumeClaim").await;
    assert_eq!(pvcs, [format!("data-{INGESTER}-0")]);

    let all = history.versions().await;
    let marked =
        |it: Option<&Value>| it.is_none_or(|it| it["metadata"]["deletionTimestamp"].is_string());
    let deleted = became(&all, "PersistentVolumeClaim", &pvc, marked);
    let shrunk = became(&all, "StatefulSet", INGESTER, |set| {
        set.is_some_and(|s| s["spec"]["replicas"] == 1)
    });
    assert!(proven(&all).number < shrunk.number && shrunk.number < deleted.number);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn an_ingester_that_cannot_upload_is_kept() {
    let cluster = Cluster::of(RECEIVE, "upload").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(2))).await;
    ready(&cluster).await;
    let last = format!("{INGESTER}-1");
    let first = kubelet.uid(&last).await.unwrap();
    kubelet.keep(&last, 0);
    kubelet.fail(&last, 3, 0);
    change(&cluster, "x", members_of_default(1)).await;
    let second = kubelet.other(&last, &first).await;
    step(&cluster, "Draining", "cannot upload (3 failures)").await;
    // Or it cannot read the bucket, so it does not know what to upload.
    kubelet.fail(&last, 0, 1);
    step(&cluster, "Draining", "cannot upload (1 failures)").await;
    let controller = killed(controller, &cluster).await;
    step(&cluster, "Draining", "cannot upload (1 failures)").await;
    // It is unknown what an ingester holds that does not respond.
    kubelet.silence(&last);
    step(&cluster, "Draining", "unknown what pod").await;
    assert_eq!(kubelet.uid(&last).await, Some(second), "it has its time");
    assert_eq!(replicas(&cluster, INGESTER).await, 2);
    kubelet.mend(&last);
    kubelet.keep(&last, 0);
    kubelet.unsilence(&last);
    set_is(&cluster, INGESTER, "/spec/replicas", json!(1)).await;
    ready(&cluster).await;
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn scaling_up_again_returns_a_draining_ingester() {
    let cluster = Cluster::of(RECEIVE, "back").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(2))).await;
    ready(&cluster).await;
    let last = format!("{INGESTER}-1");
    kubelet.keep(&last, 7);
    change(&cluster, "x", members_of_default(1)).await;
    step(&cluster, "Draining", "has 7 series to upload").await;
    change(&cluster, "x", members_of_default(2)).await;
    has_members(&cluster, 0..2).await;
    let it = stable(&cluster, "Stable").await;
    assert_eq!(it["status"]["hashrings"][0]["draining"], Value::Null);
    assert_eq!(replicas(&cluster, INGESTER).await, 2);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

/// The alphabetical order of names is not that of numbers.
#[tokio::test]
async fn of_twelve_ingesters_number_eleven_is_removed() {
    let cluster = Cluster::of(RECEIVE, "twelve").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(receive("x", &members_of_default(12))).await;
    ready(&cluster).await;
    let uids = async || {
        let all = kubelet.pods(INGESTER).await.into_iter();
        let mut uids: Vec<_> = all
            .map(|p| (p.metadata.name.unwrap(), p.metadata.uid))
            .collect();
        uids.retain(|(name, _)| *name != format!("{INGESTER}-11"));
        uids
    };
    let before = uids().await;
    assert_eq!(before.len(), 11);
    change(&cluster, "x", members_of_default(11)).await;
    has_members(&cluster, 0..11).await;
    set_is(&cluster, INGESTER, "/spec/replicas", json!(11)).await;
    ready(&cluster).await;
    assert_eq!(uids().await, before, "no other pod was stopped");
    assert_eq!(pods(0..11).len(), 11);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}
