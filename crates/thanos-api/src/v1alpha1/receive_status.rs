//! The status of a ThanosReceive.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stateful::StatefulSetStatus;
use super::status::{DeploymentStatus, PrometheusOperatorStatus};

/// The most members that the status names of one hashring.
pub const MAX_NAMED_MEMBERS: usize = 50;

/// The most unreachable tenants that the status names of one hashring.
pub const MAX_UNREACHABLE_TENANTS: usize = 50;

/// What a ThanosReceive observed and runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThanosReceiveStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Pods of the routers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Pods of the routers that are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the routers, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// What is true of this resource, one entry per question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Whether spec.paused was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What of Prometheus Operator is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_operator: Option<PrometheusOperatorStatus>,
    /// The replication factor in effect. It rises when every hashring has the members for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<i32>,
    /// Ingesters that are ready, of all hashrings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ingesters: Option<i32>,
    /// The hashrings, and what is done with each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub hashrings: Vec<HashringProgress>,
    /// What routers report as thanos_receive_config_hash once they have the published hashrings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<i64>,
    /// Pods of the routers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router_status: Option<DeploymentStatus>,
    /// Pods of each hashring, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashring_status: BTreeMap<String, StatefulSetStatus>,
    /// Digest of what was applied last; lets a restarted controller know that nothing has to be
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
}

/// A hashring, and what is done with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HashringProgress {
    /// Its name.
    pub name: String,
    /// What is done.
    pub step: HashringStep,
    /// Since when.
    pub since: Time,
    /// What this step waits for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The members of the published hashring, by pod: the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// The number of members of the published hashring.
    pub members_total: i32,
    /// The number of members that it is to have.
    pub desired: i32,
    /// The pods that left it and run on until everything they hold is safe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<String>,
    /// Tenants of the hashring whose samples an earlier hashring takes, as in the spec: the first 50.
    /// `*` if the hashring has no tenants, and an earlier one takes those of every tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable_tenants: Vec<String>,
}

/// What is done with a hashring, in the order in which it is done.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum HashringStep {
    /// Nothing: it has the members that it is to have, and every router knows.
    Stable,
    /// New members start. They join when all of them are ready.
    Starting,
    /// New members are ready, and queriers learn of them.
    Joining,
    /// Members changed, and routers learn of it.
    Publishing,
    /// A member that left is restarted until everything it holds is uploaded.
    Draining,
    /// What a member that left holds is uploaded, and stores learn of it.
    WaitingForStores,
    /// A member that left goes.
    Removing,
}

impl HashringStep {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Stable,
        Self::Starting,
        Self::Joining,
        Self::Publishing,
        Self::Draining,
        Self::WaitingForStores,
        Self::Removing,
    ];

    /// As the API shows it.
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
