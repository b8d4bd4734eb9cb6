//! Discovery of Prometheus instances, and the bridges to them.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{schema, tolerant_decode};

/// Discovery of endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDiscovery {
    /// Discovery of Prometheus instances by ServiceMonitors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_service_monitors: Option<PrometheusServiceMonitors>,
}

/// Discovery of Prometheus instances by ServiceMonitors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusServiceMonitors {
    /// Whether this section is used. True without a selector selects every ServiceMonitor in the
    /// selected namespaces. Unset: true if a selector is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// ServiceMonitors, as in serviceMonitorSelector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub selector: Option<LabelSelector>,
    /// Namespaces, as in serviceMonitorNamespaceSelector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// Handling of a Prometheus without a Thanos sidecar. Unset: Bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<WithoutSidecar>")]
    pub without_sidecar: Option<WithoutSidecar>,
}

/// Handling of a Prometheus without a Thanos sidecar: run a bridge for it, or only report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WithoutSidecar {
    #[default]
    #[allow(missing_docs)]
    Bridge,
    #[allow(missing_docs)]
    Report,
}

/// Configuration of bridges. They use image, logging, placement and security context of the
/// queriers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BridgeSpec {
    /// CPU and memory of each bridge.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant_decode::quantities"
    )]
    #[schemars(schema_with = "schema::embedded::<ResourceRequirements>")]
    pub resource_requirements: Option<ResourceRequirements>,
    /// Arguments added to the bridges, each as --flag=value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::args")]
    pub additional_args: Option<Vec<String>>,
}
