//! Fields of every kind for the integration with Prometheus Operator and NetworkPolicies.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Integration with the cluster. Inlined into the spec of each kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Switches for features of this custom resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<FeatureGates>,
    /// ServiceMonitors created for the components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_monitor: Option<ServiceMonitorConfig>,
    /// NetworkPolicies for the components and for the endpoints that they query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicyConfig>,
}

/// Switches for features.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureGates {
    /// Whether custom resources of Prometheus Operator are read and written for this custom
    /// resource. It has an effect only if their CRDs are installed. Unset: true.
    // The acronym is upper case in the API, which `camelCase` does not give.
    #[serde(
        default,
        rename = "enablePrometheusOperatorCRDs",
        skip_serializing_if = "Option::is_none"
    )]
    pub enable_prometheus_operator_crds: Option<bool>,
}

/// ServiceMonitors created for the components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("!has(self.scrapeTimeout) || has(self.interval)")
        .message("scrapeTimeout requires interval, because Prometheus rejects a timeout that is longer than the interval")
)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitorConfig {
    /// Whether ServiceMonitors are created. Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Labels added to the ServiceMonitors, such as those that a Prometheus selects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations added to the ServiceMonitors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Scrape interval. Unset: the default of the Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub interval: Option<String>,
    /// Scrape timeout. Unset: the default of the Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub scrape_timeout: Option<String>,
    /// Relabeling of targets before the scrape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relabelings: Option<Vec<RelabelConfig>>,
    /// Relabeling of samples before ingestion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_relabelings: Option<Vec<RelabelConfig>>,
}

/// Relabeling step, as in a ServiceMonitor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelabelConfig {
    /// Labels whose values are joined by separator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_labels: Option<Vec<String>>,
    /// Separator of the joined label values. Unset: a semicolon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Label that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
    /// Regular expression that the joined values must match. Unset: (.*).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Modulus of the hash, for the action hashmod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub modulus: Option<i64>,
    /// Replacement value for the target label. Unset: $1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// Action of the step. Unset: replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RelabelAction>")]
    pub action: Option<RelabelAction>,
}

/// Action of a relabeling step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum RelabelAction {
    Replace,
    Keep,
    Drop,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
    KeepEqual,
    DropEqual,
}

impl RelabelAction {
    /// As Prometheus spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
        }
    }
}

/// NetworkPolicies for the components and for the endpoints that they query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicyConfig {
    /// Whether policies are created that allow only the components' own ports, and the StoreAPI of
    /// bridges only from the queriers. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether policies are created that allow the pods of this custom resource to connect to
    /// discovered Prometheus pods where existing policies block them. Unset: Never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<OpenDiscovered>")]
    pub open_discovered: Option<OpenDiscovered>,
}

/// Namespaces in which discovered pods are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OpenDiscovered {
    #[default]
    #[allow(missing_docs)]
    Never,
    #[allow(missing_docs)]
    SameNamespace,
}
