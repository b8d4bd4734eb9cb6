//! The status of a ThanosRuler.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stateful::StatefulSetStatus;
use super::status::{PrometheusOperatorStatus, SkippedStatus};

/// How many rejected rules a status lists. The total is always exact.
pub const MAX_REJECTED: usize = 100;
/// How many objects a status lists whose rules are held back.
pub const MAX_HELD_RULES: usize = 200;
/// How many overlapping PrometheusRules a status lists. The total is always exact.
pub const MAX_OVERLAPS: usize = 50;
/// How many Alertmanagers a status lists. The total is always exact.
pub const MAX_ALERTMANAGERS: usize = 50;
/// How many addresses of Alertmanagers a status lists to which sends failed.
pub const MAX_FAILED_SENDS: usize = 50;

/// What a ThanosRuler observed and runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThanosRulerStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Pods that are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Pods that are up to date; the same as in rulerStatus, as are the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<i32>,
    /// Pods that are available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_replicas: Option<i32>,
    /// Pods of the revision that is being replaced; all of them when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<i32>,
    /// Label selector of the pods, for autoscalers.
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
    /// How many rules there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RuleCounts>,
    /// Rules that Thanos would refuse, or that are not evaluated for another reason: the first 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_REJECTED))]
    pub rejected_rules: Vec<RejectedRule>,
    /// Objects whose rules are held back, because rulers fail to load the rules that changed since the last
    /// successful load: the first 200. All are mounted again when one of them changes or is deleted, or
    /// when the image of the rulers changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_HELD_RULES))]
    pub held_rules: Vec<HeldRules>,
    /// PrometheusRules that are evaluated elsewhere as well: the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_OVERLAPS))]
    pub overlaps: Vec<RuleOverlap>,
    /// The number of PrometheusRules that are evaluated elsewhere as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlaps_total: Option<i32>,
    /// PrometheusRules that a Prometheus, or a ThanosRuler of Prometheus Operator, selects without
    /// evaluating them, or all of them, so that the rest is active here: the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_OVERLAPS))]
    pub not_evaluated_elsewhere: Vec<MissedRule>,
    /// The Alertmanagers that are told: the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ALERTMANAGERS))]
    pub alertmanagers: Vec<AlertmanagerStatus>,
    /// The number of Alertmanagers that are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanagers_total: Option<i32>,
    /// The addresses of Alertmanagers to which sends of alerts failed since the rulers started: the
    /// first 50. Written only when another send fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_FAILED_SENDS))]
    pub failed_sends: Vec<FailedSends>,
    /// The addresses of the queriers that are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub queriers: Vec<String>,
    /// What was selected and led to nothing, the first 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub skipped: Vec<SkippedStatus>,
    /// Pods of the StatefulSet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruler_status: Option<StatefulSetStatus>,
    /// Digest of what was applied last; lets a restarted controller know that nothing has to be
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
}

/// How many rules there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleCounts {
    /// PrometheusRules that are selected.
    pub prometheus_rules: i32,
    /// ConfigMaps that are selected.
    pub config_maps: i32,
    /// Groups that are mounted.
    pub groups: i32,
    /// Rules that are mounted.
    pub evaluated: i32,
    /// Alerting rules among them whose alerts are not sent, since they are evaluated elsewhere.
    pub shadowed: i32,
    /// Recording rules that are not mounted, since they are evaluated elsewhere.
    pub left_out: i32,
    /// Groups that are not mounted, since something in them is refused.
    pub rejected: i32,
}

/// A rule that is not mounted, with the group that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedRule {
    /// The object, as Kind namespace/name.
    pub subject: String,
    /// The group; empty if the whole object is concerned.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The rule; empty if the whole group is concerned.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// Why, and what to do.
    pub message: String,
}

/// An object whose rules are held back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldRules {
    /// The object, as Kind namespace/name.
    pub subject: String,
    /// A digest of the rules that are held back and of the image of the rulers.
    pub digest: String,
}

/// A PrometheusRule that is evaluated elsewhere as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleOverlap {
    /// The PrometheusRule, as namespace/name.
    pub prometheus_rule: String,
    /// Who evaluates it, as Kind namespace/name.
    pub evaluated_by: String,
    /// How many others do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<i32>,
}

/// A PrometheusRule that another evaluator selects and does not evaluate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissedRule {
    /// The PrometheusRule, as namespace/name.
    pub prometheus_rule: String,
    /// The resource that selects it, as Kind namespace/name.
    pub selected_by: String,
    /// What it does not evaluate, and why, as far as Prometheus Operator reports it.
    pub message: String,
}

/// An Alertmanager that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertmanagerStatus {
    /// Its URL.
    pub url: String,
    /// The Alertmanager resource, as namespace/name; empty if the spec gives the URL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alertmanager: String,
    /// The NetworkPolicies that keep the rulers out, as namespace/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub blocked_by: Vec<String>,
    /// What would open the way.
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
    /// When the controller last found that only failed sends were added. Unset once a send succeeds, or
    /// when no send failed for 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Time>,
}
