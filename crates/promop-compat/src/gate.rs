//! The gates that decide whether a custom resource uses a kind of Prometheus Operator.

use kube_facts::optional::Capability;

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
}
