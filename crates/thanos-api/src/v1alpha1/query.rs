//! ThanosQuery: queriers over the StoreAPIs that Prometheus and Thanos offer.

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
use crate::{lenient, schema};

/// What queriers should run, and what they should read from.
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
// A resource without a spec is one with an empty spec.
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
    /// Labels that tell replicas apart; series that differ in them only are merged. Those of the
    /// selected Prometheus resources are added (see learnReplicaLabels). Unset: replica,
    /// prometheus_replica, rule_replica, thanos_ruler_replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_names")]
    pub replica_labels: Option<Vec<String>>,
    /// Whether replica labels of what is discovered are added. Unset: true. Labels are added, never
    /// dropped, while this resource lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn_replica_labels: Option<bool>,
    /// More labels that a Service must have to be picked up as a StoreAPI, besides
    /// operator.thanos.io/store-api=true and app.kubernetes.io/part-of=thanos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub custom_store_label_selector: Option<LabelSelector>,
    /// Namespaces in which StoreAPI Services are looked for. Unset: this one. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub store_namespace_selector: Option<LabelSelector>,
    /// ServiceMonitors that lead to the Prometheus instances to query: those they scrape, or those
    /// that scrape by them. Unset: none. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub service_monitor_selector: Option<LabelSelector>,
    /// Namespaces in which these ServiceMonitors are looked for. Unset: this one. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub service_monitor_namespace_selector: Option<LabelSelector>,
    /// The longer form of the two selectors above. With both given, what either selects counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_discovery: Option<ServiceDiscovery>,
    /// Bridges: Thanos sidecars in pods of their own, for Prometheus instances without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<BridgeSpec>,
    /// Histogram buckets of the queriers' own request metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry_quantiles: Option<TelemetryQuantiles>,
    /// How the UI and API are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_config: Option<WebConfig>,
    /// How series are fetched from StoreAPIs. Unset: eager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<GrpcProxyStrategy>")]
    pub grpc_proxy_strategy: Option<GrpcProxyStrategy>,
    /// Longest time a query may take. Unset: 15m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub query_timeout: Option<String>,
    /// How far back a query looks for the latest sample. Unset: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub lookback_delta: Option<String>,
    /// Queries that one pod runs at a time. Unset: 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_concurrent: Option<i32>,
    /// Selects that one query runs at a time. Unset: 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_concurrent_select: Option<i32>,
    /// The engine that evaluates queries. Unset: prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<PromqlEngine>")]
    pub promql_engine: Option<PromqlEngine>,
    /// Whether a query is answered, with a warning, while an endpoint is down. Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_response: Option<bool>,
    /// An endpoint that sends nothing for so long is left out of the answer. 0s: wait as long as
    /// the query may take. Unset: 30s with partial responses, 0s without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub store_response_timeout: Option<String>,
    /// A query frontend before the queriers. Unset: none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::section"
    )]
    pub query_frontend: Option<QueryFrontendSpec>,
    /// Leaves every object as it is, until unset.
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
    /// What `spec: {}` means.
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
