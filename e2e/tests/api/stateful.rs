//! What tests of the kinds that run StatefulSets share. The kind is that of the cluster's program.

use std::time::Duration;

use e2e::cluster::{Cluster, SOON};
use e2e::wait::{check, eventually};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

/// The API of the resources themselves.
const API: &str = "monitoring.thanos.io/v1alpha1";

/// Longer than a step that waits for a probe result; pods are probed every 3 s.
pub const STEP: Duration = Duration::from_secs(30);

/// The resources of the kind.
pub fn resources(cluster: &Cluster) -> Api<DynamicObject> {
    cluster.api(&json!({"apiVersion": API, "kind": cluster.program.kind}))
}

/// Changes the spec of a resource, as `kubectl patch` does.
pub async fn change(cluster: &Cluster, name: &str, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    resources(cluster)
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// Why a change of the spec is refused.
pub async fn refusal(cluster: &Cluster, name: &str, spec: &Value) -> String {
    let patch = Patch::Merge(json!({"spec": spec}));
    let answer = resources(cluster)
        .patch(name, &PatchParams::default(), &patch)
        .await;
    answer.expect_err(&spec.to_string()).to_string()
}

pub async fn read(cluster: &Cluster, name: &str) -> Value {
    let found = cluster.get(API, cluster.program.kind, name).await;
    found.expect("the resource")
}

pub async fn set(cluster: &Cluster, name: &str) -> Option<Value> {
    cluster.get("apps/v1", "StatefulSet", name).await
}

pub async fn sets(cluster: &Cluster) -> Vec<String> {
    let mut names = cluster.names("apps/v1", "StatefulSet").await;
    names.sort();
    names
}

/// Waits until a pointer into the resource has a value.
pub async fn is(cluster: &Cluster, name: &str, pointer: &str, value: Value) -> Value {
    is_within(cluster, name, pointer, value, STEP).await
}

/// As `is`, with a limit of its own.
#[track_caller]
pub fn is_within(
    cluster: &Cluster,
    name: &str,
    pointer: &str,
    value: Value,
    limit: Duration,
) -> impl Future<Output = Value> {
    let attempt = async move || {
        let it = read(cluster, name).await;
        let found = it.pointer(pointer).cloned().unwrap_or_default();
        match found == value {
            true => Ok(it),
            false => Err(format!("{found}, not {value}: {:#}", it["status"])),
        }
    };
    eventually(&format!("{pointer} of {name}"), limit, attempt)
}

/// Waits until a pointer into a StatefulSet has a value.
pub async fn set_is(cluster: &Cluster, name: &str, pointer: &str, value: Value) {
    let attempt = async || {
        let set = set(cluster, name).await.ok_or("no such StatefulSet")?;
        let found = set.pointer(pointer).cloned().unwrap_or_default();
        check(found == value, || format!("{found}: {set:#}"))
    };
    eventually(&format!("{pointer} of {name} is {value}"), STEP, attempt).await;
}

/// Waits until an event about a resource has a reason, and words in its note.
pub async fn reported(cluster: &Cluster, reason: &str, words: &str) {
    let events = cluster.api(&json!({"apiVersion": "events.k8s.io/v1", "kind": "Event"}));
    let attempt = async || {
        let all = events.list(&Default::default()).await.unwrap().items;
        let kind = cluster.program.kind;
        let notes: Vec<String> = all
            .iter()
            .filter(|e| e.data["reason"] == reason && e.data["regarding"]["kind"] == kind)
            .map(|e| e.data["note"].to_string())
            .collect();
        check(notes.iter().any(|n| n.contains(words)), || {
            format!("{notes:#?}")
        })
    };
    eventually(&format!("an event {reason}: {words}"), SOON, attempt).await;
}

/// The message of a condition.
pub fn message(it: &Value, type_: &str) -> String {
    let conditions = it["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|c| c["type"] == type_);
    found.unwrap()["message"].as_str().unwrap().to_owned()
}

/// Waits until the resource is ready.
pub async fn ready(cluster: &Cluster, name: &str) -> Value {
    cluster
        .reports(name, "Ready", ("status", "True"), SOON)
        .await
}
