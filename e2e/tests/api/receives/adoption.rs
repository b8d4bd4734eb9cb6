//! What the Go operator runs is taken over in place.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use e2e::wait::{check, eventually};
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::history::{History, members};
use super::kubelet::Kubelet;
use super::{INGESTER, LIMIT, ROUTER, has_members, pods, ready, receive};
use crate::stateful::{reported, set};

fn labels(name: &str, component: &str) -> Value {
    json!({
        "app.kubernetes.io/name": "thanos-receive", "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/managed-by": "thanos-operator",
        "app.kubernetes.io/instance": name, "operator.thanos.io/owner": "x",
    })
}

fn metadata(uid: &str, name: &str, labels: &Value) -> Value {
    json!({"name": name, "labels": labels, "ownerReferences": [{
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosReceive", "name": "x", "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    }]})
}

fn service(metadata: &Value, labels: &Value, more: Value) -> Value {
    let mut spec = json!({"selector": labels, "ports": [
        {"name": "grpc", "port": 10901}, {"name": "capnproto", "port": 19391},
        {"name": "http", "port": 10902}, {"name": "remote-write", "port": 19291},
    ]});
    let more = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(more);
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
}

/// The ingesters of a hashring as the Go operator makes them.
fn ingesters(uid: &str) -> Vec<Value> {
    let mut labels = labels(INGESTER, "thanos-receive-ingester");
    labels["operator.thanos.io/store-api"] = json!("true");
    labels["operator.thanos.io/hashring"] = json!("default");
    let metadata = metadata(uid, INGESTER, &labels);
    let container = json!({
        "name": "thanos-receive-ingester", "image": "quay.io/thanos/thanos:v0.39.0",
        "args": [
            "receive", "--tsdb.path=/var/thanos/receive", "--tsdb.retention=2h",
            "--objstore.config=$(OBJSTORE_CONFIG)",
        ],
        "env": [{"name": "OBJSTORE_CONFIG", "value": "x"}],
        "volumeMounts": [{"name": "data", "mountPath": "var/thanos/receive"}],
    });
    vec![
        service(&metadata, &labels, json!({"clusterIP": "None"})),
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata,
            "spec": {
                "serviceName": INGESTER, "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
                "volumeClaimTemplates": [{
                    "metadata": {"name": "data", "labels": labels},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "5Gi"}},
                    },
                }],
            },
        }),
    ]
}

/// The routers as the Go operator makes them, with the hashrings that it publishes.
fn routers(uid: &str, hashrings: &str) -> Vec<Value> {
    let labels = labels(ROUTER, "thanos-receive-router");
    let metadata = metadata(uid, ROUTER, &labels);
    let container = json!({
        "name": "thanos-receive-router", "image": "quay.io/thanos/thanos:v0.39.0",
        "args": [
            "receive", "--receive.replication-factor=1",
            "--receive.hashrings-file=var/lib/thanos-receive/hashrings.json",
        ],
        "volumeMounts": [{"name": "hashring-config", "mountPath": "var/lib/thanos-receive"}],
    });
    let volume = json!({"name": "hashring-config", "configMap": {"name": ROUTER}});
    vec![
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": {"hashrings.json": hashrings},
        }),
        service(&metadata, &labels, json!({})),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
                },
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container], "volumes": [volume]},
                },
            },
        }),
    ]
}

const OBJECTS: [(&str, &str, &str); 5] = [
    ("v1", "ConfigMap", ROUTER),
    ("v1", "Service", ROUTER),
    ("v1", "Service", INGESTER),
    ("apps/v1", "Deployment", ROUTER),
    ("apps/v1", "StatefulSet", INGESTER),
];

async fn uids(cluster: &Cluster) -> Vec<Value> {
    let mut uids = Vec::new();
    for (version, kind, name) in OBJECTS {
        let object = cluster.get(version, kind, name).await;
        uids.push(object.expect(name)["metadata"]["uid"].clone());
    }
    uids
}

/// What the Go operator runs is taken over, and the hashring has the same members all the time.
async fn is_taken_over(test: &str, endpoints: fn(String) -> Value) {
    let cluster = Cluster::of(RECEIVE, test).await;
    let history = History::start(&cluster).await;
    let kubelet = Kubelet::start(&cluster);
    let spec = json!({
        // So that there is no delay between two pods.
        "minReadySeconds": 0,
        "ingesterSpec": super::stored(&json!([
            {"name": "default", "replicas": 2, "storage": {"size": "5Gi"}},
        ])),
    });
    let uid = cluster.apply(receive("x", &spec)).await.uid().unwrap();
    let address = |pod: String| format!("{pod}.{INGESTER}.{}.svc:10901", cluster.namespace);
    let endpoints: Vec<Value> = pods(0..2).into_iter().map(address).map(endpoints).collect();
    let file = json!([{
        "hashring": "default", "tenant_matcher_type": "exact", "endpoints": endpoints,
    }]);
    let params = PostParams {
        field_manager: Some("manager".into()),
        ..Default::default()
    };
    let mut objects = ingesters(&uid);
    objects.extend(routers(&uid, &file.to_string()));
    for object in objects {
        let body = serde_json::from_value(object.clone()).unwrap();
        cluster.api(&object).create(&params, &body).await.unwrap();
    }
    let runs = async || {
        let all = kubelet.addresses("thanos-receive-").await;
        check(all.len() == 3, || format!("{all:?}"))
    };
    eventually("what the Go operator runs", LIMIT, runs).await;
    let before = uids(&cluster).await;
    let templates = set(&cluster, INGESTER).await.unwrap();

    let controller = Controller::start(&cluster, &[]).await;
    reported(&cluster, "Adopted", &format!("StatefulSet {INGESTER}")).await;
    reported(&cluster, "Adopted", &format!("Deployment {ROUTER}")).await;
    ready(&cluster).await;
    has_members(&cluster, 0..2).await;
    assert_eq!(uids(&cluster).await, before, "nothing is made anew");
    let taken = set(&cluster, INGESTER).await.unwrap();
    assert_eq!(
        taken["spec"]["volumeClaimTemplates"],
        templates["spec"]["volumeClaimTemplates"]
    );
    let template = taken["spec"]["template"].to_string();
    assert!(!template.contains("OBJSTORE_CONFIG"), "{template}");
    let pvcs = cluster.names("v1", "PersistentVolumeClaim").await;
    assert_eq!(pvcs.len(), 2);
    for file in history.published("x").await {
        assert_eq!(members(&file[0]), pods(0..2), "{file:?}");
    }
    let deleted: Vec<String> = history
        .versions()
        .await
        .into_iter()
        .filter(|v| v.object.is_none() && v.kind != "Pod")
        .map(|v| format!("{} {}", v.kind, v.name))
        .collect();
    assert_eq!(deleted, [""; 0]);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn receivers_of_the_go_operator_are_taken_over() {
    is_taken_over("adopt", |address| json!({"address": address})).await;
}

#[tokio::test]
async fn receivers_of_an_older_go_operator_are_taken_over() {
    is_taken_over("adoptold", |address| json!(address)).await;
}
