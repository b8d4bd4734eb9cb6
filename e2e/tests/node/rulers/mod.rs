//! ThanosRuler beside kube-prometheus, in its own namespace.

mod alerts;
mod bad;
mod evidence;
mod namesake;
mod refused;
mod tenants;

use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::controller::{QUERY, RULER};
use e2e::wait::{check, eventually};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{MONITORING, STARTED, get, pods};

const VERSION: &str = "monitoring.thanos.io/v1alpha1";
const OPERATED: &str = "monitoring.coreos.com/v1";

/// Time for Prometheus Operator, the update of files by the kubelet, and the next evaluations.
const FOLLOWED: Duration = Duration::from_secs(300);

/// Time for a debounce of some seconds, and for the kubelet, which an annotation makes update files at once.
const LOADED: Duration = Duration::from_secs(60);

/// The label of rules that the Prometheus of kube-prometheus does not select.
const UNSEEN: &str = "unseen";

/// A ThanosRuler with two replicas and a ThanosQuery, both named `x`.
struct Subject {
    cluster: Cluster,
}

impl Subject {
    /// Creates `rules` and then both, and waits until rules are loaded.
    async fn start(name: &str, rules: &[Value]) -> Self {
        Self::start_with(name, rules, json!({})).await
    }

    /// The same for a ThanosRuler that has `more` in its spec.
    async fn start_with(name: &str, rules: &[Value], more: Value) -> Self {
        let subject = Self {
            cluster: Cluster::of(RULER, name).await,
        };
        let cluster = &subject.cluster;
        // Exclude rules with the label; this restarts no pod.
        let unseen = json!({"matchExpressions": [{"key": UNSEEN, "operator": "DoesNotExist"}]});
        let prometheus = json!({
            "apiVersion": OPERATED, "kind": "Prometheus", "metadata": {"namespace": MONITORING},
        });
        let patch = Patch::Merge(json!({"spec": {"ruleSelector": unseen}}));
        let params = PatchParams::default();
        let api = cluster.api(&prometheus);
        api.patch("k8s", &params, &patch).await.unwrap();
        for rule in rules {
            cluster.apply(rule.clone()).await;
        }
        let monitoring = json!({"matchLabels": {"kubernetes.io/metadata.name": MONITORING}});
        cluster
            .apply(json!({
                "apiVersion": VERSION, "kind": "ThanosQuery", "metadata": {"name": "x"},
                "spec": {"serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": monitoring},
            }))
            .await;
        let mut ruler = json!({
            "apiVersion": VERSION, "kind": "ThanosRuler", "metadata": {"name": "x"},
            "spec": {
                "replicas": 2,
                "ruleSelector": {},
                "evaluationInterval": "5s",
                "alertmanagers": {"selector": {}, "namespaceSelector": monitoring},
            },
        });
        for (field, value) in more.as_object().cloned().unwrap_or_default() {
            ruler["spec"][field] = value;
        }
        cluster.apply(ruler).await;
        cluster
            .reports("x", "Ready", ("status", "True"), STARTED)
            .await;
        subject.loaded().await;
        subject
    }

    /// The same namespace, for the ThanosQuery.
    fn queries(&self) -> Cluster {
        Cluster {
            client: self.cluster.client.clone(),
            namespace: self.cluster.namespace.clone(),
            program: QUERY,
        }
    }

    /// Waits until the rulers have loaded the mounted rules.
    async fn loaded(&self) {
        self.cluster
            .reports("x", "RulesLoaded", ("status", "True"), LOADED)
            .await;
    }

    /// UID and restarts of each ruler. They are unchanged if no ruler restarted.
    async fn runs(&self) -> Vec<(String, String, i64)> {
        let labels = "app.kubernetes.io/name=thanos-rule,operator.thanos.io/owner=x";
        let mut all = Vec::new();
        for pod in pods(&self.cluster, labels).await {
            let name = pod.metadata.name.unwrap_or_default();
            let uid = pod.metadata.uid.unwrap_or_default();
            let containers = pod.data["status"]["containerStatuses"].as_array().cloned();
            let restarts = containers.into_iter().flatten();
            let restarts = restarts.filter_map(|c| c["restartCount"].as_i64()).sum();
            all.push((name, uid, restarts));
        }
        all.sort();
        all
    }

    /// The names of the groups that the first ruler has loaded.
    async fn groups(&self) -> Result<Vec<String>, String> {
        let text = get(&self.cluster, "pods/thanos-rule-x-0:9090", "/api/v1/rules").await?;
        let rules: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let groups = rules["data"]["groups"].as_array().cloned();
        let names = groups.into_iter().flatten();
        let mut names: Vec<String> = names
            .filter_map(|g| g["name"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Waits until the first ruler has loaded these groups and no others.
    async fn has_groups(&self, desired: &[&str]) {
        let attempt = async || {
            let found = self.groups().await?;
            check(found == desired, || format!("{found:?}"))
        };
        eventually(&format!("groups are {desired:?}"), LOADED, attempt).await;
    }

    /// Deletes both.
    async fn end(self) {
        for (version, kind) in [(VERSION, "ThanosQuery"), (VERSION, "ThanosRuler")] {
            self.cluster.delete(version, kind, "x").await;
        }
        // Deletion of the namespace waits for half of the grace period of its pods, which is minutes.
        let is_deleted = async || {
            let left = pods(&self.cluster, "").await;
            check(left.is_empty(), || format!("{} pods", left.len()))
        };
        eventually("pods are deleted", FOLLOWED, is_deleted).await;
        let namespace = self.cluster.namespace.clone();
        self.cluster
            .delete_within("v1", "Namespace", &namespace, FOLLOWED)
            .await;
    }
}

/// A group that records its own name.
fn recording(name: &str) -> Value {
    json!({"name": name, "interval": "5s", "rules": [
        {"record": format!("{name}:one"), "expr": "vector(1)"},
    ]})
}

/// A PrometheusRule with these groups.
fn rule(name: &str, labels: &Value, groups: &Value) -> Value {
    json!({
        "apiVersion": OPERATED, "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": labels}, "spec": {"groups": groups},
    })
}
