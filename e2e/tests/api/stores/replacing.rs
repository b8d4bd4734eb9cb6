//! Pods are replaced without missing blocks, and immutable fields are reported.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, STORE};
use e2e::wait::{check, eventually};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, PropagationPolicy};
use serde_json::json;

use super::kubelet::Kubelet;
use super::querier::Querier;
use super::{STEP, change, message, ready, set, set_is, store};

const SET: &str = "thanos-store-x";

#[tokio::test]
async fn a_single_replica_is_replaced_after_queriers_know_its_substitute() {
    let cluster = Cluster::of(STORE, "surge").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let querier = Querier::start(&cluster, "querier").await;
    cluster.apply(store("x", json!({}))).await;
    ready(&cluster, "x").await;
    let first = kubelet.have_addresses("thanos-store-x-", 1).await;
    querier.lists(&[&first]);

    change(&cluster, "x", json!({"logLevel": "debug"})).await;
    set_is(&cluster, SET, "/spec/replicas", json!(2)).await;
    set_is(
        &cluster,
        SET,
        "/spec/updateStrategy/rollingUpdate/partition",
        json!(1),
    )
    .await;
    let both = kubelet.have_addresses("thanos-store-x-", 2).await;
    set_is(&cluster, SET, "/status/availableReplicas", json!(2)).await;
    let mut controller = controller;
    controller.kill();
    let controller = Controller::start(&cluster, &[]).await;
    // Not before the querier knows it.
    cluster.condition("x", "Ready", "RollingOut").await;
    assert_eq!(
        kubelet.addresses("thanos-store-x-0").await,
        first,
        "it serves on"
    );
    set_is(
        &cluster,
        SET,
        "/spec/updateStrategy/rollingUpdate/partition",
        json!(1),
    )
    .await;

    querier.lists(&[&both]);
    set_is(
        &cluster,
        SET,
        "/spec/updateStrategy/rollingUpdate/partition",
        json!(0),
    )
    .await;
    let replaced = async || {
        let now = kubelet.addresses("thanos-store-x-0").await;
        check(now.len() == 1 && now != first, || format!("{now:?}"))
    };
    eventually("the first pod is replaced", STEP, replaced).await;
    set_is(&cluster, SET, "/status/availableReplicas", json!(2)).await;
    let set_now = set(&cluster, SET).await.unwrap();
    assert_eq!(
        set_now["spec"]["replicas"], 2,
        "its new address is not known yet"
    );
    let now = kubelet.have_addresses("thanos-store-x-", 2).await;
    querier.lists(&[&now]);
    set_is(&cluster, SET, "/spec/replicas", json!(1)).await;
    kubelet.have_addresses("thanos-store-x-", 1).await;
    let set_now = set(&cluster, SET).await.unwrap();
    assert!(
        set_now["spec"]["template"]
            .to_string()
            .contains("--log.level=debug")
    );
    ready(&cluster, "x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_broken_pod_is_replaced_once_its_cause_is_fixed() {
    let cluster = Cluster::of(STORE, "broken").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let querier = Querier::start(&cluster, "querier").await;
    kubelet.hold("thanos-store-x-0");
    cluster.apply(store("x", json!({}))).await;
    kubelet.exists("thanos-store-x-0").await;
    cluster.condition("x", "Available", "NoPodReady").await;
    // It is up to date once its first pod has been replaced, which is what is held here.
    change(&cluster, "x", json!({"logLevel": "debug"})).await;
    set_is(
        &cluster,
        SET,
        "/spec/updateStrategy/rollingUpdate/partition",
        json!(0),
    )
    .await;
    let reported = cluster.condition("x", "Ready", "RollingOut").await;
    let text = message(&reported, "Ready");
    assert!(text.contains("replacing pods"), "{text}");
    kubelet.release("thanos-store-x-0");
    set_is(&cluster, SET, "/spec/replicas", json!(1)).await;
    ready(&cluster, "x").await;
    let set_now = set(&cluster, SET).await.unwrap();
    let surging = &set_now["metadata"]["annotations"]["operator.thanos.io/surge"];
    assert!(surging.is_null(), "{surging}");
    drop(querier);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn several_replicas_are_replaced_by_a_rolling_update() {
    let cluster = Cluster::of(STORE, "roll").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    cluster.apply(store("x", json!({"replicas": 2}))).await;
    let status = ready(&cluster, "x").await;
    assert_eq!(status["status"]["readyReplicas"], 2);
    let service = cluster.get("v1", "Service", SET).await.unwrap();
    assert_eq!(
        service["metadata"]["labels"]["operator.thanos.io/endpoint-group"],
        "true"
    );
    change(&cluster, "x", json!({"logLevel": "debug"})).await;
    set_is(&cluster, SET, "/status/observedGeneration", json!(2)).await;
    let set_now = set(&cluster, SET).await.unwrap();
    assert_eq!(set_now["spec"]["replicas"], 2);
    assert_eq!(
        set_now["spec"]["updateStrategy"]["rollingUpdate"]["partition"],
        0
    );
    // Through the scale subresource, as an autoscaler does.
    let scale = json!({"spec": {"replicas": 3}});
    let request = kube::core::Request::new(format!(
        "/apis/monitoring.thanos.io/v1alpha1/namespaces/{}/thanosstores",
        cluster.namespace
    ));
    let params = kube::api::PatchParams::default();
    let request = request.patch_subresource("scale", "x", &params, &kube::api::Patch::Merge(scale));
    cluster.client.request_text(request.unwrap()).await.unwrap();
    set_is(&cluster, SET, "/spec/replicas", json!(3)).await;
    drop(kubelet);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn immutable_fields_of_a_stateful_set_are_reported_and_the_rest_is_applied() {
    let cluster = Cluster::of(STORE, "fixed").await;
    let controller = Controller::start(&cluster, &[]).await;
    let _kubelet = Kubelet::start(&cluster);
    cluster.apply(store("x", json!({"maxSurge": 0}))).await;
    ready(&cluster, "x").await;
    change(
        &cluster,
        "x",
        json!({"podManagementPolicy": "OrderedReady", "logLevel": "warn"}),
    )
    .await;
    let reported = cluster.condition("x", "Reconciled", "ImmutableField").await;
    let text = message(&reported, "Reconciled");
    assert!(
        text.contains("spec.podManagementPolicy") && text.contains("--cascade=orphan"),
        "{text}"
    );
    let set_now = set(&cluster, SET).await.unwrap();
    assert!(
        set_now["spec"]["template"]
            .to_string()
            .contains("--log.level=warn")
    );

    // As the message says.
    let pods: Api<DynamicObject> = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    set_is(&cluster, SET, "/status/updatedReplicas", json!(1)).await;
    ready_pod(&pods).await;
    let before = pods.get("thanos-store-x-0").await.unwrap().uid();
    let api = cluster.api(&json!({"apiVersion": "apps/v1", "kind": "StatefulSet"}));
    let orphan = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Orphan),
        ..Default::default()
    };
    api.delete(SET, &orphan).await.unwrap();
    cluster.condition("x", "Reconciled", "Applied").await;
    set_is(
        &cluster,
        SET,
        "/spec/podManagementPolicy",
        json!("OrderedReady"),
    )
    .await;
    set_is(&cluster, SET, "/status/readyReplicas", json!(1)).await;
    assert_eq!(
        pods.get("thanos-store-x-0").await.unwrap().uid(),
        before,
        "its pods run on"
    );
    controller.assert_quiet(&[]);
}

/// Waits until the pod is the one of the newest template, and ready.
async fn ready_pod(pods: &Api<DynamicObject>) {
    let attempt = async || {
        let pod = pods
            .get_opt("thanos-store-x-0")
            .await
            .unwrap()
            .ok_or("no pod")?;
        let spec = pod.data["spec"].to_string();
        let ready = pod.data["status"]["phase"] == "Running";
        check(spec.contains("--log.level=warn") && ready, || spec)
    };
    eventually("the pod is replaced", STEP, attempt).await;
}
