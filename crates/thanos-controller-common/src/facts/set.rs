//! Facts of StatefulSets of Thanos, including those of the Go operator.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::Labels;
use kube_facts::extract::Extract;
use operator_runtime::owned_objects::Counts;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use thanos_api::names::{annotation, label};
use thanos_workload::stateful::Fixed;

use super::meta::Meta;

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
}

/// Facts of a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetFacts {
    /// UID.
    pub uid: String,
    /// UID of the owning custom resource.
    pub owner: String,
    /// Name of the controller that applies it; empty for the Go operator.
    pub applied_by: Option<String>,
    /// Digest of the pod template as rendered by the controller.
    pub template_hash: Option<String>,
    /// Digest of the Secrets whose change last replaced the pods.
    pub rolled_secrets: Option<String>,
    /// Digest of the Secrets when they became readable.
    pub known_secrets: Option<String>,
    /// Whether a surge pod runs while the pods are replaced.
    pub surging: bool,
    /// The stored pod template during a surge.
    pub template: Option<Value>,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.updateStrategy.rollingUpdate.partition`.
    pub partition: i32,
    /// Immutable fields.
    pub fixed: Fixed,
    /// Whether the StatefulSet controller has observed the newest generation.
    pub current: bool,
    /// Counts of pods.
    pub counts: Counts,
}

impl SetObject {
    /// Its labels.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    /// Its annotations.
    #[must_use]
    pub const fn annotations(&self) -> &BTreeMap<String, String> {
        &self.metadata.annotations
    }

    /// The arguments of all containers.
    pub fn args(&self) -> impl Iterator<Item = &str> {
        let containers = self.spec.template["spec"]["containers"].as_array();
        let args = containers
            .into_iter()
            .flatten()
            .filter_map(|c| c["args"].as_array());
        args.flatten().filter_map(Value::as_str)
    }
}

impl SetFacts {
    /// Whether every pod is available and has the current template.
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
        let hash = |m: &Meta, key: &str| m.annotations.get(key).cloned();
        let surging = metadata.annotations.contains_key(annotation::SURGE);
        let facts = SetFacts {
            uid: metadata.uid.clone().unwrap_or_default(),
            owner: metadata.controlled_by(),
            applied_by: metadata.labels.get(label::CONTROLLER).cloned(),
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
