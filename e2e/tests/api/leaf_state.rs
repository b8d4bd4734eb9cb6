//! The state of a ThanosQuery and of everything that it owns, as far as it does not change by itself.

use std::collections::{BTreeMap, BTreeSet};

use e2e::cluster::Cluster;
use serde_json::{Map, Value, json};

use crate::support::owned;

/// All owned objects and the status, without what changes by itself.
pub type State = BTreeMap<String, Value>;

pub async fn state(cluster: &Cluster, name: &str, uid: &str) -> State {
    let mut state = State::new();
    for object in owned(cluster, uid).await {
        let mut value = serde_json::to_value(&object).unwrap();
        let metadata = value["metadata"].take();
        value["metadata"] = json!({
            "labels": metadata["labels"], "annotations": metadata["annotations"],
            "ownerReferences": metadata["ownerReferences"],
        });
        // Numbered by the Deployment's own controller.
        without(
            &mut value["metadata"]["annotations"],
            &["deployment.kubernetes.io/revision"],
        );
        without(&mut value, &["status"]);
        if value["spec"]["clusterIP"] != "None" {
            // Allocated anew when a Service comes back.
            without(&mut value["spec"], &["clusterIP", "clusterIPs"]);
        }
        let kind = object.types.map(|t| t.kind).unwrap_or_default();
        let object_name = object.metadata.name.unwrap_or_default();
        state.insert(format!("{kind} {object_name}"), value);
    }
    let it = cluster
        .get("monitoring.thanos.io/v1alpha1", "ThanosQuery", name)
        .await;
    let mut status = it.unwrap()["status"].take();
    let counts = [
        "observedGeneration",
        "appliedHash",
        "replicas",
        "readyReplicas",
        "updatedReplicas",
        "availableReplicas",
        "querierStatus",
        "queryFrontendStatus",
    ];
    without(&mut status, &counts);
    for condition in status["conditions"].as_array_mut().unwrap() {
        without(condition, &["lastTransitionTime", "observedGeneration"]);
    }
    let conditions = status["conditions"].as_array_mut().unwrap();
    // These two tell of pods.
    conditions.retain(|c| c["type"] != "Available" && c["type"] != "Ready");
    state.insert("status".to_owned(), status);
    state
}

fn without(value: &mut Value, fields: &[&str]) {
    let empty = &mut Map::new();
    let object = value.as_object_mut().unwrap_or(empty);
    object.retain(|key, _| !fields.contains(&key.as_str()));
}

/// What two states differ in, for a failed assertion.
pub fn difference(before: &State, after: &State) -> String {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing = keys.into_iter().filter(|k| before.get(*k) != after.get(*k));
    let lines = differing.map(|key| {
        let show = |state: &State| {
            state
                .get(key)
                .map_or("nothing".to_owned(), Value::to_string)
        };
        format!(
            "  {key}\n    before: {}\n    after:  {}\n",
            show(before),
            show(after)
        )
    });
    lines.collect()
}
