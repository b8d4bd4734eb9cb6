//! ThanosRuler: rulers, which evaluate Prometheus rules over queriers.

// Each column has a name, a type and a path.
#![allow(clippy::duplicated_attributes)]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::SecretKeySelector;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Additional, CommonFields};
use super::integration::{Integration, RelabelConfig};
use super::ruler_status::ThanosRulerStatus;
use super::stateful::{StatefulSetFields, StorageConfig};
use crate::schema;

/// The label that rules of a tenant get, where the spec names none.
pub const DEFAULT_TENANT_IDENTIFIER: &str = "tenant_id";
/// The label of a PrometheusRule or ConfigMap that names the tenant, where the spec names none.
pub const DEFAULT_TENANT_SPECIFIER: &str = "operator.thanos.io/tenant";

/// What rulers should run, which rules they evaluate, and whom they tell.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "monitoring.thanos.io",
    version = "v1alpha1",
    kind = "ThanosRuler",
    plural = "thanosrulers",
    namespaced,
    status = "ThanosRulerStatus",
    derive = "PartialEq",
    shortname = "tru",
    category = "thanos",
    doc = "Rulers, which evaluate Prometheus rules over queriers",
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
        name = "Rules",
        type_ = "integer",
        json_path = ".status.rules.evaluated"
    ),
    printcolumn(
        name = "Rejected",
        type_ = "integer",
        json_path = ".status.rules.rejected"
    ),
    printcolumn(
        name = "Shadowed",
        type_ = "integer",
        json_path = ".status.rules.shadowed"
    ),
    printcolumn(
        name = "Alertmanagers",
        type_ = "integer",
        json_path = ".status.alertmanagersTotal"
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
#[x_kube(
    validation = Rule::new("!has(self.alertmanagerURL) || self.alertmanagerURL == '' || !has(self.alertmanagers)")
        .message("alertmanagerURL and alertmanagers are two ways to name Alertmanagers; leave one of them out (alertmanagers.urls takes URLs as well)"),
    validation = Rule::new("quantity(has(self.storage) && has(self.storage.size) ? self.storage.size : '10Gi').compareTo(quantity(has(oldSelf.storage) && has(oldSelf.storage.size) ? oldSelf.storage.size : '10Gi')) >= 0")
        .message("storage.size cannot become smaller, since volumes cannot shrink; make a new ThanosRuler with smaller volumes, and delete this one when that is ready"),
    validation = Rule::new("(has(self.storage) && has(self.storage.storageClass) ? self.storage.storageClass : '') == (has(oldSelf.storage) && has(oldSelf.storage.storageClass) ? oldSelf.storage.storageClass : '')")
        .message("storage.storageClass cannot be changed, since volumes cannot move; make a new ThanosRuler with the other class, and delete this one when that is ready")
)]
#[serde(rename_all = "camelCase")]
// A resource without a spec is one with an empty spec.
#[schemars(extend("default" = {}))]
pub struct ThanosRulerSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub stateful: StatefulSetFields,
    /// Number of pods. Each evaluates all rules; with two, alerts go out while one of them is away.
    // The one schema default: the scale subresource shows an unset path as zero, and an autoscaler
    // takes zero for "switched off".
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub replicas: i32,
    /// PrometheusRules to evaluate, by their labels, as Prometheus Operator selects them. Unset:
    /// none. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub rule_selector: Option<LabelSelector>,
    /// Namespaces in which these PrometheusRules are looked for. Unset: this one. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub rule_namespace_selector: Option<LabelSelector>,
    /// ConfigMaps with rule files, and more PrometheusRules, of this namespace, by their labels. Only
    /// those with the label operator.thanos.io/prometheus-rule=true are looked at. Unset: all of
    /// these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub rule_config_selector: Option<LabelSelector>,
    /// What becomes of rules that a Prometheus or a ThanosRuler of Prometheus Operator evaluates as
    /// well. Unset: ShadowOverlapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RuleMode>")]
    pub mode: Option<RuleMode>,
    /// Makes each rule see the series of its own tenant only. Unset: no tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_tenancy_config: Option<RuleTenancyConfig>,
    /// How often groups without an interval of their own are evaluated. Unset: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub evaluation_interval: Option<String>,
    /// More labels that a Service must have to be asked, besides
    /// operator.thanos.io/query-api=true and app.kubernetes.io/part-of=thanos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub query_label_selector: Option<LabelSelector>,
    /// The Alertmanager to tell, as [dns+|dnssrv+]http(s)://host[:port][/prefix]. A name that starts
    /// with dns+ or dnssrv+ is resolved to all its addresses, each of which is told. Empty: nobody is
    /// told. Unset, and without alertmanagers: the Alertmanager resources of this namespace.
    #[serde(
        default,
        rename = "alertmanagerURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::alertmanager_url")]
    pub alertmanager_url: Option<String>,
    /// The Alertmanagers to tell, where they are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanagers: Option<Alertmanagers>,
    /// Labels that are taken off alerts, besides the one that tells replicas apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_names")]
    pub alert_label_drop: Option<Vec<String>>,
    /// Relabeling of alerts before they are sent. An alert that is dropped is sent to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_relabel_configs: Option<Vec<RelabelConfig>>,
    /// The address of the query UI in a browser, to which alerts link. Unset: alerts link to the pod
    /// that raised them.
    #[serde(
        default,
        rename = "alertQueryURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::http_url")]
    pub alert_query_url: Option<String>,
    /// Where the results of rules go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruler_mode: Option<RulerMode>,
    /// The volume of each pod. It holds the results of rules, or those that are still to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
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

