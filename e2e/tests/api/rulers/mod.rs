//! ThanosRuler against a real API server and a real controller manager. No pods run here.

mod alertmanagers;
mod many;
mod overlap;
mod rules;

use std::time::Duration;

use e2e::cluster::{Cluster, SOON};
use e2e::wait::{check, eventually};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

const VERSION: &str = "monitoring.thanos.io/v1alpha1";
const OPERATED: &str = "monitoring.coreos.com/v1";

/// The reason of `RulesAccepted` if all rules are accepted: controllers of tests are limited to a namespace,
/// so they cannot read rule files of other namespaces.
const ACCEPTED: &str = "OverlapUnknown";

/// The objects of the ThanosRuler `x`.
const SET: &str = "thanos-rule-x";

/// A ThanosRuler.
pub fn ruler(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": VERSION, "kind": "ThanosRuler",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// A PrometheusRule with one group for each name, each with one alert of the same name.
pub fn rule(name: &str, labels: &Value, groups: &[(&str, &str)]) -> Value {
    let group = |(name, expr): &(&str, &str)| json!({"name": name, "rules": [{"alert": name, "expr": expr}]});
    let groups: Vec<Value> = groups.iter().map(group).collect();
    json!({
        "apiVersion": OPERATED, "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": labels}, "spec": {"groups": groups},
    })
}

/// Changes the spec of the ThanosRuler `x`, as `kubectl patch` does.
async fn change(cluster: &Cluster, spec: Value) {
    let rulers = json!({"apiVersion": VERSION, "kind": "ThanosRuler"});
    let patch = Patch::Merge(json!({"spec": spec}));
    let params = PatchParams::default();
    cluster
        .api(&rulers)
        .patch("x", &params, &patch)
        .await
        .unwrap();
}

/// The names and contents of all rule files of `x`.
pub async fn mounted(cluster: &Cluster) -> String {
    let maps = cluster.api(&json!({"apiVersion": "v1", "kind": "ConfigMap"}));
    let all = maps.list(&ListParams::default()).await.unwrap().items;
    let mut text = String::new();
    for map in all {
        let name = map.metadata.name.unwrap_or_default();
        let is_rules = ["rules", "files"]
            .iter()
            .any(|what| name.starts_with(&format!("{SET}-{what}-")));
        let files = map.data["data"].as_object().cloned().unwrap_or_default();
        for (file, content) in files.iter().filter(|_| is_rules) {
            text += &format!("# {file}\n{}", content.as_str().unwrap_or_default());
        }
    }
    text
}

/// Waits until the rule files contain all of `with` and none of `without`.
#[track_caller]
pub fn mounts<'a>(
    cluster: &'a Cluster,
    with: &'a [&'a str],
    without: &'a [&'a str],
) -> impl Future<Output = ()> + 'a {
    let attempt = async move || {
        let files = mounted(cluster).await;
        let holds = with.iter().all(|w| files.contains(w));
        let lacks = !without.iter().any(|w| files.contains(w));
        check(holds && lacks, || files)
    };
    let what = format!("rules of x: {with:?}, not {without:?}");
    async move { eventually(&what, SOON, attempt).await }
}

/// A file in a ConfigMap.
async fn file(cluster: &Cluster, map: &str, name: &str) -> String {
    let map = cluster.get("v1", "ConfigMap", map).await;
    let map = map.unwrap_or_default();
    map["data"][name].as_str().unwrap_or_default().to_owned()
}

/// Waits until a file in a ConfigMap contains these words, or does not.
async fn file_has(cluster: &Cluster, map: &str, name: &str, words: &str, desired: bool) {
    let attempt = async || {
        let text = file(cluster, map, name).await;
        check(text.contains(words) == desired, || text)
    };
    let not = if desired { "" } else { "not " };
    eventually(&format!("{map}/{name} has {not}{words}"), SOON, attempt).await;
}

/// The pod template of `x`. No pod restarts if it is unchanged.
pub async fn template(cluster: &Cluster) -> Value {
    let attempt = async || {
        let set = cluster.get("apps/v1", "StatefulSet", SET).await;
        check(set.is_some(), || "no StatefulSet".into())
    };
    eventually("there is a StatefulSet", SOON, attempt).await;
    let set = cluster.get("apps/v1", "StatefulSet", SET).await;
    set.unwrap()["spec"]["template"].clone()
}

/// The status of `x`.
async fn status(cluster: &Cluster) -> Value {
    let it = cluster.get(VERSION, "ThanosRuler", "x").await;
    it.unwrap()["status"].clone()
}

/// Waits until the status of `x` has a value at a JSON pointer.
async fn status_has(cluster: &Cluster, pointer: &str, value: Value) {
    let attempt = async || {
        let status = status(cluster).await;
        check(status.pointer(pointer) == Some(&value), || {
            format!("{status:#}")
        })
    };
    eventually(&format!("{pointer} is {value}"), SOON, attempt).await;
}

/// Longer than the debounce of rule changes.
const GATHERED: Duration = Duration::from_secs(6);
