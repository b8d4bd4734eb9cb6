//! Objects as an API server has them, and what pods say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use operator_runtime::Answers;
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_receive_controller::plan::{INGESTER, ROUTER, names};

use crate::case::{NOW, UID};

/// The StatefulSet of a hashring, and its pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Set {
    pub ring: String,
    #[serde(default = "one")]
    pub replicas: i32,
    /// Pods that differ from one that is ready for long and was never asked anything.
    #[serde(default)]
    pub pods: BTreeMap<i32, Member>,
    /// Pods with the template of now. Unset: all.
    pub updated: Option<i32>,
    /// Digest of the template. Unset: that of the template of now.
    pub hash: Option<String>,
    /// Whether the pods upload what they hold.
    #[serde(default = "yes")]
    pub uploads: bool,
    /// The digest of the Secrets when they became readable.
    pub known_secrets: Option<String>,
}

/// A pod of a hashring.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Member {
    /// There is none.
    pub missing: bool,
    pub unready: bool,
    /// For how many seconds it is ready, or is not.
    pub age: Option<i64>,
    pub uid: Option<String>,
    /// The zone of its node.
    pub zone: Option<String>,
    /// What it says of itself, if it is asked.
    pub says: Option<Says>,
}

/// Metrics of an ingester.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Says {
    /// For how many seconds it runs.
    pub age: i64,
    #[serde(default)]
    pub series: u64,
    #[serde(default)]
    pub failures: u64,
}

/// The Deployment of routers, and its pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Routers {
    #[serde(default = "one")]
    pub replicas: i32,
    /// Copies that they make.
    #[serde(default = "one")]
    pub factor: i32,
    /// They have hashrings of before.
    #[serde(default)]
    pub late: bool,
    #[serde(default = "image")]
    pub image: String,
}

/// A claim of a pod.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub name: String,
    pub size: String,
}

const fn one() -> i32 {
    1
}

const fn yes() -> bool {
    true
}

fn image() -> String {
    crate::case::IMAGE.to_owned()
}

impl Set {
    /// Its name.
    pub fn name(&self, cr: &str) -> String {
        names::ingester(cr, &self.ring)
    }

    /// The pods that exist, by number.
    fn members(&self) -> Vec<(i32, Member)> {
        let all = (0..self.replicas).chain(self.pods.keys().copied());
        let all: BTreeSet<i32> = all.collect();
        all.into_iter()
            .map(|number| (number, self.pods.get(&number).cloned().unwrap_or_default()))
            .filter(|(_, member)| !member.missing)
            .collect()
    }

    /// The StatefulSet, its pods, and their nodes; `index` decides about their addresses.
    pub fn objects(&self, index: usize, cr: &str, hash: Option<&str>) -> Vec<Value> {
        let members = self.members();
        let ready = members.iter().filter(|(_, m)| !m.unready).count();
        let updated = self.updated.unwrap_or(self.replicas);
        let set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {
                "name": self.name(cr), "namespace": "monitoring", "generation": 1,
                "uid": format!("uid of {}", self.name(cr)),
                "labels": labels(cr, INGESTER),
                "annotations": annotations(&[
                    ("operator.thanos.io/hashring", Some(&self.ring)),
                    ("operator.thanos.io/template-hash", hash),
                    ("operator.thanos.io/secrets-hash", self.known_secrets.as_deref()),
                ]),
                "ownerReferences": owned(cr),
            },
            "spec": {
                "replicas": self.replicas,
                "updateStrategy": {"rollingUpdate": {"partition": 0}},
                "template": {"spec": {"containers": []}},
            },
            "status": {
                "observedGeneration": 1, "replicas": self.replicas, "updatedReplicas": updated,
                "availableReplicas": ready, "readyReplicas": ready,
            },
        });
        let uploads = self.uploads.then_some("--objstore.config-file=/x");
        let args: Vec<&str> = ["receive", "--tsdb.retention=24h"]
            .into_iter()
            .chain(uploads)
            .collect();
        let mut objects = vec![set];
        for (number, member) in members {
            let name = format!("{}-{number}", self.name(cr));
            let ip = address(index, number);
            let mut pod = pod(cr, INGESTER, &name, &ip, &args);
            let set = format!("uid of {}", self.name(cr));
            pod["metadata"]["ownerReferences"] = controlled("StatefulSet", &set);
            if let Some(uid) = member.uid {
                pod["metadata"]["uid"] = json!(uid);
            }
            let status = if member.unready { "False" } else { "True" };
            pod["status"]["conditions"][0]["status"] = json!(status);
            let since = NOW.parse::<jiff::Timestamp>().unwrap();
            let age = jiff::SignedDuration::from_secs(member.age.unwrap_or(86_400));
            pod["status"]["conditions"][0]["lastTransitionTime"] = json!((since - age).to_string());
            if let Some(zone) = member.zone {
                pod["spec"]["nodeName"] = json!(format!("node-{zone}"));
                objects.push(node(&zone));
            }
            objects.push(pod);
        }
        objects
    }

    /// What its pods say.
    pub fn answer(&self, index: usize, answers: &mut Answers) {
        for (number, member) in self.members() {
            let Some(says) = member.says else {
                continue;
            };
            let now = NOW.parse::<jiff::Timestamp>().unwrap().as_second();
            let text = format!(
                "process_start_time_seconds {}\n\
                 prometheus_tsdb_head_series{{tenant=\"a\"}} {}\n\
                 thanos_shipper_dir_sync_failures_total{{tenant=\"a\"}} 0\n\
                 thanos_shipper_upload_failures_total{{tenant=\"a\"}} {}",
                now - says.age,
                says.series,
                says.failures,
            );
            answers.remember(&url(&address(index, number)), Ok(text));
        }
    }
}

