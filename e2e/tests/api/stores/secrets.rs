//! Secrets: missing ones are waited for, changed ones replace the pods if they may be watched.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, STORE};
use e2e::wait::{check, eventually};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::kubelet::Kubelet;
use super::{STEP, message, ready, resources, set, set_is, store};

const SET: &str = "thanos-store-x";
const HASH: &str = "/spec/template/metadata/annotations/operator.thanos.io~1secrets-hash";

async fn secret(cluster: &Cluster, data: Value) {
    cluster
        .apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "objstore"}, "stringData": data,
        }))
        .await;
}

/// The permission of the component watch-secrets/role, in the test's namespace.
async fn permit(cluster: &Cluster) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/components/watch-secrets/role/rbac.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    for mut object in serde_saphyr::from_multiple::<Value>(&text).unwrap() {
        object["metadata"]["namespace"] = json!(cluster.namespace);
        if object["kind"] == "RoleBinding" {
            object["subjects"] = json!([
                {"kind": "ServiceAccount", "name": STORE.name, "namespace": "thanos-system"},
            ]);
        }
        cluster.apply(object).await;
    }
}

#[tokio::test]
async fn a_changed_secret_replaces_pods_if_secrets_are_watched() {
    let cluster = Cluster::of(STORE, "rotate").await;
    permit(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let _kubelet = Kubelet::start(&cluster);
    cluster.apply(store("x", json!({"maxSurge": 0}))).await;
    let reported = cluster
        .condition("x", "ObjectStorageReady", "SecretMissing")
        .await;
    assert!(message(&reported, "ObjectStorageReady").contains("/objstore does not exist"));
    cluster.condition("x", "SecretRotation", "Watched").await;
    secret(&cluster, json!({"other": "x"})).await;
    let missing = async || {
        let text = message(&super::read(&cluster, "x").await, "ObjectStorageReady");
        check(text.contains("no key thanos.yaml"), || text)
    };
    eventually("the key is missing", STEP, missing).await;

    secret(&cluster, json!({"thanos.yaml": "first", "other": "x"})).await;
    cluster.condition("x", "ObjectStorageReady", "Synced").await;
    ready(&cluster, "x").await;
    let first = set(&cluster, SET).await.unwrap();
    assert_eq!(
        first.pointer(HASH),
        None,
        "what is there at first replaces nothing"
    );
    assert_eq!(first["metadata"]["generation"], 1);

    secret(&cluster, json!({"thanos.yaml": "first", "other": "y"})).await;
    secret(
        &cluster,
        json!({"thanos.yaml": "very-confidential", "other": "y"}),
    )
    .await;
    set_is(&cluster, SET, "/metadata/generation", json!(2)).await;
    let second = set(&cluster, SET).await.unwrap();
    let hash = second.pointer(HASH).expect("a digest");
    assert!(
        !second.to_string().contains("confidential"),
        "no content anywhere"
    );
    set_is(&cluster, SET, "/status/updatedReplicas", json!(1)).await;

    // Whether it may be watched changes nothing by itself.
    let mut controller = controller;
    controller.stop().await;
    cluster
        .delete(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "thanos-watch-secrets",
        )
        .await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster
        .condition("x", "SecretRotation", "SecretsNotWatched")
        .await;
    let third = set(&cluster, SET).await.unwrap();
    assert_eq!(third.pointer(HASH), Some(hash));
    assert_eq!(third["metadata"]["generation"], 2);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn without_watching_secrets_node_events_are_reported_and_an_annotation_replaces_pods() {
    let cluster = Cluster::of(STORE, "unwatched").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    kubelet.hold("thanos-store-x");
    cluster.apply(store("x", json!({"maxSurge": 0}))).await;
    let reported = cluster
        .condition("x", "SecretRotation", "SecretsNotWatched")
        .await;
    let text = message(&reported, "SecretRotation");
    assert!(
        text.contains("objstore") && text.contains("operator.thanos.io/restarted-at"),
        "{text}"
    );
    kubelet.exists("thanos-store-x-0").await;
    let pod = cluster.get("v1", "Pod", "thanos-store-x-0").await.unwrap();
    cluster
        .apply(json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "thanos-store-x-0.1"},
            "involvedObject": {
                "kind": "Pod", "namespace": cluster.namespace, "name": "thanos-store-x-0",
                "uid": pod["metadata"]["uid"],
            },
            "type": "Warning", "reason": "FailedMount",
            "message": "MountVolume.SetUp failed for volume \"object-storage\" : secret \"objstore\" not found",
        }))
        .await;
    let reported = cluster
        .condition("x", "ObjectStorageReady", "SecretMissing")
        .await;
    let text = message(&reported, "ObjectStorageReady");
    assert!(
        text.contains("thanos-store-x-0") && text.contains("secret \"objstore\" not found"),
        "{text}"
    );
    super::reported(&cluster, "SecretMissing", "objstore").await;
    kubelet.release("thanos-store-x");
    cluster.condition("x", "ObjectStorageReady", "Synced").await;
    ready(&cluster, "x").await;

    let patch = Patch::Merge(
        json!({"metadata": {"annotations": {"operator.thanos.io/restarted-at": "now"}}}),
    );
    resources(&cluster)
        .patch("x", &PatchParams::default(), &patch)
        .await
        .unwrap();
    set_is(&cluster, SET, "/metadata/generation", json!(2)).await;
    set_is(
        &cluster,
        SET,
        "/spec/template/metadata/annotations/operator.thanos.io~1restarted-at",
        json!("now"),
    )
    .await;
    controller.assert_quiet(&[]);
}
