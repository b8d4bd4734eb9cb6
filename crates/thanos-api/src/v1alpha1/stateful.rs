//! What StatefulSets add: volumes, and the order in which pods come and go.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// The size of a volume where the spec gives none.
pub const DEFAULT_STORAGE_SIZE: &str = "10Gi";

/// How the pods of a StatefulSet come and go. Inlined into each kind that runs one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSetFields {
    /// Whether pods start all at once or one after another. It cannot be changed in a StatefulSet
    /// that exists: the condition Reconciled says what to do. Unset: Parallel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<PodManagementPolicy>")]
    pub pod_management_policy: Option<PodManagementPolicy>,
    /// Seconds that a new pod must be ready before the next one is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub min_ready_seconds: Option<i32>,
    /// Seconds from the order to stop until a pod is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub termination_grace_period_seconds: Option<i64>,
    /// What becomes of volumes when their pods are gone for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim_retention_policy: Option<ClaimRetentionPolicy>,
}

/// How the pods of a StatefulSet start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodManagementPolicy {
    /// One after another, each when the one before is ready.
    OrderedReady,
    /// All at once.
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

/// What becomes of volumes when their pods are gone for good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRetentionPolicy {
    /// When the resource is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ClaimRetention>")]
    pub when_deleted: Option<ClaimRetention>,
    /// When there are fewer replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ClaimRetention>")]
    pub when_scaled: Option<ClaimRetention>,
}

/// Whether a volume is kept.
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

/// The volume of each pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageConfig {
    /// Size of each volume. A larger size grows the volumes that exist, where their StorageClass
    /// allows it; a smaller one is refused. Unset: 10Gi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub size: Option<String>,
    /// StorageClass of the volumes. It cannot be changed. Unset: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::storage_class")]
    pub storage_class: Option<String>,
}

/// Pods of a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSetStatus {
    /// Pods.
    #[serde(default)]
    pub replicas: i32,
    /// Pods that are up to date.
    #[serde(default)]
    pub updated_replicas: i32,
    /// Pods of the revision that is being replaced; all of them when none is.
    #[serde(default)]
    pub current_replicas: i32,
    /// Pods that are available.
    #[serde(default)]
    pub available_replicas: i32,
    /// Pods that are ready.
    #[serde(default)]
    pub ready_replicas: i32,
}