impl Routers {
    /// The Deployment and its pods.
    pub fn objects(&self, cr: &str) -> Vec<Value> {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": names::router(cr), "namespace": "monitoring", "generation": 1,
                "uid": "routers", "labels": labels(cr, ROUTER), "ownerReferences": owned(cr),
            },
            "spec": {
                "replicas": self.replicas,
                "template": {"spec": {"containers": [{"name": ROUTER, "image": self.image}]}},
            },
            "status": {
                "observedGeneration": 1, "replicas": self.replicas,
                "updatedReplicas": self.replicas, "availableReplicas": self.replicas,
            },
        });
        let factor = format!("--receive.replication-factor={}", self.factor);
        let pods = (0..self.replicas).map(|i| {
            let name = format!("{}-{i}", names::router(cr));
            let mut pod = pod(cr, ROUTER, &name, &router(i), &["receive", &factor]);
            pod["metadata"]["ownerReferences"] = controlled("ReplicaSet", "routers-set");
            pod
        });
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": "routers-set", "namespace": "monitoring", "uid": "routers-set",
                "labels": labels(cr, ROUTER), "ownerReferences": controlled("Deployment", "routers"),
            },
        });
        [deployment, set].into_iter().chain(pods).collect()
    }

    /// What its pods say; `hash` is that of the hashrings that are published.
    pub fn answer(&self, hash: u64, answers: &mut Answers) {
        let hash = hash + u64::from(self.late);
        for i in 0..self.replicas {
            let text = format!("thanos_receive_config_hash {hash}");
            answers.remember(&url(&router(i)), Ok(text));
        }
    }
}

/// Where the pod `number` of the StatefulSet `index` is.
fn address(index: usize, number: i32) -> String {
    format!("10.0.{index}.{number}")
}

fn router(index: i32) -> String {
    format!("10.1.0.{index}")
}

/// Where a pod is asked.
fn url(ip: &str) -> String {
    format!("http://{ip}:10902/metrics")
}

fn labels(cr: &str, component: &str) -> Value {
    json!({
        "app.kubernetes.io/part-of": "thanos",
        "app.kubernetes.io/name": "thanos-receive",
        "app.kubernetes.io/component": component,
        "operator.thanos.io/owner": cr,
    })
}

fn owned(cr: &str) -> Value {
    json!([{"kind": "ThanosReceive", "name": cr, "uid": UID, "controller": true}])
}

/// The owner reference of what a workload controls.
pub fn controlled(kind: &str, uid: &str) -> Value {
    json!([{"apiVersion": "apps/v1", "kind": kind, "name": uid, "uid": uid, "controller": true}])
}

fn annotations(all: &[(&str, Option<&str>)]) -> Value {
    let there = all
        .iter()
        .filter_map(|(key, value)| Some((*key, (*value)?)));
    Value::Object(there.map(|(k, v)| (k.to_owned(), json!(v))).collect())
}

/// A pod that is ready.
fn pod(cr: &str, component: &str, name: &str, ip: &str, args: &[&str]) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "monitoring", "uid": format!("uid of {name}"),
            "labels": labels(cr, component),
        },
        "spec": {"containers": [{"name": component, "args": args}]},
        "status": {
            "podIP": ip, "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": component, "state": {"running": {}}}],
        },
    })
}

fn node(zone: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": format!("node-{zone}"), "labels": {"topology.kubernetes.io/zone": zone},
        },
    })
}

/// The ConfigMap with these files.
pub fn files(cr: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": names::router(cr), "namespace": "monitoring", "resourceVersion": "7",
            "labels": labels(cr, ROUTER), "ownerReferences": owned(cr),
        },
        "data": data,
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
            "metadata": {
                "name": self.name, "namespace": "monitoring", "uid": format!("uid of {}", self.name),
                "labels": labels(cr, INGESTER),
            },
            "spec": {"storageClassName": "standard", "resources": {"requests": {"storage": self.size}}},
            "status": {"phase": "Bound", "capacity": {"storage": self.size}},
        })
    }
}
