//! Capabilities of the API server and permissions of the controller for each Prometheus Operator
//! CRD, and the gates that decide whether a custom resource uses it. No IO.

use std::fmt;

/// API group of Prometheus Operator.
pub const GROUP: &str = "monitoring.coreos.com";

/// Kind of Prometheus Operator.
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
    /// `thanosrulers.monitoring.coreos.com`, the ThanosRuler of Prometheus Operator.
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

    /// Kind in manifests.
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

    /// Version that is read and written.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::PrometheusAgent => "v1alpha1",
            _ => "v1",
        }
    }

    /// Name of the CRD.
    #[must_use]
    pub fn crd_name(self) -> String {
        format!("{}.{GROUP}", self.plural())
    }

    /// Group, version and resource.
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

/// Capability for one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Not served, or its CRD is being deleted.
    #[default]
    Absent,
    /// The CRD exists but is not served yet.
    NotEstablished,
    /// Served, but a required permission is missing.
    Forbidden,
    /// Served and permitted.
    Present,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Capabilities for all kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps([Capability; 6]);

impl Caps {
    /// The same capability for all kinds.
    #[must_use]
    pub fn all(capability: Capability) -> Self {
        Self([capability; 6])
    }

    /// Capability for `kind`.
    #[must_use]
    pub fn get(&self, kind: Kind) -> Capability {
        self.0[kind.index()]
    }

    /// Sets the capability for `kind` and returns the previous one.
    pub fn set(&mut self, kind: Kind, capability: Capability) -> Capability {
        std::mem::replace(&mut self.0[kind.index()], capability)
    }

    /// Whether `kind` can be used.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.get(kind) == Capability::Present
    }
}

/// Whether a custom resource uses a kind, and which gate decides. The first closed gate in the
/// order of the variants is the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// All gates are open.
    Enabled,
    /// The flag of the controller disables the integration.
    DisabledByOperator,
    /// `spec.featureGates.enablePrometheusOperatorCRDs` is false.
    DisabledByResource,
    /// The kind is not served.
    CrdsAbsent,
    /// The kind is served, but a permission is missing.
    Forbidden,
}

impl Gate {
    /// Gate for one kind.
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

    /// Reason in conditions.
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
