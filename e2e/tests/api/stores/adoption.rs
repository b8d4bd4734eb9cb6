//! What the Go operator runs is taken over in place.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, STORE};
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::kubelet::Kubelet;
use super::{is, ready, set, set_is, sets, store};

/// A shard as the Go operator makes it.
fn shard(uid: &str, index: usize, of: usize) -> Vec<Value> {
    let name = format!("thanos-store-x-shard-{index}");
    let labels = json!({
        "app.kubernetes.io/name": "thanos-store", "app.kubernetes.io/component": "object-storage-gateway",
        "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/managed-by": "thanos-operator",
        "app.kubernetes.io/instance": name, "operator.thanos.io/owner": "x",
        "operator.thanos.io/store-api": "true", "operator.thanos.io/shard": index.to_string(),
    });
    let owner = json!([{
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosStore", "name": "x", "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    }]);
    let relabel = format!(
        "--selector.relabel-config=\n- action: hashmod\n  source_labels: [\"__block_id\"]\n  target_label: shard\n  modulus: {of}\n- action: keep\n  source_labels: [shard]\n  regex: {index}"
    );
    vec![
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "labels": labels, "ownerReferences": owner},
            "spec": {"clusterIP": "None", "selector": labels, "ports": [{"name": "grpc", "port": 10901}]},
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": name, "labels": labels, "ownerReferences": owner},
            "spec": {
                "serviceName": name, "replicas": 1, "podManagementPolicy": "OrderedReady",
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{
                        "name": "thanos-store", "image": "quay.io/thanos/thanos:v0.39.0",
                        "args": ["store", relabel], "env": [{"name": "OBJSTORE_CONFIG", "value": "x"}],
                        "volumeMounts": [{"name": "data", "mountPath": "/var/thanos/store"}],
                    }]},
                },
                "volumeClaimTemplates": [{
                    "metadata": {"name": "data", "labels": labels},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}},
                }],
            },
        }),
    ]
}

#[tokio::test]
async fn shards_of_the_go_operator_are_taken_over_before_their_number_changes() {
    let cluster = Cluster::of(STORE, "adopt").await;
    let kubelet = Kubelet::start(&cluster);
    let spec =
        json!({"storage": {"size": "5Gi"}, "shardingStrategy": {"type": "block", "shards": 3}});
    let uid = cluster.apply(store("x", spec)).await.uid().unwrap();
    let params = PostParams {
        field_manager: Some("manager".into()),
        ..Default::default()
    };
    for index in 0..2 {
        for object in shard(&uid, index, 2) {
            let body = serde_json::from_value(object.clone()).unwrap();
            cluster.api(&object).create(&params, &body).await.unwrap();
        }
    }
    kubelet.have_addresses("thanos-store-x-shard-", 2).await;
    let before = set(&cluster, "thanos-store-x-shard-0").await.unwrap();

    // With three shards wanted, the two are taken over as two first.
    let controller = Controller::start(&cluster, &[]).await;
    is(&cluster, "x", "/status/resharding/to", json!(3)).await;
    let taken = set(&cluster, "thanos-store-x-shard-0").await.unwrap();
    assert_eq!(taken["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(
        taken["spec"]["volumeClaimTemplates"],
        before["spec"]["volumeClaimTemplates"]
    );
    assert_eq!(taken["spec"]["podManagementPolicy"], "OrderedReady");
    let template = taken["spec"]["template"].to_string();
    assert!(
        !template.contains("OBJSTORE_CONFIG") && template.contains("modulus: 2"),
        "{template}"
    );
    super::reported(&cluster, "Adopted", "StatefulSet thanos-store-x-shard-0").await;
    is(&cluster, "x", "/status/resharding", Value::Null).await;
    let shards = [
        "thanos-store-x-shard-0-of-3",
        "thanos-store-x-shard-1-of-3",
        "thanos-store-x-shard-2-of-3",
    ];
    assert_eq!(sets(&cluster).await, shards);
    ready(&cluster, "x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn an_adopted_store_keeps_serving() {
    let cluster = Cluster::of(STORE, "adoptone").await;
    let kubelet = Kubelet::start(&cluster);
    let spec =
        json!({"storage": {"size": "5Gi"}, "shardingStrategy": {"type": "block", "shards": 2}});
    let uid = cluster.apply(store("x", spec)).await.uid().unwrap();
    for index in 0..2 {
        for object in shard(&uid, index, 2) {
            let body = serde_json::from_value(object.clone()).unwrap();
            cluster
                .api(&object)
                .create(&PostParams::default(), &body)
                .await
                .unwrap();
        }
    }
    let first = kubelet.have_addresses("thanos-store-x-shard-0-0", 1).await;
    kubelet.hold("thanos-store-x-shard-0-1");
    let controller = Controller::start(&cluster, &[]).await;
    kubelet.exists("thanos-store-x-shard-0-1").await;
    set_is(
        &cluster,
        "thanos-store-x-shard-0",
        "/spec/updateStrategy/rollingUpdate/partition",
        json!(1),
    )
    .await;
    assert_eq!(kubelet.addresses("thanos-store-x-shard-0-0").await, first);
    kubelet.release("thanos-store-x-shard-0-1");
    set_is(
        &cluster,
        "thanos-store-x-shard-0",
        "/spec/replicas",
        json!(1),
    )
    .await;
    set_is(
        &cluster,
        "thanos-store-x-shard-0",
        "/status/updatedReplicas",
        json!(1),
    )
    .await;
    ready(&cluster, "x").await;
    controller.assert_quiet(&[]);
}
