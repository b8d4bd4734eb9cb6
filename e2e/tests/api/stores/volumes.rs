//! Volumes grow where their class lets them, and nothing happens elsewhere without a word.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, STORE};
use e2e::wait::{check, eventually};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::kubelet::Kubelet;
use super::{STEP, change, message, ready, refusal, store};

/// A class whose volumes can grow, or cannot. It belongs to the cluster, so each test has its own.
async fn class(cluster: &Cluster, grows: bool) -> String {
    let name = format!(
        "{}-{}",
        cluster.namespace,
        if grows { "grows" } else { "fixed" }
    );
    cluster
        .apply(json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "example.com/none", "allowVolumeExpansion": grows,
        }))
        .await;
    name
}

/// Acts as the CSI driver: a PVC has a volume of a size.
async fn provision(cluster: &Cluster, pvc: &str, size: &str) {
    let pvcs = cluster.api(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim"}));
    let attempt = async || {
        let body =
            Patch::Merge(json!({"status": {"phase": "Bound", "capacity": {"storage": size}}}));
        let answer = pvcs.patch_status(pvc, &PatchParams::default(), &body).await;
        answer.map(|_| ()).map_err(|e| e.to_string())
    };
    eventually(&format!("pvc {pvc}"), STEP, attempt).await;
}

async fn requested(cluster: &Cluster, pvc: &str) -> Value {
    let found = cluster.get("v1", "PersistentVolumeClaim", pvc).await;
    found.unwrap()["spec"]["resources"]["requests"]["storage"].clone()
}

const FIRST: &str = "data-thanos-store-x-0";
const SECOND: &str = "data-thanos-store-x-1";

#[tokio::test]
async fn a_larger_size_expands_existing_and_future_pvcs() {
    let cluster = Cluster::of(STORE, "grow").await;
    let controller = Controller::start(&cluster, &[]).await;
    let _kubelet = Kubelet::start(&cluster);
    let class = class(&cluster, true).await;
    let storage = |size: &str| json!({"storage": {"size": size, "storageClass": class}});
    cluster.apply(store("x", storage("10Gi"))).await;
    let reported = cluster
        .condition("x", "VolumesReady", "VolumePending")
        .await;
    assert!(message(&reported, "VolumesReady").contains(FIRST));
    provision(&cluster, FIRST, "10Gi").await;
    cluster.condition("x", "VolumesReady", "VolumesBound").await;
    ready(&cluster, "x").await;
    let set = super::set(&cluster, "thanos-store-x").await.unwrap();

    change(&cluster, "x", storage("20Gi")).await;
    let grows = async || {
        let size = requested(&cluster, FIRST).await;
        check(size == "20Gi", || size.to_string())
    };
    eventually("the PVC requests the larger size", STEP, grows).await;
    cluster
        .condition("x", "VolumesReady", "VolumesGrowing")
        .await;
    provision(&cluster, FIRST, "20Gi").await;
    cluster.condition("x", "VolumesReady", "VolumesBound").await;
    let now = super::set(&cluster, "thanos-store-x").await.unwrap();
    assert_eq!(
        now["metadata"]["generation"], set["metadata"]["generation"],
        "nothing restarts"
    );

    // The StatefulSet still creates PVCs of the first size.
    change(&cluster, "x", json!({"replicas": 2})).await;
    provision(&cluster, SECOND, "10Gi").await;
    let grows = async || {
        let size = requested(&cluster, SECOND).await;
        check(size == "20Gi", || size.to_string())
    };
    eventually("the new PVC requests the larger size", STEP, grows).await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_storage_class_without_expansion_is_named() {
    let cluster = Cluster::of(STORE, "fixed").await;
    let controller = Controller::start(&cluster, &[]).await;
    let _kubelet = Kubelet::start(&cluster);
    let class = class(&cluster, false).await;
    let storage = |size: &str| json!({"storage": {"size": size, "storageClass": class}});
    cluster.apply(store("x", storage("10Gi"))).await;
    provision(&cluster, FIRST, "10Gi").await;
    cluster.condition("x", "VolumesReady", "VolumesBound").await;
    change(&cluster, "x", storage("20Gi")).await;
    let reported = cluster
        .condition("x", "VolumesReady", "ExpansionNotAllowed")
        .await;
    let text = message(&reported, "VolumesReady");
    assert!(text.contains(&class) && text.contains(FIRST), "{text}");
    assert_eq!(requested(&cluster, FIRST).await, "10Gi");
    cluster
        .reports("x", "Ready", ("status", "True"), STEP)
        .await;
    // The class may learn it.
    self::class(&cluster, false).await;
    cluster
        .apply(json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
            "provisioner": "example.com/none", "allowVolumeExpansion": true,
        }))
        .await;
    let grows = async || {
        let size = requested(&cluster, FIRST).await;
        check(size == "20Gi", || size.to_string())
    };
    eventually("the PVC requests the larger size", STEP, grows).await;
    cluster
        .condition("x", "VolumesReady", "VolumesGrowing")
        .await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn unsupported_volume_changes_are_rejected() {
    let cluster = Cluster::of(STORE, "shrink").await;
    cluster
        .apply(store(
            "x",
            json!({"storage": {"size": "20Gi", "storageClass": "a"}}),
        ))
        .await;
    for (spec, words) in [
        (
            json!({"storage": {"size": "10Gi"}}),
            "cannot become smaller",
        ),
        (json!({"storage": {"size": null}}), "cannot become smaller"),
        (
            json!({"storage": {"storageClass": "b"}}),
            "cannot be changed",
        ),
        (
            json!({"storage": {"storageClass": null}}),
            "cannot be changed",
        ),
        (json!({"storage": null}), "cannot"),
    ] {
        let refusal = refusal(&cluster, "x", &spec).await;
        assert!(refusal.contains(words), "{refusal}");
    }
    change(&cluster, "x", json!({"storage": {"size": "20480Mi"}})).await;
}
