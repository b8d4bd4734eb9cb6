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

/// Default label that holds the tenant of series.
pub const DEFAULT_TENANT_IDENTIFIER: &str = "tenant_id";
/// Default label of a PrometheusRule or ConfigMap that names the tenant.
pub const DEFAULT_TENANT_SPECIFIER: &str = "operator.thanos.io/tenant";

/// Rulers, the rules that they evaluate, and the Alertmanagers that receive alerts.
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
        .message("alertmanagerURL and alertmanagers are mutually exclusive; leave one of them out (alertmanagers.urls accepts URLs as well)"),
    validation = Rule::new("quantity(has(self.storage) && has(self.storage.size) ? self.storage.size : '10Gi').compareTo(quantity(has(oldSelf.storage) && has(oldSelf.storage.size) ? oldSelf.storage.size : '10Gi')) >= 0")
        .message("storage.size cannot become smaller, since volumes cannot shrink; create a new ThanosRuler with smaller volumes, and delete this one when the new one is ready"),
    validation = Rule::new("(has(self.storage) && has(self.storage.storageClass) ? self.storage.storageClass : '') == (has(oldSelf.storage) && has(oldSelf.storage.storageClass) ? oldSelf.storage.storageClass : '')")
        .message("storage.storageClass cannot be changed, since volumes cannot move; create a new ThanosRuler with the other class, and delete this one when the new one is ready")
)]
#[serde(rename_all = "camelCase")]
// A missing spec equals an empty one.
#[schemars(extend("default" = {}))]
pub struct ThanosRulerSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub stateful: StatefulSetFields,
    /// Number of pods. Each evaluates all rules; with two, alerts are sent while one of them is down.
    // The one schema default: the scale subresource shows an unset path as zero, and an autoscaler
    // takes zero for "switched off".
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub replicas: i32,
    /// Label selector of the PrometheusRules to evaluate. Unset: none. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub rule_selector: Option<LabelSelector>,
    /// Label selector of the namespaces of these PrometheusRules. Unset: this namespace. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub rule_namespace_selector: Option<LabelSelector>,
    /// Label selector of ConfigMaps with rule files, and of further PrometheusRules, in this namespace.
    /// The label operator.thanos.io/prometheus-rule=true is required in addition. Unset: all with this
    /// label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub rule_config_selector: Option<LabelSelector>,
    /// Handling of rules that a Prometheus or a ThanosRuler of Prometheus Operator also evaluates.
    /// Unset: ShadowOverlapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RuleMode>")]
    pub mode: Option<RuleMode>,
    /// Restriction of each rule to the series of its tenant. Unset: no restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_tenancy_config: Option<RuleTenancyConfig>,
    /// Evaluation interval of groups that set none. Unset: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub evaluation_interval: Option<String>,
    /// Label selector of the Services of queriers, in addition to the required labels
    /// operator.thanos.io/query-api=true and app.kubernetes.io/part-of=thanos. Unset: all with these
    /// labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub query_label_selector: Option<LabelSelector>,
    /// URL of the Alertmanager, as [dns+|dnssrv+]http(s)://host[:port][/prefix]. With dns+ or dnssrv+,
    /// alerts are sent to every address of the name. Empty: alerts are not sent. Unset, and without
    /// alertmanagers: all Alertmanager resources of this namespace.
    #[serde(
        default,
        rename = "alertmanagerURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::alertmanager_url")]
    pub alertmanager_url: Option<String>,
    /// Several Alertmanagers, by resources and URLs. Mutually exclusive with alertmanagerURL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanagers: Option<Alertmanagers>,
    /// Labels to drop from alerts, in addition to the label that distinguishes replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_names")]
    pub alert_label_drop: Option<Vec<String>>,
    /// Relabeling of alerts before they are sent. A dropped alert is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_relabel_configs: Option<Vec<RelabelConfig>>,
    /// URL of the query UI for links in alerts, without credentials. Unset: the URL of the pod that sends
    /// the alert.
    #[serde(
        default,
        rename = "alertQueryURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::http_url")]
    pub alert_query_url: Option<String>,
    /// Storage of the results of rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruler_mode: Option<RulerMode>,
    /// Volume of each pod. It stores results of rules, or in Stateless mode those that are not yet sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
    /// Suspends all changes by the controller. Unset: false.
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

/// Handling of rules that a Prometheus or a ThanosRuler of Prometheus Operator also evaluates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RuleMode {
    /// Rules are evaluated on both sides: alerts are sent twice, and series exist twice.
    Active,
    /// All alerts are evaluated and not sent. Recording rules that another evaluator has are omitted.
    Shadow,
    /// Alerts that another evaluator also evaluates are evaluated and not sent, and recording rules that
    /// it has are omitted. All other rules are active.
    #[default]
    ShadowOverlapping,
}

/// Labels that restrict rules to their tenants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleTenancyConfig {
    /// Label that holds the tenant in series. It is added to every selector and every result of a rule.
    /// Unset: tenant_id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_name")]
    pub enforced_tenant_identifier: Option<String>,
    /// Label of a PrometheusRule or ConfigMap that names its tenant. Objects without it are rejected.
    /// Unset: operator.thanos.io/tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_key")]
    pub tenant_specifier_label: Option<String>,
}

/// Alertmanagers that receive alerts: those of the selectors and those of the URLs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alertmanagers {
    /// Label selector of Alertmanager resources of Prometheus Operator. Alerts are sent to each of their
    /// pods. Unset: none if urls is set, otherwise all. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub selector: Option<LabelSelector>,
    /// Label selector of the namespaces of these Alertmanagers. Unset: this namespace. Empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// URLs of further Alertmanagers, in the format of alertmanagerURL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::alertmanager_urls")]
    pub urls: Option<Vec<String>>,
    /// TLS settings for Alertmanagers with https. Unset: the certificate authorities of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<AlertmanagerTls>,
}

/// TLS settings for Alertmanagers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertmanagerTls {
    /// Key of a Secret in this namespace with the certificate authority in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub ca: Option<SecretKeySelector>,
    /// Server name in certificates. Unset: the host of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::host_name")]
    pub server_name: Option<String>,
    /// Disables verification of certificates. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
}

/// Storage of the results of rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RulerMode {
    /// Mode of the rulers. Unset: Stateful.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RulerModeType>")]
    pub type_: Option<RulerModeType>,
    /// Settings of type Stateful.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateful: Option<StatefulMode>,
    /// Settings of type Stateless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateless: Option<StatelessMode>,
}

/// Storage of the results of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RulerModeType {
    /// Results are stored in the volumes of the pods, which serve them as a StoreAPI.
    #[default]
    Stateful,
    /// Results are sent to receive routers by remote write.
    Stateless,
}

/// Settings of rulers that store results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatefulMode {
    /// Labels of all results and alerts. $(NAME) and $(POD_NAME) in a value are the name of the pod. The
    /// label thanos_rule is always added, and rule_replica, which distinguishes replicas, unless a label
    /// contains the name of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_labels")]
    pub external_labels: Option<BTreeMap<String, String>>,
    /// Retention of results in the volumes. Unset: 48h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub retention: Option<String>,
    /// Key of a Secret in this namespace with the object storage configuration of Thanos. Unset: results
    /// are not uploaded, and are deleted after the retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub object_storage_config: Option<SecretKeySelector>,
}

/// Settings of rulers that send results by remote write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatelessMode {
    /// Label selector of the Services of receive routers, in addition to the required labels
    /// operator.thanos.io/remote-write-api=true and app.kubernetes.io/part-of=thanos. Unset: all with
    /// these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub label_selector: Option<LabelSelector>,
}
