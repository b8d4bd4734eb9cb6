//! Objects as the API server returns them.

use operator_runtime::ProbeResults;
use plan_testing::objects::{self, NAMESPACE, Pods, controlled, pod, stateful_set, uid};
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosRuler;
use thanos_ruler_controller::names;

/// The StatefulSet of the rulers, and its pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Set {
    #[serde(default = "one")]
    pub replicas: i32,
    /// The transports in the last configuration, in the format of the annotations.
    pub querier_blocks: String,
    pub alertmanager_blocks: String,
    /// The digest of the Secrets when they became readable.
    pub known_secrets: Option<String>,
    /// Immutable fields as stored.
    pub pod_management_policy: Option<String>,
    pub claim_templates: Value,
    /// Which rules the pods have loaded. Unset: they are unreachable.
    pub loaded: Option<Loaded>,
}

/// Which rules a pod has loaded.
#[derive(Clone, Copy, Debug, Deserialize)]
pub enum Loaded {
    All,
    NotYet,
    Failed,
}

const fn one() -> i32 {
    1
}

/// The Service of queriers and one of their pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Querier {
    /// Name of the ThanosQuery.
    pub name: String,
    /// The path prefix of their API.
    pub prefix: Option<String>,
    pub headless: bool,
    /// The port of the Service has another name.
    pub unnamed: bool,
    pub labels: Value,
}

/// Equal PrometheusRules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    pub objects: usize,
    /// Number of groups in each.
    pub groups: usize,
    /// Approximate size of each group.
    pub bytes: usize,
}

impl Bulk {
    pub fn objects(&self) -> Vec<Value> {
        let group = |i| {
            let rule = json!({
                "alert": "Large", "expr": "up == 0", "annotations": {"description": "x".repeat(self.bytes)},
            });
            json!({"name": format!("group-{i}"), "rules": [rule]})
        };
        let object = |i| {
            let groups: Vec<Value> = (0..self.groups).map(group).collect();
            json!({
                "kind": "PrometheusRule", "metadata": {"name": format!("bulk-{i}")},
                "spec": {"groups": groups},
            })
        };
        (0..self.objects).map(object).collect()
    }
}

fn address(ordinal: i32) -> String {
    format!("10.0.0.{ordinal}")
}

impl Set {
    pub fn objects(&self, cr: &str) -> Vec<Value> {
        let name = names::ruler(cr);
        let mut annotations = json!({
            "operator.thanos.io/querier-blocks": self.querier_blocks,
            "operator.thanos.io/alertmanager-blocks": self.alertmanager_blocks,
        });
        if let Some(hash) = &self.known_secrets {
            annotations["operator.thanos.io/secrets-hash"] = json!(hash);
        }
        let pods = Pods {
            replicas: self.replicas,
            updated: self.replicas,
            ready: self.replicas,
        };
        let fields = json!({
            "podManagementPolicy": self.pod_management_policy.as_deref().unwrap_or("Parallel"),
            "updateStrategy": {"rollingUpdate": {"partition": 0}},
            "volumeClaimTemplates": self.claim_templates,
        });
        let labels = labels(cr);
        let set = stateful_set::<ThanosRuler>(&name, cr, &labels, &annotations, pods, fields);
        let pods = (0..self.replicas).map(|i| {
            let owner = controlled("StatefulSet", &name, &uid(&name));
            let container = json!({"name": "thanos-rule"});
            pod(
                &format!("{name}-{i}"),
                &address(i),
                &labels,
                &owner,
                container,
            )
        });
        std::iter::once(set).chain(pods).collect()
    }

    /// Adds the probe results of its pods. `expected` is the digest of the expected rules.
    pub fn answer(&self, expected: &str, answers: &mut ProbeResults) {
        let Some(loaded) = self.loaded else {
            return;
        };
        let line = match loaded {
            Loaded::All => format!("1 {expected}"),
            Loaded::NotYet => "1 other".to_owned(),
            Loaded::Failed => "0 other 1".to_owned(),
        };
        for i in 0..self.replicas {
            let url = format!("http://{}:9090/metrics", address(i));
            answers.remember(&url, Ok(line.clone()));
        }
    }
}

pub fn labels(cr: &str) -> Value {
    json!({
        "app.kubernetes.io/part-of": "thanos",
        "app.kubernetes.io/name": "thanos-rule",
        "operator.thanos.io/owner": thanos_workload::names::label_value(cr),
    })
}

