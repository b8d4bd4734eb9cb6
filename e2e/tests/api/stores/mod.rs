//! ThanosStore against a real API server, StatefulSet controller included. The tests play the kubelet
//! and the queriers.

mod adoption;
mod health;
mod kubelet;
mod querier;
mod replacing;
mod resharding;
mod secrets;
mod volumes;

use std::time::Duration;

use e2e::cluster::{Cluster, SOON};
use e2e::wait::{check, eventually};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

/// Longer than a step may take that waits for an answer of a querier, which is asked every 3 s.
const STEP: Duration = Duration::from_secs(30);

/// A ThanosStore.
pub fn store(name: &str, spec: Value) -> Value {
    let mut all = json!({"objectStorageConfig": {"name": "objstore", "key": "thanos.yaml"}});
    all.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosStore",
        "metadata": {"name": name}, "spec": all,
    })
}

fn stores(cluster: &Cluster) -> Api<DynamicObject> {
    cluster.api(&json!({"apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosStore"}))
}

/// Changes the spec of a ThanosStore, as `kubectl patch` does.
async fn change(cluster: &Cluster, name: &str, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    stores(cluster)
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn read(cluster: &Cluster, name: &str) -> Value {
    let found = cluster
        .get("monitoring.thanos.io/v1alpha1", "ThanosStore", name)
        .await;
    found.expect("the ThanosStore")
}

async fn set(cluster: &Cluster, name: &str) -> Option<Value> {
    cluster.get("apps/v1", "StatefulSet", name).await
}

async fn sets(cluster: &Cluster) -> Vec<String> {
    let mut names = cluster.names("apps/v1", "StatefulSet").await;
    names.sort();
    names
}

/// Whether queriers would pick a Service up.
async fn is_offered(cluster: &Cluster, name: &str) -> Option<bool> {
    let service = cluster.get("v1", "Service", name).await?;
    Some(service["metadata"]["labels"]["operator.thanos.io/store-api"] == "true")
}

/// Waits until a pointer into the ThanosStore has a value.
async fn is(cluster: &Cluster, name: &str, pointer: &str, value: Value) -> Value {
    let look = async || {
        let store = read(cluster, name).await;
        let found = store.pointer(pointer).cloned().unwrap_or_default();
        match found == value {
            true => Ok(store),
            false => Err(format!("{found}: {:#}", store["status"])),
        }
    };
    eventually(&format!("{pointer} of {name} is {value}"), STEP, look).await
}

/// Waits until a pointer into a StatefulSet has a value.
async fn set_is(cluster: &Cluster, name: &str, pointer: &str, value: Value) {
    let look = async || {
        let set = set(cluster, name).await.ok_or("no such StatefulSet")?;
        let found = set.pointer(pointer).cloned().unwrap_or_default();
        check(found == value, || format!("{found}: {set:#}"))
    };
    eventually(&format!("{pointer} of {name} is {value}"), STEP, look).await;
}

/// Waits until an event about a ThanosStore has a reason, and words in its note.
async fn told(cluster: &Cluster, reason: &str, words: &str) {
    let events = cluster.api(&json!({"apiVersion": "events.k8s.io/v1", "kind": "Event"}));
    let look = async || {
        let all = events.list(&Default::default()).await.unwrap().items;
        let notes: Vec<String> = all
            .iter()
            .filter(|e| e.data["reason"] == reason && e.data["regarding"]["kind"] == "ThanosStore")
            .map(|e| e.data["note"].to_string())
            .collect();
        check(notes.iter().any(|n| n.contains(words)), || {
            format!("{notes:#?}")
        })
    };
    eventually(&format!("an event {reason}: {words}"), SOON, look).await;
}

/// The message of a condition.
fn message(store: &Value, type_: &str) -> String {
    let conditions = store["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|c| c["type"] == type_);
    found.unwrap()["message"].as_str().unwrap().to_owned()
}

/// Waits until the ThanosStore is ready.
async fn ready(cluster: &Cluster, name: &str) -> Value {
    cluster.told(name, "Ready", ("status", "True"), SOON).await
}
