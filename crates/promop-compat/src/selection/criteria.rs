//! A pair of a label selector and a namespace selector, and the objects that it applies to.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::{AlertmanagerFacts, RuleFacts, ServiceFacts, ServiceMonitorFacts};
use kube_facts::Labels;
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::selector::{self, SelectorError};

/// Selection of objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Labels of objects; empty for all.
    pub selector: LabelSelector,
    /// Namespaces of objects.
    pub scope: NamespaceScope,
}

impl Selection {
    /// Checks whether it is well formed.
    ///
    /// # Errors
    /// The malformed selector, and its error.
    pub(crate) fn validate(&self) -> Result<(), Unusable> {
        selector::validate(&self.selector).map_err(Unusable::Objects)?;
        match &self.scope {
            NamespaceScope::Matching(desired) => {
                selector::validate(desired).map_err(Unusable::Namespaces)
            }
            NamespaceScope::Own | NamespaceScope::All => Ok(()),
        }
    }

    /// Checks whether it can be evaluated.
    ///
    /// # Errors
    /// Reason.
    pub(crate) fn check(&self, namespaces: &Namespaces<'_>) -> Result<(), Unusable> {
        self.validate()?;
        match namespaces.can_evaluate(&self.scope) {
            true => Ok(()),
            false => Err(Unusable::Unevaluable),
        }
    }
}

/// Reason why a selection selects nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The label selector is malformed.
    Objects(SelectorError),
    /// The namespace selector is malformed.
    Namespaces(SelectorError),
    /// The namespace selector needs namespace labels that are not readable.
    Unevaluable,
}

impl Unusable {
    /// Reason in the status.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Objects(_) | Self::Namespaces(_) => "InvalidSelector",
            Self::Unevaluable => "UnevaluableNamespaceSelector",
        }
    }

    /// Reason and remedy in one sentence, given the fields of the two selectors.
    #[must_use]
    pub fn describe(&self, objects: &str, namespaces: &str) -> String {
        match self {
            Self::Objects(error) => format!("{objects}.{error}"),
            Self::Namespaces(error) => format!("{namespaces}.{error}"),
            Self::Unevaluable => format!(
                "{namespaces} needs labels of namespaces, which the controller has no permission to list; \
                 unset it (own namespace), set it to {{}} (all namespaces), or select only by \
                 kubernetes.io/metadata.name"
            ),
        }
    }
}

/// Objects of one kind that are selected by labels.
pub trait Labelled {
    /// `metadata.labels`.
    fn labels(&self) -> &Labels;
}

impl Labelled for ServiceMonitorFacts {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Labelled for RuleFacts {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Labelled for ServiceFacts {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Labelled for AlertmanagerFacts {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}