/// What becomes of rules that a Prometheus or a ThanosRuler of Prometheus Operator evaluates as
/// well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RuleMode {
    /// They are evaluated here as well: alerts are sent from both, and series exist twice.
    Active,
    /// No alert is sent from here, whoever else evaluates its rule.
    Shadow,
    /// No alert is sent from here, and nothing is recorded here, for a rule that is evaluated
    /// elsewhere as well.
    #[default]
    ShadowOverlapping,
}

/// How rules are kept to their tenants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleTenancyConfig {
    /// The label that every selector of a rule and every result of it gets, with the tenant as its
    /// value. Unset: tenant_id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_name")]
    pub enforced_tenant_identifier: Option<String>,
    /// The label of a PrometheusRule or ConfigMap whose value is the tenant of its rules. Rules
    /// without it are not evaluated. Unset: operator.thanos.io/tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_key")]
    pub tenant_specifier_label: Option<String>,
}

/// The Alertmanagers to tell. What the selectors and the URLs name counts together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alertmanagers {
    /// Alertmanager resources of Prometheus Operator, by their labels. Each of their pods is told.
    /// Unset: none, if urls are given; otherwise all. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub selector: Option<LabelSelector>,
    /// Namespaces in which these are looked for. Unset: this one. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// Other Alertmanagers, each as alertmanagerURL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::alertmanager_urls")]
    pub urls: Option<Vec<String>>,
    /// How to trust the certificates of Alertmanagers that are reached by https. Unset: those of the
    /// image's certificate authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<AlertmanagerTls>,
}

/// How to trust the certificates of Alertmanagers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertmanagerTls {
    /// The key of a Secret of this namespace that holds the certificate authority, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub ca: Option<SecretKeySelector>,
    /// The name that certificates must have. Unset: the name in the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::host_name")]
    pub server_name: Option<String>,
    /// Whether any certificate is accepted. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
}

/// Where the results of rules go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RulerMode {
    /// Unset: Stateful.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RulerModeType>")]
    pub type_: Option<RulerModeType>,
    /// What counts if type is Stateful.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateful: Option<StatefulMode>,
    /// What counts if type is Stateless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateless: Option<StatelessMode>,
}

/// Where the results of rules go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RulerModeType {
    /// Into the pods themselves, which answer queries for them.
    #[default]
    Stateful,
    /// To receive routers, by remote write.
    Stateless,
}

/// Results are kept in the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatefulMode {
    /// Labels of all results and alerts. The label thanos_rule is always added, as is rule_replica,
    /// which tells replicas apart, unless one of these has the value $(NAME) or $(POD_NAME), which
    /// is the name of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_labels")]
    pub external_labels: Option<BTreeMap<String, String>>,
    /// How long results are kept in the pods. Unset: 48h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub retention: Option<String>,
    /// The key of a Secret of this namespace that holds the object storage configuration of Thanos.
    /// Unset: results are not uploaded, and are gone after the retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub object_storage_config: Option<SecretKeySelector>,
}

/// Results are sent away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatelessMode {
    /// More labels that a Service must have to be written to, besides
    /// operator.thanos.io/remote-write-api=true and app.kubernetes.io/part-of=thanos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub label_selector: Option<LabelSelector>,
}
