//! StatefulSets of stores, those of the Go operator included.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use operator_runtime::ledger::Counts;
use promop_compat::extract::Extract;
use serde::Deserialize;
use serde_json::Value;
use thanos_api::names::{annotation, label};
use thanos_workload::stateful::Fixed;

use super::Meta;

/// A StatefulSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SetObject {
    metadata: Meta,
    spec: Spec,
    status: Counts,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    replicas: i32,
    pod_management_policy: String,
    update_strategy: Strategy,
    volume_claim_templates: Value,
    template: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Strategy {
    rolling_update: Option<RollingUpdate>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RollingUpdate {
    partition: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: Meta,
    spec: Pod,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Pod {
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    args: Vec<String>,
}

/// What decisions need to know of a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetFacts {
    /// UID of the custom resource that controls it.
    pub owner: String,
    /// Whether this controller applies it; a former one does otherwise.
    pub applied: bool,
    /// Whether queriers ask one pod of several that hold the same blocks.
    pub group: bool,
    /// Into how many shards the blocks are divided.
    pub shards: i32,
    /// Digest of the pod template, as this controller rendered it.
    pub template_hash: Option<String>,
    /// Digest of the Secrets' content that replaced the pods last.
    pub rolled_secrets: Option<String>,
    /// Digest of the Secrets' content when it became readable.
    pub known_secrets: Option<String>,
    /// Whether one pod more than wanted runs while the pods are replaced.
    pub surging: bool,
    /// The pod template as it is stored, while that is so.
    pub template: Option<Value>,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.updateStrategy.rollingUpdate.partition`.
    pub partition: i32,
    /// What cannot be changed.
    pub fixed: Fixed,
    /// Its controller has seen the newest generation.
    pub current: bool,
    /// Counts of pods.
    pub counts: Counts,
}

impl SetFacts {
    /// Whether every pod is available, and is what the template says.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let counts = &self.counts;
        self.current
            && counts.replicas == self.replicas
            && counts.updated_replicas == self.replicas
            && counts.available_replicas == self.replicas
    }
}

impl Extract for SetObject {
    type Facts = SetFacts;

    fn into_parts(self) -> (ObjectMeta, SetFacts) {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        let template = Template::deserialize(&spec.template).unwrap_or_default();
        let args = template.spec.containers.iter().flat_map(|c| &c.args);
        let told = metadata.annotations.get(annotation::SHARDS);
        let shards = match told {
            Some(told) => told.parse().ok(),
            // One of the Go operator.
            None => args.filter_map(|a| modulus(a)).next(),
        };
        let hash = |m: &Meta, key: &str| m.annotations.get(key).cloned();
        let surging = metadata.annotations.contains_key(annotation::SURGE);
        let applied = metadata
            .labels
            .get(label::CONTROLLER)
            .is_some_and(|c| c == crate::NAME);
        let facts = SetFacts {
            owner: metadata
                .controller()
                .map(|o| o.uid.clone())
                .unwrap_or_default(),
            applied,
            group: match applied {
                true => metadata.labels.contains_key(label::ENDPOINT_GROUP),
                false => spec.replicas > 1,
            },
            shards: shards.unwrap_or(1),
            template_hash: hash(&metadata, annotation::TEMPLATE_HASH),
            rolled_secrets: hash(&template.metadata, annotation::SECRETS_HASH),
            known_secrets: hash(&metadata, annotation::SECRETS_HASH),
            surging,
            template: surging.then_some(spec.template),
            replicas: spec.replicas,
            partition: spec
                .update_strategy
                .rolling_update
                .map_or(0, |r| r.partition),
            fixed: Fixed {
                pod_management_policy: spec.pod_management_policy,
                claim_templates: spec.volume_claim_templates,
            },
            current: status.observed_generation >= metadata.generation,
            counts: status,
        };
        (metadata.identity(), facts)
    }
}

/// The modulus in an argument that divides blocks.
fn modulus(arg: &str) -> Option<i32> {
    let config = arg.strip_prefix("--selector.relabel-config=")?;
    let rest = config.split_once("modulus:")?.1.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}
