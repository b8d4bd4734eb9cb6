//! Facts for alerting: rules, their evaluators, and Alertmanagers.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use kube_facts::optional::OptionalKind;
use kube_facts::{Key, Labels};

/// PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFacts {
    /// `metadata.uid`; empty for an object from a file.
    pub uid: String,
    /// `metadata.generation`, which increases with each change of the spec; 0 if unset.
    pub generation: i64,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.groups` as compact JSON, always a list. `None` means that they are not held, and
    /// says nothing of what the object has: read it again to know.
    pub groups: Option<Arc<str>>,
}

impl RuleFacts {
    /// The same without the groups, which use most of the memory, for rules that are not selected.
    /// UID and generation still identify the version.
    #[must_use]
    pub fn without_groups(self) -> Self {
        Self {
            groups: None,
            ..self
        }
    }
}

/// ConfigMap with rule files that Prometheus Operator generates for a Prometheus, or for its own
/// ThanosRuler: the evidence of which rules it evaluates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratedRulesFacts {
    /// Owner of the ConfigMap, which evaluates the rules; `None` if Prometheus Operator did not
    /// generate it.
    pub evaluator: Option<GeneratedFor>,
    /// Rules of each file, by file name: `<namespace>-<name>-<uid>.yaml` for an accepted
    /// PrometheusRule.
    pub files: BTreeMap<String, RuleNames>,
}

/// Owner of a generated ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFor {
    /// `Prometheus` or `ThanosRuler`.
    pub kind: OptionalKind,
    /// Namespace and name.
    pub key: Key,
    /// UID, which distinguishes it from a deleted object with the same name.
    pub uid: String,
}

/// Kind and name of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleName<'a> {
    /// `alert`.
    Alert(&'a str),
    /// `record`.
    Record(&'a str),
}

/// Kinds and names of rules, stored as digests, so a rule file takes 8 bytes per rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleNames(
    /// Sorted.
    Arc<[u64]>,
);

impl RuleNames {
    /// Creates the set of these rules.
    pub fn of<'a>(names: impl IntoIterator<Item = RuleName<'a>>) -> Self {
        let mut digests: Vec<u64> = names.into_iter().map(Self::digest).collect();
        digests.sort_unstable();
        digests.dedup();
        Self(digests.into())
    }

    /// Whether it contains a rule.
    #[must_use]
    pub fn contains(&self, name: RuleName<'_>) -> bool {
        self.0.binary_search(&Self::digest(name)).is_ok()
    }

    /// Union of both.
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

/// Event of Prometheus Operator about a rejected PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RejectionFacts {
    /// UID of the PrometheusRule.
    pub rule: String,
    /// The message.
    pub message: String,
}

/// Alertmanager (`monitoring.coreos.com/v1`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertmanagerFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.replicas` (1 if unset, 0 if negative).
    pub replicas: u32,
    /// `spec.serviceName`: the governing Service (`alertmanager-operated` if unset).
    pub service_name: String,
    /// `spec.portName`: name of the container port of the API (`web` if unset).
    pub port_name: String,
    /// `spec.routePrefix` (`/` if unset, regardless of `spec.externalUrl`).
    pub route_prefix: String,
    /// `spec.listenLocal`: the API listens on loopback only.
    pub listen_local: bool,
    /// Whether `spec.web.tlsConfig` is set: the API uses HTTPS.
    pub web_tls: bool,
    /// Whether `spec.web.tlsConfig.clientAuthType` requires a client certificate.
    pub web_client_cert: bool,
    /// `spec.podMetadata.labels`, which Prometheus Operator adds to the pods.
    pub pod_labels: Labels,
}

/// ThanosRuler of Prometheus Operator (`monitoring.coreos.com/v1`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThanosRulerFacts {
    /// `metadata.uid`; empty for an object from a file.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.replicas` (1 if unset; 0 if negative, since no StatefulSet can be created).
    pub replicas: u32,
    /// Whether `spec.queryConfig` or `spec.queryEndpoints` sets queriers. Prometheus Operator
    /// creates no pods without queriers.
    pub has_queriers: bool,
    /// `spec.ruleSelector`; `None` selects nothing.
    pub rule_selector: Option<LabelSelector>,
    /// `spec.ruleNamespaceSelector`; `None` is the own namespace.
    pub rule_namespace_selector: Option<LabelSelector>,
}
