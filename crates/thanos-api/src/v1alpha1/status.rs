//! Status of the custom resources.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::describe;

/// Maximum number of listed endpoints. The total is always exact.
pub const MAX_ENDPOINTS: usize = 100;
/// Maximum number of listed skipped objects. The total is always exact.
pub const MAX_SKIPPED: usize = 50;

/// Fields of every status. Inlined into the status of each kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonStatus {
    /// Generation of the spec that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions, one entry per type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Whether reconciliation is suspended by spec.paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Prometheus Operator CRDs in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_operator: Option<PrometheusOperatorStatus>,
    /// Digest of the last applied objects. It lets a restarted controller skip writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
}

/// Observed state of a ThanosQuery.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = describe(&[
    ("conditions", "Conditions of this ThanosQuery, one entry per type."),
]))]
pub struct ThanosQueryStatus {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonStatus,
    /// Number of querier pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Number of ready querier pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the querier pods, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// StoreAPI endpoints of the queriers, the first 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ENDPOINTS))]
    pub endpoints: Vec<EndpointStatus>,
    /// Number of endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints_total: Option<i32>,
    /// Selected objects that provide no endpoint, the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_SKIPPED))]
    pub skipped: Vec<SkippedStatus>,
    /// Number of skipped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_total: Option<i32>,
    /// Replica labels of the queriers: those of the spec and the learned ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replica_labels: Vec<String>,
    /// Replica labels learned from discovered endpoints. They are never dropped, since old data
    /// would appear twice without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned_replica_labels: Vec<String>,
    /// Deployment of the queriers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub querier_status: Option<DeploymentStatus>,
    /// Deployment of the query frontend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_frontend_status: Option<DeploymentStatus>,
}

/// Prometheus Operator CRDs in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusOperatorStatus {
    /// Whether the integration is enabled: by the flag of the controller and by featureGates of
    /// this custom resource.
    #[serde(default)]
    pub enabled: bool,
    /// State of each CRD.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into()]))]
    pub kinds: Vec<IntegrationKindStatus>,
}

/// Whether one CRD of Prometheus Operator is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationKindStatus {
    /// Kind, such as ServiceMonitor.
    pub kind: String,
    /// Whether the CRD is used.
    pub effective: bool,
    /// Reason, as in the condition PrometheusOperatorIntegration.
    pub reason: String,
}

/// StoreAPI endpoint and its origin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// Address in the syntax of Thanos.
    pub address: String,
    /// Transport to the data.
    pub via: EndpointVia,
    /// ServiceMonitor that selects the endpoint, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_monitor: Option<String>,
    /// Service of the endpoint, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Prometheus resource of the endpoint, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
    /// Pod of the endpoint, as namespace/name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Number of other ServiceMonitors that select the same endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<i32>,
    /// NetworkPolicies that block the queriers (or the bridge), as namespace/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub blocked_by: Vec<String>,
    /// Change that would allow the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_with: Option<String>,
}

/// Transport to the data of an endpoint: the sidecar in a Prometheus pod, a bridge, a Service that
/// a ServiceMonitor selects, or a labelled StoreAPI Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum EndpointVia {
    #[default]
    Sidecar,
    Bridge,
    Service,
    StoreAPI,
}

/// Selected object that provides no endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkippedStatus {
    /// Object, as Kind namespace/name.
    pub subject: String,
    /// Reason in CamelCase.
    pub reason: String,
    /// Reason and remedy.
    pub message: String,
}

/// Pods of a Deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// Number of pods.
    #[serde(default)]
    pub replicas: i32,
    /// Number of pods of the current revision.
    #[serde(default)]
    pub updated_replicas: i32,
    /// Number of available pods.
    #[serde(default)]
    pub available_replicas: i32,
    /// Number of pods missing for full availability.
    #[serde(default)]
    pub unavailable_replicas: i32,
    /// Number of ready pods.
    #[serde(default)]
    pub ready_replicas: i32,
}
