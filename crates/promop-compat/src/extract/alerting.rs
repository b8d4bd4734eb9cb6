//! Facts of PrometheusRules, Alertmanagers and ThanosRulers of Prometheus Operator, with its
//! defaults. No IO.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::workload::{PodMetadata, Web, or, route_prefix};
use crate::model::{AlertmanagerFacts, RuleFacts, ThanosRulerFacts};
use crate::names;
use kube_facts::Labels;
use kube_facts::extract::List;
use kube_facts::extract::{Extract, Spec, Thin};
use kube_facts::extract::{Selector, optional};
use kube_facts::tolerant_decode::{Lenient, Object, Present};

/// Decoded PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RuleObject {
    metadata: Lenient<Object<RuleMeta>>,
    spec: Lenient<Object<RuleSpec>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RuleMeta {
    name: Lenient<String>,
    namespace: Lenient<String>,
    uid: Lenient<String>,
    resource_version: Lenient<String>,
    generation: Lenient<i64>,
    labels: Lenient<Labels>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RuleSpec {
    groups: Lenient<List>,
}

/// Decoded Alertmanager.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AlertmanagerSpec {
    replicas: Lenient<i64>,
    service_name: Lenient<String>,
    port_name: Lenient<String>,
    route_prefix: Lenient<String>,
    listen_local: Lenient<bool>,
    web: Lenient<Object<Web>>,
    pod_metadata: Lenient<Object<PodMetadata>>,
}

/// Decoded ThanosRuler of Prometheus Operator.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ThanosRulerSpec {
    replicas: Lenient<i64>,
    query_config: Lenient<Present>,
    query_endpoints: Lenient<Vec<String>>,
    rule_selector: Lenient<Selector>,
    rule_namespace_selector: Lenient<Selector>,
}

impl RuleFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        RuleObject::read(object).into_parts().1
    }
}

impl Extract for RuleObject {
    type Facts = RuleFacts;

    fn into_parts(self) -> (ObjectMeta, RuleFacts) {
        let metadata = self.metadata.fields();
        let uid = metadata.uid.get();
        let identity = ObjectMeta {
            name: metadata.name.get(),
            namespace: metadata.namespace.get(),
            uid: uid.clone(),
            resource_version: metadata.resource_version.get(),
            ..ObjectMeta::default()
        };
        let labels = metadata.labels.or_default();
        let facts = RuleFacts {
            uid: uid.unwrap_or_default(),
            generation: metadata.generation.or_default(),
            labels,
            groups: Some(self.spec.fields().groups.or_default().into_text()),
        };
        (identity, facts)
    }
}

impl AlertmanagerFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<AlertmanagerSpec>::read(object).into_facts()
    }
}

impl Spec for AlertmanagerSpec {
    type Facts = AlertmanagerFacts;

    fn into_facts(self, labels: Labels) -> AlertmanagerFacts {
        let (web_tls, web_client_cert) = self.web.fields().tls();
        AlertmanagerFacts {
            labels,
            replicas: replicas(self.replicas),
            service_name: or(self.service_name.get(), names::ALERTMANAGER_SERVICE),
            port_name: or(self.port_name.get(), names::WEB_PORT_NAME),
            route_prefix: route_prefix(self.route_prefix),
            listen_local: self.listen_local.or_default(),
            web_tls,
            web_client_cert,
            pod_labels: self.pod_metadata.fields().labels.or_default(),
        }
    }
}

impl ThanosRulerFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<ThanosRulerSpec>::read(object).into_facts()
    }
}

impl Spec for ThanosRulerSpec {
    type Facts = ThanosRulerFacts;

    fn into_facts(self, labels: Labels) -> ThanosRulerFacts {
        let endpoints = self.query_endpoints.or_default();
        ThanosRulerFacts {
            uid: String::new(),
            labels,
            replicas: replicas(self.replicas),
            has_queriers: self.query_config.get().is_some() || !endpoints.is_empty(),
            rule_selector: optional(self.rule_selector),
            rule_namespace_selector: optional(self.rule_namespace_selector),
        }
    }

    fn identify(facts: &mut ThanosRulerFacts, uid: &str) {
        uid.clone_into(&mut facts.uid);
    }
}

/// 1 if unset, 0 if negative.
fn replicas(given: Lenient<i64>) -> u32 {
    let given = given.get().unwrap_or(1).max(0);
    u32::try_from(given).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "alerting_tests.rs"]
mod tests;
