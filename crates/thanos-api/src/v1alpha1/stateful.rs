//! Fields of kinds that run StatefulSets: volumes, rollout and pod management.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Volume size if the spec sets none.
pub const DEFAULT_STORAGE_SIZE: &str = "10Gi";

/// Rollout and pod management of StatefulSets. Inlined into the spec of each kind that runs one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSetFields {
    /// Whether pods start in parallel or one after another. It is immutable in an existing
    /// StatefulSet; the condition Reconciled reports the remedy. Unset: Parallel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<PodManagementPolicy>")]
    pub pod_management_policy: Option<PodManagementPolicy>,
    /// Seconds for which a new pod must be ready before the next one is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub min_ready_seconds: Option<i32>,
    /// Seconds between termination request and kill of a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub termination_grace_period_seconds: Option<i64>,
    /// Retention of PVCs after their pods are deleted permanently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim_retention_policy: Option<ClaimRetentionPolicy>,
}

/// Start order of the pods of a StatefulSet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodManagementPolicy {
    /// One after another, each once its predecessor is ready.
    OrderedReady,
    /// All in parallel.
    #[default]
    Parallel,
}

impl PodManagementPolicy {
    /// As the Kubernetes API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderedReady => "OrderedReady",
            Self::Parallel => "Parallel",
        }
    }
}

/// Retention of PVCs after their pods are deleted permanently.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRetentionPolicy {
    /// Retention when the custom resource is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ClaimRetention>")]
    pub when_deleted: Option<ClaimRetention>,
    /// Retention when replicas are reduced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ClaimRetention>")]
    pub when_scaled: Option<ClaimRetention>,
}

/// Retention of a PVC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ClaimRetention {
    Retain,
    Delete,
}

impl ClaimRetention {
    /// As the Kubernetes API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retain => "Retain",
            Self::Delete => "Delete",
        }
    }
}

/// Volume of each pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageConfig {
    /// Size of each volume. An increase expands existing volumes if their StorageClass allows it; a
    /// decrease is rejected. Unset: 10Gi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub size: Option<String>,
    /// StorageClass of the volumes. Immutable. Unset: the default StorageClass of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::storage_class")]
    pub storage_class: Option<String>,
}

/// Pods of a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSetStatus {
    /// Number of pods.
    #[serde(default)]
    pub replicas: i32,
    /// Number of pods of the current revision.
    #[serde(default)]
    pub updated_replicas: i32,
    /// Number of pods of the revision that is being replaced; all pods outside of rollouts.
    #[serde(default)]
    pub current_replicas: i32,
    /// Number of available pods.
    #[serde(default)]
    pub available_replicas: i32,
    /// Number of ready pods.
    #[serde(default)]
    pub ready_replicas: i32,
}
