//! Facts of what alerts: rules, those who evaluate them, and those who are told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::caps::Kind;
use kube_facts::{Key, Labels};

/// A PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFacts {
    /// `metadata.uid`; empty for an object that was never in a cluster.
    pub uid: String,
    /// `metadata.generation`, which grows with each change of the spec; 0 if unset.
    pub generation: i64,
    /// `metadata.labels`.
    pub labels: Labels,
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

/// A ConfigMap with rule files that Prometheus Operator generates for a Prometheus, or for a
/// ThanosRuler of its own: the evidence of which rules that resource evaluates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratedRulesFacts {
    /// The resource that owns the ConfigMap and evaluates the rules; `None` if Prometheus Operator has
    /// not generated it.
    pub evaluator: Option<GeneratedFor>,
    /// The rules of each file, by file name: `<namespace>-<name>-<uid>.yaml` for a PrometheusRule
    /// that Prometheus Operator accepts.
    pub files: BTreeMap<String, RuleNames>,
}

/// The resource that a ConfigMap is generated for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFor {
    /// `Prometheus` or `ThanosRuler`.
    pub kind: Kind,
    /// Namespace and name.
    pub key: Key,
    /// UID, by which one is told from another of the same name that was deleted.
    pub uid: String,
}

/// A rule by its kind and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleName<'a> {
    /// `alert`.
    Alert(&'a str),
    /// `record`.
    Record(&'a str),
}

/// Kinds and names of rules. Only a digest of each is kept, so a large rule file takes 8 bytes for
/// each of its rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleNames(
    /// Sorted.
    Arc<[u64]>,
);

impl RuleNames {
    /// These rules.
    pub fn of<'a>(names: impl IntoIterator<Item = RuleName<'a>>) -> Self {
        let mut digests: Vec<u64> = names.into_iter().map(Self::digest).collect();
        digests.sort_unstable();
        digests.dedup();
        Self(digests.into())
    }

    /// Whether a rule is among them.
    #[must_use]
    pub fn contains(&self, name: RuleName<'_>) -> bool {
        self.0.binary_search(&Self::digest(name)).is_ok()
    }

    /// These and others.
    #[must_use]
    pub fn union(&self, others: &Self) -> Self {
        let mut digests = [&self.0[..], &others.0[..]].concat();
        digests.sort_unstable();
        digests.dedup();
        Self(digests.into())
    }

    fn digest(name: RuleName<'_>) -> u64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hasher.finish()
    }
}

/// An Event by which Prometheus Operator reports that it rejects a PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RejectionFacts {
    /// UID of the PrometheusRule.
    pub rule: String,
    /// The message.
    pub message: String,
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
    /// `metadata.uid`; empty for an object that was never in a cluster.
    pub uid: String,
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
