//! From nothing to a hashring, and then nothing more.

use std::time::Duration;

use e2e::audit::{Entry, Mark};
use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use serde_json::{Value, json};

use super::history::History;
use super::kubelet::Kubelet;
use super::{INGESTER, ROUTER, published, ready, receive, stable, step};
use crate::stateful::reported;

/// What the controller wrote into the namespace.
fn writes(mark: &Mark, cluster: &Cluster) -> Vec<String> {
    let all = mark.requests(&RECEIVE.user()).into_iter();
    all.filter(|e| e.object_ref.namespace == cluster.namespace && e.is_write())
        .map(|e: Entry| e.line())
        .collect()
}

/// Waits until it has written nothing for a second.
async fn settle(mark: &Mark, cluster: &Cluster) {
    let mut before = usize::MAX;
    while before != writes(mark, cluster).len() {
        before = writes(mark, cluster).len();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn an_empty_spec_is_one_hashring_that_routers_wait_for() {
    let cluster = Cluster::of(RECEIVE, "receive").await;
    let history = History::start(&cluster).await;
    let mut controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    kubelet.hold(INGESTER);
    cluster.apply(receive("x", &json!({}))).await;
    let pod = format!("{INGESTER}-0");
    kubelet.exists(&pod).await;
    let it = stable(&cluster, "Starting").await;
    step(&cluster, "Starting", &pod).await;
    assert_eq!(published(&cluster).await, []);
    assert_eq!(cluster.names("apps/v1", "Deployment").await, [""; 0]);
    assert_eq!(it["status"]["replicationFactor"], Value::Null);
    let resource = cluster.condition("x", "Available", "NoPodReady").await;
    let text = crate::stateful::message(&resource, "Available");
    assert!(
        text.contains("routers start when the first hashring is published"),
        "{text}"
    );

    kubelet.release(INGESTER);
    let it = ready(&cluster).await;
    let ring = ("default".to_owned(), vec![pod.clone()]);
    assert_eq!(published(&cluster).await, [ring]);
    let status = &it["status"];
    assert_eq!(
        status["hashrings"][0]["members"],
        json!([pod]),
        "{status:#}"
    );
    assert_eq!(status["replicationFactor"], 1);
    assert_eq!(status["readyIngesters"], 1);
    assert_eq!(status["readyReplicas"], 1);
    cluster
        .condition("x", "ObjectStorageReady", "NotConfigured")
        .await;
    for (kind, version, names) in [
        ("StatefulSet", "apps/v1", vec![INGESTER]),
        ("Deployment", "apps/v1", vec![ROUTER]),
        ("Service", "v1", vec![INGESTER, ROUTER]),
        ("ServiceAccount", "v1", vec!["default", INGESTER, ROUTER]),
        ("ConfigMap", "v1", vec!["kube-root-ca.crt", ROUTER]),
    ] {
        let mut found = cluster.names(version, kind).await;
        found.sort();
        assert_eq!(found, names, "{kind}");
    }
    for words in ["Starting", "loaded by every router (1 of 1 members)"] {
        reported(&cluster, "Hashring", words).await;
    }
    assert_eq!(history.published("x").await.len(), 1);
    history.assert_sound("x").await;

    // At rest.
    let mark = Mark::now();
    settle(&mark, &cluster).await;
    let mark = Mark::now();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(writes(&mark, &cluster), [""; 0]);

    // A restart changes nothing.
    controller.stop().await;
    controller.assert_quiet(&[]);
    let mark = Mark::now();
    let controller = Controller::start(&cluster, &[]).await;
    // The last change shows that all earlier ones have been reconciled.
    cluster.apply(receive("last", &json!({}))).await;
    cluster.condition("last", "Reconciled", "Applied").await;
    settle(&mark, &cluster).await;
    let mut others = writes(&mark, &cluster);
    others.retain(|line| !line.contains("last"));
    assert_eq!(others, [""; 0]);
    controller.assert_quiet(&[]);
}