impl Querier {
    pub fn objects(&self) -> Vec<Value> {
        let mut labels = json!({
            "app.kubernetes.io/part-of": "thanos",
            "operator.thanos.io/query-api": "true",
            "operator.thanos.io/owner": self.name,
        });
        let more = self.labels.as_object().into_iter().flatten();
        more.for_each(|(key, value)| labels[key] = value.clone());
        let name = format!("thanos-query-{}", self.name);
        let prefix = self.prefix.iter();
        let prefix: Vec<_> = prefix.map(|p| format!("--web.route-prefix={p}")).collect();
        let port = if self.unnamed { "web" } else { "http" };
        let mut spec = json!({"ports": [{"name": port, "port": 9090}]});
        if self.headless {
            spec["clusterIP"] = json!("None");
        }
        let set = format!("{name}-set");
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            "spec": spec,
        });
        let pod = objects::querier(&format!("{name}-0"), "10.9.0.1", &set, &self.name, &prefix);
        let workload = objects::querier_workload(&name, &set, &self.name);
        workload.into_iter().chain([service, pod]).collect()
    }
}

/// The Service of receive routers.
pub fn router(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": name, "namespace": NAMESPACE,
            "labels": {
                "app.kubernetes.io/part-of": "thanos", "operator.thanos.io/remote-write-api": "true",
                "app.kubernetes.io/instance": name,
            },
        },
        "spec": {"ports": [{"name": "remote-write", "port": 19291}]},
    })
}

/// A PrometheusRule of one group.
pub fn rule(name: &str, rules: &Value) -> Value {
    json!({
        "kind": "PrometheusRule", "metadata": {"name": name},
        "spec": {"groups": [{"name": name, "rules": rules}]},
    })
}

/// A Prometheus that evaluates every rule of every namespace, as that of kube-prometheus does.
pub fn prometheus() -> Value {
    json!({
        "kind": "Prometheus", "metadata": {"name": "k8s"},
        "spec": {"serviceMonitorSelector": {}, "ruleSelector": {}, "ruleNamespaceSelector": {}},
    })
}

/// The ConfigMap with the rule files of an evaluator, such as `Prometheus k8s`.
pub fn rule_files<'a>(evaluator: &str, rules: impl Iterator<Item = &'a Value>) -> Value {
    let (kind, name) = evaluator.split_once(' ').unwrap();
    let prefix = match kind {
        "ThanosRuler" => "thanos-ruler",
        _ => "prometheus",
    };
    let files = rules.map(|rule| {
        let metadata = &rule["metadata"];
        let [namespace, name, uid] =
            ["namespace", "name", "uid"].map(|field| metadata[field].as_str().unwrap());
        let file = json!({"groups": rule["spec"]["groups"]}).to_string();
        (format!("{namespace}-{name}-{uid}.yaml"), json!(file))
    });
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": format!("{prefix}-{name}-rulefiles-0"), "namespace": NAMESPACE,
            "labels": {"managed-by": "prometheus-operator"},
            "ownerReferences": [{
                "apiVersion": "monitoring.coreos.com/v1", "kind": kind, "name": name,
                "uid": format!("uid-of-{name}"), "controller": true,
            }],
        },
        "data": files.collect::<serde_json::Map<_, _>>(),
    })
}

/// An Alertmanager.
pub fn alertmanager(name: &str, spec: &Value) -> Value {
    json!({"kind": "Alertmanager", "metadata": {"name": name}, "spec": spec})
}

/// The object with version, namespace and UID filled in if missing.
pub fn filled(object: &Value) -> Value {
    let mut object = object.clone();
    let kind = object["kind"].as_str().unwrap().to_owned();
    let (version, namespaced) = match kind.as_str() {
        "Alertmanager" | "Prometheus" | "PrometheusRule" | "ThanosRuler" => {
            ("monitoring.coreos.com/v1", true)
        }
        "StorageClass" => ("storage.k8s.io/v1", false),
        "Namespace" => ("v1", false),
        _ => ("v1", true),
    };
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    fill(&mut object["apiVersion"], version);
    if namespaced {
        fill(&mut object["metadata"]["namespace"], NAMESPACE);
    }
    fill(&mut object["metadata"]["uid"], &format!("uid-of-{name}"));
    object
}

fn fill(field: &mut Value, text: &str) {
    if field.is_null() {
        *field = json!(text);
    }
}
