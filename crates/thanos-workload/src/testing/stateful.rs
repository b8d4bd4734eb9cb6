//! Invariants of StatefulSets.

use serde_json::{Value, json};

use super::{kind, list, map, selects, text};

/// A pod label contains the name of the StatefulSet and a revision hash of up to ten characters.
const LONGEST_NAME: usize = 52;

pub(super) fn check(set: &Value, objects: &[Value], problems: &mut Vec<String>) {
    let name = text(set, "/metadata/name");
    if name.len() > LONGEST_NAME {
        problems.push(format!("the name is longer than {LONGEST_NAME} characters"));
    }
    let labels = map(set, "/spec/template/metadata/labels");
    let governing = text(set, "/spec/serviceName");
    let governs = |service: &&Value| {
        text(service, "/metadata/name") == governing
            && service.pointer("/spec/clusterIP") == Some(&json!("None"))
            && selects(map(service, "/spec/selector"), labels)
    };
    if !kind(objects, "Service").any(|service| governs(&service)) {
        problems.push(format!(
            "its pods have no DNS names: {governing} is not a headless Service that selects them"
        ));
    }
    for pvc in list(set, "/spec/volumeClaimTemplates") {
        let volume = text(pvc, "/metadata/name");
        let mut mounts = list(set, "/spec/template/spec/containers/0/volumeMounts").iter();
        if !mounts.any(|m| text(m, "/name") == volume) {
            problems.push(format!("the volume {volume} is not mounted"));
        }
    }
    let replicas = set.pointer("/spec/replicas").and_then(Value::as_i64);
    let partition = set.pointer("/spec/updateStrategy/rollingUpdate/partition");
    let partition = partition.and_then(Value::as_i64);
    if partition.is_none() || replicas.is_none() || partition >= replicas {
        problems.push(format!(
            "the partition {partition:?} replaces none of {replicas:?} pods"
        ));
    }
}
