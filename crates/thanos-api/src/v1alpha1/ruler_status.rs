//! The status of a ThanosRuler.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stateful::StatefulSetStatus;
use super::status::{CommonStatus, SkippedStatus};
use crate::schema::describe;

/// Maximum number of rejected rules in a status. The total is always exact.
pub const MAX_REJECTED: usize = 100;
/// Maximum number of objects with held-back rules in a status.
pub const MAX_HELD_RULES: usize = 200;
/// Maximum number of overlapping PrometheusRules in a status. The total is always exact.
pub const MAX_OVERLAPS: usize = 50;
/// Maximum number of Alertmanagers in a status. The total is always exact.
pub const MAX_ALERTMANAGERS: usize = 50;
/// Maximum number of Alertmanager addresses with failed sends in a status.
pub const MAX_FAILED_SENDS: usize = 50;

/// Observed state of a ThanosRuler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = describe(&[
    ("observedGeneration", "Generation of the spec that this status describes."),
    ("conditions", "Conditions of this ThanosRuler."),
    ("paused", "Whether spec.paused is in effect."),
    ("prometheusOperator", "Kinds of Prometheus Operator that are used."),
    ("appliedHash", "Digest of the last applied objects. A restarted controller writes nothing if it is equal."),
]))]
pub struct ThanosRulerStatus {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonStatus,
    /// Number of pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Number of ready pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Number of updated pods, as in rulerStatus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<i32>,
    /// Number of available pods, as in rulerStatus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_replicas: Option<i32>,
    /// Number of pods of the current revision, as in rulerStatus; during a rollout, the revision that is
    /// being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<i32>,
    /// Label selector of the pods, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Numbers of selected, mounted, shadowed and rejected rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RuleCounts>,
    /// Rules that are invalid or not mounted for another reason, the first 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_REJECTED))]
    pub rejected_rules: Vec<RejectedRule>,
    /// Objects whose rules are held back because rulers fail to load the rules that changed since the last
    /// successful load, the first 200. All are mounted again when one of them changes or is deleted, or
    /// when the image of the rulers changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_HELD_RULES))]
    pub held_rules: Vec<HeldRules>,
    /// PrometheusRules that another evaluator also evaluates, the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_OVERLAPS))]
    pub overlaps: Vec<RuleOverlap>,
    /// Number of PrometheusRules that another evaluator also evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlaps_total: Option<i32>,
    /// PrometheusRules that a Prometheus or a ThanosRuler of Prometheus Operator selects and does not
    /// evaluate completely, the first 50. The rules that it does not evaluate are active here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_OVERLAPS))]
    pub not_evaluated_elsewhere: Vec<MissedRule>,
    /// Alertmanagers that receive alerts, the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ALERTMANAGERS))]
    pub alertmanagers: Vec<AlertmanagerStatus>,
    /// Number of Alertmanagers that receive alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanagers_total: Option<i32>,
    /// Addresses of Alertmanagers to which sends failed since the rulers started, the first 50. Updated
    /// only when another send fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_FAILED_SENDS))]
    pub failed_sends: Vec<FailedSends>,
    /// Addresses of the queriers that rulers query, the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub queriers: Vec<String>,
    /// Selected Alertmanagers and Services that are not used, the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub skipped: Vec<SkippedStatus>,
    /// Status of the StatefulSet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruler_status: Option<StatefulSetStatus>,
}

/// Numbers of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleCounts {
    /// Number of selected PrometheusRules.
    pub prometheus_rules: i32,
    /// Number of selected ConfigMaps.
    pub config_maps: i32,
    /// Number of mounted groups.
    pub groups: i32,
    /// Number of mounted rules.
    pub evaluated: i32,
    /// Number of mounted alerting rules in shadow mode, whose alerts are not sent.
    pub shadowed: i32,
    /// Number of recording rules that are omitted because another evaluator has them.
    pub left_out: i32,
    /// Number of rejected groups, which are not mounted.
    pub rejected: i32,
}

/// A rejected rule, group or object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedRule {
    /// Object with the rule, as Kind namespace/name.
    pub subject: String,
    /// Name of the group; empty if the whole object is rejected.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Name of the rule; empty if the whole group is rejected.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// Reason and remedy.
    pub message: String,
}

/// An object whose rules are held back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldRules {
    /// Object with the rules, as Kind namespace/name.
    pub subject: String,
    /// Digest of the held-back rules and of the image of the rulers.
    pub digest: String,
}

/// A PrometheusRule that another evaluator also evaluates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleOverlap {
    /// The PrometheusRule, as namespace/name.
    pub prometheus_rule: String,
    /// First evaluator, as Kind namespace/name.
    pub evaluated_by: String,
    /// Number of further evaluators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<i32>,
}

/// A PrometheusRule that another evaluator selects and does not evaluate completely.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissedRule {
    /// The PrometheusRule, as namespace/name.
    pub prometheus_rule: String,
    /// Evaluator that selects it, as Kind namespace/name.
    pub selected_by: String,
    /// Rules that are not evaluated there, with the reason if Prometheus Operator reports one.
    pub message: String,
}

/// An Alertmanager that receives alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertmanagerStatus {
    /// URL of the Alertmanager.
    pub url: String,
    /// Alertmanager resource, as namespace/name; empty if the URL is from the spec.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alertmanager: String,
    /// NetworkPolicies that block rulers, as namespace/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub blocked_by: Vec<String>,
    /// Change of NetworkPolicies that admits rulers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_with: Option<String>,
}

/// Sends of alerts that failed, as all rulers together report them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedSends {
    /// Host and port of the Alertmanager, as rulers resolved them.
    pub address: String,
    /// Number of sends that failed since the rulers started.
    pub failed: i64,
    /// Number of alerts that the Alertmanager accepted until the last send failed.
    pub sent: i64,
    /// HTTP status of the Alertmanager, 401 or 403, if all failed sends got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i32>,
    /// Time at which the controller last found new failed sends and no successful one. Unset after a
    /// successful send, or if no send failed for 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Time>,
}
