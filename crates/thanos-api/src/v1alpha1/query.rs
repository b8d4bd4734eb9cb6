//! ThanosQuery: queriers over the StoreAPIs of Prometheus instances and Thanos components.

// Each column has a name, a type and a path.
#![allow(clippy::duplicated_attributes)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::common::{Additional, CommonFields};
use super::discovery::{BridgeSpec, ServiceDiscovery};
use super::frontend::QueryFrontendSpec;
use super::integration::Integration;
use super::options::{GrpcProxyStrategy, PromqlEngine, TelemetryQuantiles, WebConfig};
use super::status::ThanosQueryStatus;
use crate::{schema, tolerant_decode};

/// Configuration of the queriers and of the endpoints that they query.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "monitoring.thanos.io",
    version = "v1alpha1",
    kind = "ThanosQuery",
    plural = "thanosqueries",
    namespaced,
    status = "ThanosQueryStatus",
    derive = "PartialEq",
    shortname = "tq",
    category = "thanos",
    doc = "Queriers over existing Prometheus instances and over Thanos components",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        json_path = ".status.readyReplicas"
    ),
    printcolumn(
        name = "Endpoints",
        type_ = "integer",
        json_path = ".status.endpointsTotal"
    ),
    printcolumn(
        name = "Prometheus-Operator",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='PrometheusOperatorIntegration')].reason"
    ),
    printcolumn(
        name = "Monitored",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Monitored')].reason",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
// A custom resource without a spec has an empty spec.
#[schemars(extend("default" = {}))]
pub struct ThanosQuerySpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    /// Number of querier pods.
    // The one schema default: the scale subresource shows an unset path as zero, and an autoscaler
    // takes zero for "switched off".
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub replicas: i32,
    /// Labels that distinguish replicas; series that differ only in them are deduplicated. Replica
    /// labels of discovered endpoints are added (see learnReplicaLabels). Unset: replica,
    /// prometheus_replica, rule_replica, thanos_ruler_replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_names")]
    pub replica_labels: Option<Vec<String>>,
    /// Whether replica labels of discovered endpoints are added to replicaLabels. Learned labels
    /// are never dropped during the lifetime of this ThanosQuery. Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn_replica_labels: Option<bool>,
    /// Additional labels that a Service must have to be discovered as a StoreAPI, besides
    /// operator.thanos.io/store-api=true and app.kubernetes.io/part-of=thanos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub custom_store_label_selector: Option<LabelSelector>,
    /// Namespaces in which StoreAPI Services are discovered. Unset: this namespace. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub store_namespace_selector: Option<LabelSelector>,
    /// ServiceMonitors that select the Prometheus instances to query: Prometheuses that these
    /// ServiceMonitors target, or that select these ServiceMonitors. Unset: none. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub service_monitor_selector: Option<LabelSelector>,
    /// Namespaces of the ServiceMonitors that serviceMonitorSelector selects. Unset: this
    /// namespace. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub service_monitor_namespace_selector: Option<LabelSelector>,
    /// Nested form of serviceMonitorSelector and serviceMonitorNamespaceSelector. If both forms are
    /// set, ServiceMonitors that match either are selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_discovery: Option<ServiceDiscovery>,
    /// Bridges: Thanos sidecars in separate pods, for Prometheus instances without a sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<BridgeSpec>,
    /// Histogram buckets of the queriers' own request metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry_quantiles: Option<TelemetryQuantiles>,
    /// Paths and headers of the UI and API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_config: Option<WebConfig>,
    /// How series are fetched from StoreAPIs. Unset: eager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<GrpcProxyStrategy>")]
    pub grpc_proxy_strategy: Option<GrpcProxyStrategy>,
    /// Maximum duration of a query. Unset: 15m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub query_timeout: Option<String>,
    /// Maximum age of the latest sample that a query returns. Unset: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub lookback_delta: Option<String>,
    /// Maximum number of queries that one pod evaluates concurrently. Unset: 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_concurrent: Option<i32>,
    /// Maximum number of select requests that one query runs concurrently. Unset: 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_concurrent_select: Option<i32>,
    /// PromQL engine. Unset: prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<PromqlEngine>")]
    pub promql_engine: Option<PromqlEngine>,
    /// Whether queries return partial results with a warning while an endpoint is unavailable.
    /// Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_response: Option<bool>,
    /// Timeout after which an endpoint that sends no data is left out of the result. 0s: only
    /// queryTimeout applies. Unset: 30s with partialResponse, 0s without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub store_response_timeout: Option<String>,
    /// Query frontend in front of the queriers. Unset: none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant_decode::section"
    )]
    pub query_frontend: Option<QueryFrontendSpec>,
    /// Whether reconciliation is suspended: no object of this ThanosQuery is changed. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub additional: Additional,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub integration: Integration,
}

const fn one() -> i32 {
    1
}

impl Default for ThanosQuerySpec {
    /// The meaning of `spec: {}`.
    fn default() -> Self {
        Self {
            common: CommonFields::default(),
            replicas: one(),
            replica_labels: None,
            learn_replica_labels: None,
            custom_store_label_selector: None,
            store_namespace_selector: None,
            service_monitor_selector: None,
            service_monitor_namespace_selector: None,
            service_discovery: None,
            bridge: None,
            telemetry_quantiles: None,
            web_config: None,
            grpc_proxy_strategy: None,
            query_timeout: None,
            lookback_delta: None,
            max_concurrent: None,
            max_concurrent_select: None,
            promql_engine: None,
            partial_response: None,
            store_response_timeout: None,
            query_frontend: None,
            paused: None,
            additional: Additional::default(),
            integration: Integration::default(),
        }
    }
}
