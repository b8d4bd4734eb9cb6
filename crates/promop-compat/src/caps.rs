//! Capabilities: what the API server and our permissions offer for each Prometheus Operator kind,
//! and the gates that decide whether a custom resource uses it.

use std::fmt;

/// API group of Prometheus Operator.
pub const GROUP: &str = "monitoring.coreos.com";

/// A kind of Prometheus Operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `servicemonitors.monitoring.coreos.com`.
    ServiceMonitor,
    /// `prometheuses.monitoring.coreos.com`.
    Prometheus,
    /// `prometheusagents.monitoring.coreos.com`.
    PrometheusAgent,
    /// `prometheusrules.monitoring.coreos.com`.
    PrometheusRule,
    /// `alertmanagers.monitoring.coreos.com`.
    Alertmanager,
    /// `thanosrulers.monitoring.coreos.com`, the kind of Prometheus Operator itself.
    ThanosRuler,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::ServiceMonitor,
        Self::Prometheus,
        Self::PrometheusAgent,
        Self::PrometheusRule,
        Self::Alertmanager,
        Self::ThanosRuler,
    ];

    /// The kind as it stands in `kind:`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceMonitor => "ServiceMonitor",
            Self::Prometheus => "Prometheus",
            Self::PrometheusAgent => "PrometheusAgent",
            Self::PrometheusRule => "PrometheusRule",
            Self::Alertmanager => "Alertmanager",
            Self::ThanosRuler => "ThanosRuler",
        }
    }

    /// The plural, as in paths and RBAC rules.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::ServiceMonitor => "servicemonitors",
            Self::Prometheus => "prometheuses",
            Self::PrometheusAgent => "prometheusagents",
            Self::PrometheusRule => "prometheusrules",
            Self::Alertmanager => "alertmanagers",
            Self::ThanosRuler => "thanosrulers",
        }
    }

    /// The version that is read and written.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::PrometheusAgent => "v1alpha1",
            _ => "v1",
        }
    }

    /// Name of the CustomResourceDefinition.
    #[must_use]
    pub fn crd_name(self) -> String {
        format!("{}.{GROUP}", self.plural())
    }

    /// Where the API server serves it.
    #[must_use]
    pub fn api_resource(self) -> kube::core::ApiResource {
        kube::core::ApiResource {
            group: GROUP.to_owned(),
            version: self.version().to_owned(),
            api_version: format!("{GROUP}/{}", self.version()),
            kind: self.name().to_owned(),
            plural: self.plural().to_owned(),
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// What the cluster offers for one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// The kind is not served, or its definition is being deleted.
    #[default]
    Absent,
    /// The definition exists, but the API server does not serve it yet.
    NotEstablished,
    /// Served, but we lack a permission that we need.
    Forbidden,
    /// Served and permitted.
    Present,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The capability of every kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps([Capability; 6]);

impl Caps {
    /// Every kind in the same state.
    #[must_use]
    pub fn all(capability: Capability) -> Self {
        Self([capability; 6])
    }

    /// The capability of `kind`.
    #[must_use]
    pub fn get(&self, kind: Kind) -> Capability {
        self.0[kind.index()]
    }

    /// Sets the capability of `kind`, and returns the one before.
    pub fn set(&mut self, kind: Kind, capability: Capability) -> Capability {
        std::mem::replace(&mut self.0[kind.index()], capability)
    }

    /// Whether `kind` can be used.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.get(kind) == Capability::Present
    }
}

/// Whether a custom resource uses a kind, and what decided it. The first "no" in the order of the
/// variants is the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// All gates are open.
    Enabled,
    /// The operator runs with the integration switched off.
    DisabledByOperator,
    /// `spec.featureGates.enablePrometheusOperatorCRDs` is false.
    DisabledByResource,
    /// The kind is not served.
    CrdsAbsent,
    /// The kind is served, but may not be used.
    Forbidden,
}

impl Gate {
    /// The outcome for one kind.
    #[must_use]
    pub fn of(operator: bool, resource: Option<bool>, capability: Capability) -> Self {
        match capability {
            _ if !operator => Self::DisabledByOperator,
            _ if resource == Some(false) => Self::DisabledByResource,
            Capability::Absent | Capability::NotEstablished => Self::CrdsAbsent,
            Capability::Forbidden => Self::Forbidden,
            Capability::Present => Self::Enabled,
        }
    }

    /// Whether the kind is used.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::Enabled
    }

    /// The reason as conditions write it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::DisabledByOperator => "DisabledByOperator",
            Self::DisabledByResource => "DisabledByResource",
            Self::CrdsAbsent => "CRDsAbsent",
            Self::Forbidden => "Forbidden",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_closed_gate_is_the_cause() {
        use Capability::{Absent, Forbidden, NotEstablished, Present};
        for capability in [Absent, NotEstablished, Forbidden, Present] {
            for resource in [None, Some(true), Some(false)] {
                assert_eq!(
                    Gate::of(false, resource, capability),
                    Gate::DisabledByOperator
                );
            }
            assert_eq!(
                Gate::of(true, Some(false), capability),
                Gate::DisabledByResource
            );
            for resource in [None, Some(true)] {
                let expected = match capability {
                    Absent | NotEstablished => Gate::CrdsAbsent,
                    Forbidden => Gate::Forbidden,
                    Present => Gate::Enabled,
                };
                assert_eq!(Gate::of(true, resource, capability), expected);
            }
        }
    }

    #[test]
    fn only_present_can_be_used() {
        let mut caps = Caps::default();
        assert!(!caps.has(Kind::Prometheus));
        assert_eq!(
            caps.set(Kind::Prometheus, Capability::Present),
            Capability::Absent
        );
        assert!(caps.has(Kind::Prometheus));
        assert!(!caps.has(Kind::ServiceMonitor));
    }
}
