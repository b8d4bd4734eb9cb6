//! ThanosReceive against a real API server, its controllers included. The tests play the kubelet, and
//! Thanos in the pods.

mod adoption;
mod factor;
mod first;
mod growing;
mod harm;
mod history;
mod kubelet;
mod loss;
mod policy;
mod record;
mod refused;
mod rings;
mod shrinking;
mod thanos;
mod zones;

use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::stateful::set;
use history::{file, members};

/// Longer than an ingester takes to leave; its samples are probed every 3 s.
const LIMIT: Duration = Duration::from_secs(60);

/// The objects of the routers of `x`.
const ROUTER: &str = "thanos-receive-router-x";
/// Those of the hashring of `x` that there is without any in the spec.
const INGESTER: &str = "thanos-receive-ingester-x-default";

/// A ThanosReceive without Prometheus Operator, whose CRDs other tests install and delete.
fn receive(name: &str, spec: &Value) -> Value {
    let mut all = json!({"featureGates": {"enablePrometheusOperatorCRDs": false}});
    all.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosReceive",
        "metadata": {"name": name}, "spec": all,
    })
}

/// Hashrings that upload to an object storage with a short storeSyncDelay.
fn stored(hashrings: &Value) -> Value {
    json!({
        "defaultObjectStorageConfig": {"name": "objstore", "key": "thanos.yaml"},
        "storeSyncDelay": "5s", "hashrings": hashrings,
    })
}

/// The spec of one hashring with an object storage.
fn members_of_default(replicas: i32) -> Value {
    json!({"ingesterSpec": stored(&json!([{"name": "default", "replicas": replicas}]))})
}

/// Pods of the hashring that there is without any in the spec.
fn pods(numbers: impl IntoIterator<Item = i32>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|n| format!("{INGESTER}-{n}"))
        .collect()
}

/// The hashrings that are published, by name, with their members.
async fn published(cluster: &Cluster) -> Vec<(String, Vec<String>)> {
    let map = cluster.get("v1", "ConfigMap", ROUTER).await;
    let rings = map.iter().flat_map(file);
    rings
        .map(|r| {
            let name = r["hashring"].as_str().unwrap_or_default().to_owned();
            (name, members(&r))
        })
        .collect()
}

/// Waits until the only hashring has these members.
async fn has_members(cluster: &Cluster, numbers: impl IntoIterator<Item = i32>) {
    let desired = vec![("default".to_owned(), pods(numbers))];
    let attempt = async || {
        let now = published(cluster).await;
        check(now == desired, || format!("{now:?}"))
    };
    eventually(&format!("{desired:?}"), LIMIT, attempt).await;
}

/// Waits until the hashring `default` is at a step, and its message has these words.
#[track_caller]
fn step(cluster: &Cluster, step: &str, words: &str) -> impl Future<Output = Value> {
    step_of(cluster, "default", step, words)
}

/// As `step`, for any hashring; returns its status.
#[track_caller]
fn step_of(cluster: &Cluster, ring: &str, step: &str, words: &str) -> impl Future<Output = Value> {
    let what = format!("{step} of hashring {ring}: {words}");
    let attempt = async move || {
        let it = crate::stateful::read(cluster, "x").await;
        let all = it["status"]["hashrings"].as_array().cloned();
        let mut all = all.unwrap_or_default().into_iter();
        let found = all.find(|p| p["name"] == ring).unwrap_or_default();
        let message = found["message"].as_str().unwrap_or_default();
        match found["step"] == step && message.contains(words) {
            true => Ok(found),
            false => Err(format!("{found:#}")),
        }
    };
    eventually(&what, LIMIT, attempt)
}

/// Waits until `HashringStable` of the newest spec has a reason.
async fn stable(cluster: &Cluster, reason: &str) -> Value {
    cluster
        .reports("x", "HashringStable", ("reason", reason), LIMIT)
        .await
}

/// Waits until everything is ready.
async fn ready(cluster: &Cluster) -> Value {
    stable(cluster, "Stable").await;
    cluster
        .reports("x", "Ready", ("status", "True"), LIMIT)
        .await
}

/// How many pods a StatefulSet is to have.
async fn replicas(cluster: &Cluster, name: &str) -> Value {
    set(cluster, name).await.expect("the StatefulSet")["spec"]["replicas"].clone()
}

/// Ends the controller as a crash would, and starts another one.
async fn killed(mut controller: Controller, cluster: &Cluster) -> Controller {
    controller.kill();
    Controller::start(cluster, &[]).await
}
