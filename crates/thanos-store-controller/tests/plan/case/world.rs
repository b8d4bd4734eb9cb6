//! StatefulSets of stores in the form of the API server.

use plan_testing::objects::{Pods, annotations, controlled, pod, stateful_set, uid};
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosStore;

/// A StatefulSet of this controller with its pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Set {
    pub name: String,
    /// Number of shards over which the blocks are distributed.
    #[serde(default = "one")]
    pub shards: i32,
    #[serde(default = "one")]
    pub replicas: i32,
    /// Whether it is a group.
    #[serde(default)]
    pub group: bool,
    /// Number of ready pods. Unset: all.
    pub ready: Option<i32>,
    /// Number of pods with the current template. Unset: all.
    pub updated: Option<i32>,
    #[serde(default)]
    pub partition: i32,
    /// Whether one of the pods is a surge pod.
    #[serde(default)]
    pub surging: bool,
    /// Digest of the template. Unset: that of the current template.
    pub hash: Option<String>,
    /// Digest of the Secrets when they became readable.
    pub known_secrets: Option<String>,
}

const fn one() -> i32 {
    1
}

impl Set {
    /// The StatefulSet and its pods; `index` determines their addresses.
    pub fn objects(&self, index: usize, cr: &str, hash: Option<&str>) -> Vec<Value> {
        let ready = self.ready.unwrap_or(self.replicas);
        let set = stateful_set::<ThanosStore>(
            &self.name,
            cr,
            &labels(
                cr,
                &[
                    ("operator.thanos.io/controller", "thanos-store-controller"),
                    (
                        "operator.thanos.io/endpoint-group",
                        if self.group { "true" } else { "" },
                    ),
                ],
            ),
            &annotations(&[
                ("operator.thanos.io/shards", Some(&self.shards.to_string())),
                ("operator.thanos.io/template-hash", hash),
                ("operator.thanos.io/surge", self.surging.then_some("true")),
                (
                    "operator.thanos.io/secrets-hash",
                    self.known_secrets.as_deref(),
                ),
            ]),
            Pods {
                replicas: self.replicas,
                updated: self.updated.unwrap_or(self.replicas),
                ready,
            },
            json!({
                "podManagementPolicy": "Parallel",
                "updateStrategy": {"rollingUpdate": {"partition": self.partition}},
            }),
        );
        let pods = (0..ready).map(|i| store(cr, &self.name, i, &format!("10.0.{index}.{i}")));
        std::iter::once(set).chain(pods).collect()
    }
}

pub fn labels(cr: &str, more: &[(&str, &str)]) -> Value {
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

/// Ready pod of a StatefulSet.
pub fn store(cr: &str, set: &str, ordinal: i32, ip: &str) -> Value {
    let owner = controlled("StatefulSet", set, &uid(set));
    let container = json!({"name": "thanos-store"});
    pod(
        &format!("{set}-{ordinal}"),
        ip,
        &labels(cr, &[]),
        &owner,
        container,
    )
}
