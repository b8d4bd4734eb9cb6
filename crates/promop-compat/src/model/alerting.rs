//! Facts of what alerts: rules, those who evaluate them, and those who are told.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::Labels;
use crate::digest::LabelDigest;

/// A PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFacts {
    /// `metadata.uid`; empty for an object that was never in a cluster.
    pub uid: String,
    /// `metadata.generation`, which grows with each change of the spec; 0 if unset.
    pub generation: i64,
    /// `metadata.labels`.
    pub labels: Labels,
    /// The digest of `labels`, by which most rules are ruled out; the default one is always
    /// right, only slower.
    pub digest: LabelDigest,
    /// `spec.groups` as compact JSON, always a list. `None` means that they are not held, and
    /// says nothing of what the object has: read it again to know.
    pub groups: Option<Arc<str>>,
}

impl RuleFacts {
    /// The same without the groups, for rules that nobody selects: these are most of the memory
    /// that a rule takes. The uid and the generation still tell one version from another.
    #[must_use]
    pub fn without_groups(self) -> Self {
        Self {
            groups: None,
            ..self
        }
    }
}

/// An Alertmanager resource (`monitoring.coreos.com/v1`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertmanagerFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.replicas` (1 if unset, 0 if negative).
    pub replicas: u32,
    /// `spec.serviceName`: the governing Service (`alertmanager-operated` if unset).
    pub service_name: String,
    /// `spec.portName`: the name of the container port of the API (`web` if unset).
    pub port_name: String,
    /// `spec.routePrefix` (`/` if unset, whatever `spec.externalUrl` says).
    pub route_prefix: String,
    /// `spec.listenLocal`: only loopback reaches the API.
    pub listen_local: bool,
    /// `spec.web.tlsConfig` is set: the API is served by HTTPS.
    pub web_tls: bool,
    /// `spec.web.tlsConfig.clientAuthType` demands a client certificate.
    pub web_client_cert: bool,
    /// `spec.podMetadata.labels`, which Prometheus Operator puts on the pods besides its own.
    pub pod_labels: Labels,
}

/// A ThanosRuler resource of Prometheus Operator (`monitoring.coreos.com/v1`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThanosRulerFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.replicas` (1 if unset; 0 if negative, of which no StatefulSet can be made).
    pub replicas: u32,
    /// Whether `spec.queryConfig` or `spec.queryEndpoints` says whom it asks. Prometheus Operator
    /// makes no pods for one that asks nobody.
    pub has_queriers: bool,
    /// `spec.ruleSelector`; `None` selects nothing.
    pub rule_selector: Option<LabelSelector>,
    /// `spec.ruleNamespaceSelector`; `None` is its own namespace.
    pub rule_namespace_selector: Option<LabelSelector>,
}
