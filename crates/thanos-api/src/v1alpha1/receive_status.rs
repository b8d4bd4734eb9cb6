//! Status of a ThanosReceive.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stateful::StatefulSetStatus;
use super::status::{CommonStatus, DeploymentStatus};
use crate::schema::describe;

/// Maximum number of members of one hashring in the status.
pub const MAX_NAMED_MEMBERS: usize = 50;

/// Maximum number of unreachable tenants of one hashring in the status.
pub const MAX_UNREACHABLE_TENANTS: usize = 50;

/// Observed state of a ThanosReceive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = describe(&[
    ("observedGeneration", "Generation of the spec that this status describes."),
    ("conditions", "Conditions, by type."),
    ("paused", "Whether spec.paused is in effect."),
    ("prometheusOperator", "Use of the kinds of Prometheus Operator."),
    ("appliedHash", "Digest of the applied objects, so that a restarted controller writes nothing."),
]))]
pub struct ThanosReceiveStatus {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonStatus,
    /// Number of router pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Number of ready router pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the routers, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Replication factor in effect. It is raised once every hashring has enough members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<i32>,
    /// Number of ready ingesters of all hashrings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ingesters: Option<i32>,
    /// Progress of each hashring.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub hashrings: Vec<HashringProgress>,
    /// Value of thanos_receive_config_hash of routers that have loaded the published hashrings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<i64>,
    /// Numbers of router pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_status: Option<DeploymentStatus>,
    /// Numbers of pods, by hashring.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashring_status: BTreeMap<String, StatefulSetStatus>,
}

/// Progress of a hashring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HashringProgress {
    /// Name of the hashring.
    pub name: String,
    /// Current step.
    pub step: HashringStep,
    /// Start of the step.
    pub since: Time,
    /// What the step waits for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Pods of the members of the published hashring, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Number of members of the published hashring.
    pub members_total: i32,
    /// Number of members in the spec.
    pub desired: i32,
    /// Pods that left the hashring and run until their samples are uploaded and synced, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<String>,
    /// Entries of tenancyConfig.tenants that an earlier hashring matches, at most 50. `*` if the hashring
    /// has no tenants and an earlier one matches every tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable_tenants: Vec<String>,
}

/// Steps of a change of a hashring, in order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum HashringStep {
    /// The hashring has the members of the spec, and every router has loaded it.
    Stable,
    /// New members start. They join once all of them are ready.
    Starting,
    /// New members are ready, and queriers discover them.
    Joining,
    /// Members changed, and routers load the change.
    Publishing,
    /// A member that left is restarted until all its samples are uploaded.
    Draining,
    /// A member that left has uploaded its samples, and stores sync them.
    WaitingForStores,
    /// A member that left is removed.
    Removing,
}

impl HashringStep {
    /// All steps, in order.
    pub const ALL: [Self; 7] = [
        Self::Stable,
        Self::Starting,
        Self::Joining,
        Self::Publishing,
        Self::Draining,
        Self::WaitingForStores,
        Self::Removing,
    ];

    /// Value in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "Stable",
            Self::Starting => "Starting",
            Self::Joining => "Joining",
            Self::Publishing => "Publishing",
            Self::Draining => "Draining",
            Self::WaitingForStores => "WaitingForStores",
            Self::Removing => "Removing",
        }
    }
}
