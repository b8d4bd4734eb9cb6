//! Fields, common to all kinds, about what surrounds Thanos: Prometheus Operator and NetworkPolicies.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What surrounds Thanos. Inlined into each kind's spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// Turns whole features off for this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<FeatureGates>,
    /// The ServiceMonitors that are created for the components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_monitor: Option<ServiceMonitorConfig>,
    /// NetworkPolicies for the components and for what they read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicyConfig>,
}

/// Features that can be turned off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureGates {
    /// Whether Prometheus Operator's resources are read and written for this resource. Unset: true,
    /// which has an effect only where the cluster has them.
    // The acronym is upper case in the API, which `camelCase` does not give.
    #[serde(
        default,
        rename = "enablePrometheusOperatorCRDs",
        skip_serializing_if = "Option::is_none"
    )]
    pub enable_prometheus_operator_crds: Option<bool>,
}

/// The ServiceMonitors that are created.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("!has(self.scrapeTimeout) || has(self.interval)")
        .message("scrapeTimeout needs interval as well, because Prometheus refuses a timeout that is longer than the interval")
)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitorConfig {
    /// Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// More labels for the ServiceMonitors, such as the ones that Prometheus selects by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations for the ServiceMonitors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Scrape interval. Unset: the one of Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub interval: Option<String>,
    /// Scrape timeout. Unset: the one of Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub scrape_timeout: Option<String>,
    /// Relabeling of targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relabelings: Option<Vec<RelabelConfig>>,
    /// Relabeling of scraped series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_relabelings: Option<Vec<RelabelConfig>>,
}

/// One step of relabeling, as in a ServiceMonitor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelabelConfig {
    /// Labels whose values are joined by the separator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_labels: Option<Vec<String>>,
    /// Unset: a semicolon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// The label that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
    /// Unset: anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// For the action hashmod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub modulus: Option<i64>,
    /// Unset: the first group of the regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// Unset: replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RelabelAction>")]
    pub action: Option<RelabelAction>,
}

/// What a step of relabeling does.
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

/// NetworkPolicies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicyConfig {
    /// Whether the components get policies that admit their own ports only, and the bridges'
    /// StoreAPI to the queriers only. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether policies are created that let this resource's pods reach the Prometheus pods it
    /// discovered, where existing policies keep them out. Unset: Never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<OpenDiscovered>")]
    pub open_discovered: Option<OpenDiscovered>,
}

/// Where ways to discovered pods are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OpenDiscovered {
    #[default]
    #[allow(missing_docs)]
    Never,
    #[allow(missing_docs)]
    SameNamespace,
}
