//! Status of the resources.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many endpoints a status lists. The total is always exact.
pub const MAX_ENDPOINTS: usize = 100;
/// How many skipped objects a status lists. The total is always exact.
pub const MAX_SKIPPED: usize = 50;

/// What a ThanosQuery observed and runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThanosQueryStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Querier pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Querier pods that are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the querier pods, for autoscalers.
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
    /// The StoreAPI endpoints of the queriers, the first 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ENDPOINTS))]
    pub endpoints: Vec<EndpointStatus>,
    /// The number of endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints_total: Option<i32>,
    /// What was selected and led to no endpoint, the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_SKIPPED))]
    pub skipped: Vec<SkippedStatus>,
    /// The number of skipped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_total: Option<i32>,
    /// Replica labels of the queriers: those of the spec and those learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replica_labels: Vec<String>,
    /// Replica labels that were learned from what was discovered. None is ever dropped, since old
    /// data would show twice without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned_replica_labels: Vec<String>,
    /// Digest of what was applied last; lets a restarted controller know that nothing has to be
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
    /// Pods of the queriers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub querier_status: Option<DeploymentStatus>,
    /// Pods of the query frontend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_frontend_status: Option<DeploymentStatus>,
}

/// What of Prometheus Operator is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusOperatorStatus {
    /// Whether both gates, the controller's and this resource's, are open.
    #[serde(default)]
    pub enabled: bool,
    /// One entry per kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into()]))]
    pub kinds: Vec<IntegrationKindStatus>,
}

/// Whether one kind of Prometheus Operator is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationKindStatus {
    /// Kind, as in ServiceMonitor.
    pub kind: String,
    /// Whether it is used.
    pub effective: bool,
    /// Why, or why not: the reasons of the condition PrometheusOperatorIntegration.
    pub reason: String,
}

/// One StoreAPI endpoint and why it is one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// Address, as Thanos takes it.
    pub address: String,
    /// How the data is reached.
    pub via: EndpointVia,
    /// The ServiceMonitor that led here, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_monitor: Option<String>,
    /// The Service that led here, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The Prometheus resource behind it, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
    /// The pod behind it, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// How many other ServiceMonitors lead to the same endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<i32>,
    /// The NetworkPolicies that keep the queriers (or the bridge) out, as namespace/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub blocked_by: Vec<String>,
    /// What would open the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_with: Option<String>,
}

/// How an endpoint's data is reached: by the sidecar in a Prometheus pod, by a bridge, by a Service
/// that a ServiceMonitor selects, or by a labelled StoreAPI Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum EndpointVia {
    #[default]
    Sidecar,
    Bridge,
    Service,
    StoreAPI,
}

/// What was selected and led to no endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkippedStatus {
    /// The object, as Kind namespace/name.
    pub subject: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, and what to do.
    pub message: String,
}

/// Pods of a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// Pods.
    #[serde(default)]
    pub replicas: i32,
    /// Pods that are up to date.
    #[serde(default)]
    pub updated_replicas: i32,
    /// Pods that are available.
    #[serde(default)]
    pub available_replicas: i32,
    /// Pods that are missing.
    #[serde(default)]
    pub unavailable_replicas: i32,
    /// Pods that are ready.
    #[serde(default)]
    pub ready_replicas: i32,
}
