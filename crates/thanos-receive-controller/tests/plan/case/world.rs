//! Objects of the API server, and probe results of pods.

use std::collections::{BTreeMap, BTreeSet};

use operator_runtime::ProbeResults;
use plan_testing::objects::{
    IMAGE, NAMESPACE, NOW, Pods, annotations, controlled, owned, pod, stateful_set, uid,
};
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosReceive;
use thanos_receive_controller::names::{self, INGESTER, ROUTER};

/// The StatefulSet of a hashring, and its pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Set {
    pub ring: String,
    #[serde(default = "one")]
    pub replicas: i32,
    /// Pods that differ from one that has been ready for long and was not probed.
    #[serde(default)]
    pub pods: BTreeMap<i32, Member>,
    /// Number of pods with the current template. Unset: all.
    pub updated: Option<i32>,
    /// Digest of the template. Unset: that of the current template.
    pub hash: Option<String>,
    /// Whether the pods upload their samples.
    #[serde(default = "yes")]
    pub uploads: bool,
    /// Digest of the Secrets when they became readable.
    pub known_secrets: Option<String>,
}

/// A pod of a hashring.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Member {
    /// Whether the pod does not exist.
    pub missing: bool,
    pub unready: bool,
    /// Seconds since the last transition of its readiness.
    pub age: Option<i64>,
    pub uid: Option<String>,
    /// The zone of its node.
    pub zone: Option<String>,
    /// Result of its probe.
    pub says: Option<Metrics>,
}

/// Metrics of an ingester.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Seconds since its start.
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
    /// Replication factor.
    #[serde(default = "one")]
    pub factor: i32,
    /// Whether they have loaded the previous hashrings.
    #[serde(default)]
    pub late: bool,
    #[serde(default = "image")]
    pub image: String,
}

const fn one() -> i32 {
    1
}

const fn yes() -> bool {
    true
}

fn image() -> String {
    IMAGE.to_owned()
}

impl Set {
    /// Its name.
    pub fn name(&self, cr: &str) -> String {
        names::ingester(cr, &self.ring)
    }

    /// Existing pods, by ordinal.
    fn members(&self) -> Vec<(i32, Member)> {
        let all = (0..self.replicas).chain(self.pods.keys().copied());
        let all: BTreeSet<i32> = all.collect();
        all.into_iter()
            .map(|number| (number, self.pods.get(&number).cloned().unwrap_or_default()))
            .filter(|(_, member)| !member.missing)
            .collect()
    }

    /// The StatefulSet, its pods, and their nodes. `index` determines their addresses.
    pub fn objects(&self, index: usize, cr: &str, hash: Option<&str>) -> Vec<Value> {
        let members = self.members();
        let ready = members.iter().filter(|(_, m)| !m.unready).count();
        let pods = Pods {
            replicas: self.replicas,
            updated: self.updated.unwrap_or(self.replicas),
            ready: i32::try_from(ready).unwrap(),
        };
        let set_name = self.name(cr);
        let set = stateful_set::<ThanosReceive>(
            &set_name,
            cr,
            &labels(cr, INGESTER),
            &annotations(&[
                ("operator.thanos.io/hashring", Some(&self.ring)),
                ("operator.thanos.io/template-hash", hash),
                (
                    "operator.thanos.io/secrets-hash",
                    self.known_secrets.as_deref(),
                ),
            ]),
            pods,
            json!({"updateStrategy": {"rollingUpdate": {"partition": 0}}}),
        );
        let uploads = self.uploads.then_some("--objstore.config-file=/x");
        let args: Vec<&str> = ["receive", "--tsdb.retention=24h"]
            .into_iter()
            .chain(uploads)
            .collect();
        let mut objects = vec![set];
        for (number, member) in members {
            let name = format!("{set_name}-{number}");
            let ip = address(index, number);
            let owner = controlled("StatefulSet", &set_name, &uid(&set_name));
            let container = json!({"name": INGESTER, "args": args});
            let mut pod = pod(&name, &ip, &labels(cr, INGESTER), &owner, container);
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

    /// Probe results of its pods.
    pub fn answer(&self, index: usize, answers: &mut ProbeResults) {
        for (number, member) in self.members() {
            let Some(metrics) = member.says else {
                continue;
            };
            let now = NOW.parse::<jiff::Timestamp>().unwrap().as_second();
            let text = format!(
                "process_start_time_seconds {}\n\
                 prometheus_tsdb_head_series{{tenant=\"a\"}} {}\n\
                 thanos_shipper_dir_sync_failures_total{{tenant=\"a\"}} 0\n\
                 thanos_shipper_upload_failures_total{{tenant=\"a\"}} {}",
                now - metrics.age,
                metrics.series,
                metrics.failures,
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
                "name": names::router(cr), "namespace": NAMESPACE, "generation": 1,
                "uid": "routers", "labels": labels(cr, ROUTER), "ownerReferences": owned::<ThanosReceive>(cr),
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
            let owner = controlled("ReplicaSet", "routers-set", "routers-set");
            let container = json!({"name": ROUTER, "args": ["receive", &factor]});
            pod(&name, &router(i), &labels(cr, ROUTER), &owner, container)
        });
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": "routers-set", "namespace": NAMESPACE, "uid": "routers-set",
                "labels": labels(cr, ROUTER), "ownerReferences": controlled("Deployment", "routers", "routers"),
            },
        });
        [deployment, set].into_iter().chain(pods).collect()
    }

    /// Probe results of its pods. `hash` is that of the published hashrings.
    pub fn answer(&self, hash: u64, answers: &mut ProbeResults) {
        let hash = hash + u64::from(self.late);
        for i in 0..self.replicas {
            let text = format!("thanos_receive_config_hash {hash}");
            answers.remember(&url(&router(i)), Ok(text));
        }
    }
}

/// Address of the pod `number` of the StatefulSet `index`.
fn address(index: usize, number: i32) -> String {
    format!("10.0.{index}.{number}")
}

fn router(index: i32) -> String {
    format!("10.1.0.{index}")
}

/// URL of the probe of a pod.
fn url(ip: &str) -> String {
    format!("http://{ip}:10902/metrics")
}

pub fn labels(cr: &str, component: &str) -> Value {
    json!({
        "app.kubernetes.io/part-of": "thanos",
        "app.kubernetes.io/name": "thanos-receive",
        "app.kubernetes.io/component": component,
        "operator.thanos.io/owner": cr,
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
            "name": names::router(cr), "namespace": NAMESPACE, "resourceVersion": "7",
            "labels": labels(cr, ROUTER), "ownerReferences": owned::<ThanosReceive>(cr),
        },
        "data": data,
    })
}
