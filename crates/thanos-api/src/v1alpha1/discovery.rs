//! How queriers find Prometheus instances, and what bridges them.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{lenient, schema};

/// Ways of discovery.
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
    /// Whether this section counts. True without a selector means every ServiceMonitor in the
    /// selected namespaces. Unset: true if a selector is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// As serviceMonitorSelector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub selector: Option<LabelSelector>,
    /// As serviceMonitorNamespaceSelector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// What to do with a Prometheus that has no Thanos sidecar. Unset: Bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<WithoutSidecar>")]
    pub without_sidecar: Option<WithoutSidecar>,
}

/// What to do with a Prometheus that has no Thanos sidecar: run one for it in a pod of its own, or
/// only report it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WithoutSidecar {
    #[default]
    #[allow(missing_docs)]
    Bridge,
    #[allow(missing_docs)]
    Report,
}

/// How bridges run. Their image, logging, placement and security context are those of the queriers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BridgeSpec {
    /// CPU and memory of each bridge.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::quantities"
    )]
    #[schemars(schema_with = "schema::embedded::<ResourceRequirements>")]
    pub resource_requirements: Option<ResourceRequirements>,
    /// More arguments for the bridges, each as --flag=value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::args")]
    pub additional_args: Option<Vec<String>>,
}
