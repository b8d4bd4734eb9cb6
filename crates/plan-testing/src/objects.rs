//! Objects as the API server returns them.

use std::collections::BTreeMap;

use kube::Resource;
use kube_facts::Labels;
use operator_runtime::ProbeResults;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// UID of the custom resource of every case.
pub const UID: &str = "00000000-0000-0000-0000-000000000001";

/// Namespace of the custom resource of every case.
pub const NAMESPACE: &str = "monitoring";

/// Time of every reconcile: 1767225600 seconds after the epoch.
pub const NOW: &str = "2026-01-01T00:00:00Z";

/// Image flag of every controller.
pub const IMAGE: &str = "quay.io/thanos/thanos:v0.42.4";

/// The custom resource of a case. `fields` are those besides type and metadata.
#[must_use]
pub fn custom_resource<K>(name: &str, annotations: &Labels, fields: Value) -> K
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let mut object = fields;
    if object["spec"].is_null() {
        object["spec"] = json!({});
    }
    object["apiVersion"] = json!(K::api_version(&()));
    object["kind"] = json!(K::kind(&()));
    object["metadata"] = json!({
        "name": name, "namespace": NAMESPACE, "uid": UID, "generation": 1, "annotations": annotations,
    });
    let text = object.to_string();
    serde_json::from_value(object).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// A Secret with this data.
fn secret(name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE}, "data": data,
    })
}

/// The PVCs of a case, with these labels, and its Secrets, if they are watched.
#[must_use]
pub fn volumes_and_secrets(
    pvcs: &[Pvc],
    labels: &Value,
    secrets: Option<&BTreeMap<String, Value>>,
) -> Vec<Value> {
    let pvcs = pvcs.iter().map(|pvc| pvc.object(labels));
    let secrets = secrets.into_iter().flatten();
    pvcs.chain(secrets.map(|(name, data)| secret(name, data)))
        .collect()
}

/// The annotations that have a value.
#[must_use]
pub fn annotations(all: &[(&str, Option<&str>)]) -> Value {
    let set = all
        .iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)));
    Value::Object(set.map(|(k, v)| (k.to_owned(), json!(v))).collect())
}

/// The owner reference to the custom resource.
#[must_use]
pub fn owned<K: Resource<DynamicType = ()>>(cr: &str) -> Value {
    json!([{"kind": K::kind(&()), "name": cr, "uid": UID, "controller": true}])
}

/// The owner reference to a workload.
#[must_use]
pub fn controlled(kind: &str, name: &str, uid: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}])
}

/// The UID of an object.
#[must_use]
pub fn uid(name: &str) -> String {
    format!("uid of {name}")
}

/// Pod counts of a StatefulSet.
#[derive(Clone, Copy, Debug)]
pub struct Pods {
    /// All pods.
    pub replicas: i32,
    /// Pods of the current template.
    pub updated: i32,
    /// Ready pods.
    pub ready: i32,
}

/// A StatefulSet of the custom resource `cr`. `fields` are those of the spec besides the replicas and
/// the template.
#[must_use]
pub fn stateful_set<K: Resource<DynamicType = ()>>(
    name: &str,
    cr: &str,
    labels: &Value,
    annotations: &Value,
    pods: Pods,
    fields: Value,
) -> Value {
    let mut spec = fields;
    spec["replicas"] = json!(pods.replicas);
    spec["template"] = json!({"spec": {"containers": []}});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {
            "name": name, "namespace": NAMESPACE, "generation": 1, "uid": uid(name),
            "labels": labels, "annotations": annotations, "ownerReferences": owned::<K>(cr),
        },
        "spec": spec,
        "status": {
            "observedGeneration": 1, "replicas": pods.replicas, "updatedReplicas": pods.updated,
            "availableReplicas": pods.ready, "readyReplicas": pods.ready,
        },
    })
}

/// A ready pod with one container.
#[must_use]
pub fn pod(name: &str, ip: &str, labels: &Value, owners: &Value, container: Value) -> Value {
    let running = json!({"name": container["name"], "state": {"running": {}}});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": NAMESPACE, "uid": uid(name), "labels": labels,
            "ownerReferences": owners,
        },
        "spec": {"containers": [container]},
        "status": {
            "podIP": ip, "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [running],
        },
    })
}

/// A bound PVC.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pvc {
    /// Name.
    pub name: String,
    /// Requested and provided size.
    pub size: String,
}

impl Pvc {
    /// The object.
    #[must_use]
    pub fn object(&self, labels: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": self.name, "namespace": NAMESPACE, "uid": uid(&self.name), "labels": labels,
            },
            "spec": {"storageClassName": "standard", "resources": {"requests": {"storage": self.size}}},
            "status": {"phase": "Bound", "capacity": {"storage": self.size}},
        })
    }
}

const QUERY: &str = "thanos-query";

/// The workload of queriers: a Deployment of the ThanosQuery `owner`, and its ReplicaSet.
#[must_use]
pub fn querier_workload(deployment: &str, set: &str, owner: &str) -> [Value; 2] {
    let object = |kind: &str, name: &str, owners: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": {
                "name": name, "namespace": NAMESPACE, "uid": name, "ownerReferences": owners,
                "labels": {
                    "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/name": QUERY,
                    "operator.thanos.io/controller": "thanos-query-controller",
                    "operator.thanos.io/owner": owner,
                },
            },
        })
    };
    let query = json!([{
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery", "name": owner,
        "uid": "query", "controller": true,
    }]);
    [
        object("Deployment", deployment, query),
        object(
            "ReplicaSet",
            set,
            controlled("Deployment", deployment, deployment),
        ),
    ]
}

/// A querier pod.
#[must_use]
pub fn querier(name: &str, ip: &str, set: &str, owner: &str, args: &[String]) -> Value {
    let labels = json!({
        "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/name": QUERY,
        "operator.thanos.io/owner": owner,
    });
    let container = json!({
        "name": QUERY, "args": args, "ports": [{"name": "http", "containerPort": 9090}],
    });
    pod(
        name,
        ip,
        &labels,
        &controlled("ReplicaSet", set, set),
        container,
    )
}

/// The workload of the ThanosQuery `main`, with one ready querier for each entry: the endpoints that it
/// lists, or none if it does not respond.
#[must_use]
pub fn listing_queriers(listed: &[Option<Vec<String>>], answers: &mut ProbeResults) -> Vec<Value> {
    for (i, listed) in listed.iter().enumerate() {
        if let Some(listed) = listed {
            answer_stores(i, listed.clone(), answers);
        }
    }
    queriers(listed.len())
}

/// The workload of the ThanosQuery `main` with `pods` ready queriers.
#[must_use]
pub fn queriers(pods: usize) -> Vec<Value> {
    let workload = querier_workload("queriers", "queriers-set", "main");
    let pods = (0..pods).map(|i| {
        let (name, ip) = (format!("thanos-query-main-{i}"), format!("10.9.0.{i}"));
        querier(&name, &ip, "queriers-set", "main", &["query".to_owned()])
    });
    workload.into_iter().chain(pods).collect()
}

/// Stores the result of a probe of a querier: the endpoints that it lists.
pub fn answer_stores(
    index: usize,
    listed: impl IntoIterator<Item = String>,
    answers: &mut ProbeResults,
) {
    let listed: Vec<String> = listed.into_iter().collect();
    let url = format!("http://10.9.0.{index}:9090/api/v1/stores");
    answers.remember(&url, Ok(listed.join("\n")));
}
