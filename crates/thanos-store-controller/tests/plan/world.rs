//! Objects as an API server has them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::case::UID;

/// A StatefulSet of ours, and its pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Set {
    pub name: String,
    /// Into how many shards the blocks are divided.
    #[serde(default = "one")]
    pub shards: i32,
    #[serde(default = "one")]
    pub replicas: i32,
    /// Whether queriers ask one pod of several.
    #[serde(default)]
    pub group: bool,
    /// Pods that are ready. Unset: all.
    pub ready: Option<i32>,
    /// Pods with the template of now. Unset: all.
    pub updated: Option<i32>,
    #[serde(default)]
    pub partition: i32,
    /// Whether one of the pods is the one more than wanted.
    #[serde(default)]
    pub surging: bool,
    /// Digest of the template. Unset: that of the template of now.
    pub hash: Option<String>,
    /// The digest of the Secrets when they became readable.
    pub known_secrets: Option<String>,
}

const fn one() -> i32 {
    1
}

/// A claim of a pod.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Claim {
    pub name: String,
    pub size: String,
}

impl Set {
    /// The StatefulSet and its pods; `index` decides about their addresses.
    pub fn objects(&self, index: usize, cr: &str, hash: Option<&str>) -> Vec<Value> {
        let ready = self.ready.unwrap_or(self.replicas);
        let updated = self.updated.unwrap_or(self.replicas);
        let set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {
                "name": self.name, "namespace": "monitoring", "generation": 1,
                "labels": labels(cr, &[
                    ("operator.thanos.io/controller", "thanos-store-controller"),
                    ("operator.thanos.io/endpoint-group", if self.group { "true" } else { "" }),
                ]),
                "annotations": annotations(&[
                    ("operator.thanos.io/shards", Some(&self.shards.to_string())),
                    ("operator.thanos.io/template-hash", hash),
                    ("operator.thanos.io/surge", self.surging.then_some("true")),
                    ("operator.thanos.io/secrets-hash", self.known_secrets.as_deref()),
                ]),
                "ownerReferences": [{"kind": "ThanosStore", "name": cr, "uid": UID, "controller": true}],
                "uid": self.name,
            },
            "spec": {
                "replicas": self.replicas, "podManagementPolicy": "Parallel",
                "updateStrategy": {"rollingUpdate": {"partition": self.partition}},
                "template": {"spec": {"containers": []}},
            },
            "status": {
                "observedGeneration": 1, "replicas": self.replicas, "updatedReplicas": updated,
                "availableReplicas": ready, "readyReplicas": ready,
            },
        });
        let pods = (0..ready).map(|i| pod(cr, &self.name, i, &address(index, i)));
        std::iter::once(set).chain(pods).collect()
    }
}

/// Where the pod `ordinal` of the StatefulSet `index` is.
pub fn address(index: usize, ordinal: i32) -> String {
    format!("10.0.{index}.{ordinal}")
}

fn labels(cr: &str, more: &[(&str, &str)]) -> Value {
    let mut labels = json!({
        "app.kubernetes.io/part-of": "thanos",
        "app.kubernetes.io/name": "thanos-store",
        "operator.thanos.io/owner": cr,
    });
    for (key, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
        labels[*key] = json!(value);
    }
    labels
}

fn annotations(all: &[(&str, Option<&str>)]) -> Value {
    let there = all
        .iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)));
    Value::Object(there.map(|(k, v)| (k.to_owned(), json!(v))).collect())
}

/// A pod that is ready.
pub fn pod(cr: &str, set: &str, ordinal: i32, ip: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("{set}-{ordinal}"), "namespace": "monitoring", "labels": labels(cr, &[]),
            "ownerReferences": [{"kind": "StatefulSet", "name": set, "uid": set, "controller": true}],
        },
        "status": {
            "podIP": ip, "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "thanos-store", "state": {"running": {}}}],
        },
    })
}

/// What controls the pods of queriers.
pub fn querier_workload() -> [Value; 2] {
    let object = |kind: &str, uid: &str, owner: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": {
                "name": uid, "namespace": "monitoring", "uid": uid, "ownerReferences": [owner],
                "labels": {
                    "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/name": "thanos-query",
                    "operator.thanos.io/controller": "thanos-query-controller",
                },
            },
        })
    };
    let query = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery", "name": "main",
        "uid": "query", "controller": true,
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "name": "queriers", "uid": "queriers",
        "controller": true,
    });
    [
        object("Deployment", "queriers", query),
        object("ReplicaSet", "queriers-set", deployment),
    ]
}

/// A pod of queriers that is ready.
pub fn querier(index: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("thanos-query-main-{index}"), "namespace": "monitoring",
            "labels": {"app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/name": "thanos-query"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "q", "uid": "queriers-set", "controller": true}],
        },
        "spec": {"containers": [{"name": "thanos-query", "args": ["query"], "ports": [{"name": "http", "containerPort": 9090}]}]},
        "status": {"podIP": format!("10.9.0.{index}"), "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

/// Where it is asked.
pub fn querier_url(index: usize) -> String {
    format!("http://10.9.0.{index}:9090/api/v1/stores")
}

/// A Secret with this data.
pub fn secret(name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": "monitoring"}, "data": data,
    })
}

impl Claim {
    /// A claim that has its volume, of a class that lets it grow.
    pub fn object(&self, cr: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": self.name, "namespace": "monitoring", "uid": self.name, "labels": labels(cr, &[])},
            "spec": {"storageClassName": "standard", "resources": {"requests": {"storage": self.size}}},
            "status": {"phase": "Bound", "capacity": {"storage": self.size}},
        })
    }
}
