//! Pairs of a label selector and a namespace selector, the form of every selection of Prometheus
//! Operator. No IO.

mod scopes;
mod selectors;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::{AlertmanagerFacts, RuleFacts, ServiceFacts, ServiceMonitorFacts};
use crate::nearest::{self, Candidate};
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::selector::{self, SelectorError};
use kube_facts::{Key, Labels};

pub use selectors::Selectors;

pub(crate) use scopes::{Scopes, in_namespace};

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
            Self::Unevaluable => "the namespace selector needs namespace labels, which the \
                                  controller has no permission to list; unset it for the own \
                                  namespace, leave it empty for all, or select only by \
                                  kubernetes.io/metadata.name"
                .to_owned(),
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

/// Result of two selectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected<'a, F> {
    /// Selected objects, by namespace and name.
    pub objects: Vec<(&'a Key, &'a F)>,
    /// Reason why the selectors are unusable.
    pub unusable: Option<Unusable>,
    /// Up to three nearest candidates, if nothing is selected though selectors are set. Matches in
    /// other namespaces come first.
    pub nearest: Vec<Candidate>,
}

impl<F> Default for Selected<'_, F> {
    fn default() -> Self {
        Self {
            objects: Vec::new(),
            unusable: None,
            nearest: Vec::new(),
        }
    }
}

/// Objects in `view` that `selectors` select, with the semantics of Prometheus Operator.
#[must_use]
pub fn select<'a, F: Labelled>(
    view: &'a BTreeMap<Key, F>,
    namespaces: &Namespaces<'_>,
    selectors: &Selectors<'_>,
) -> Selected<'a, F> {
    let nothing = Selected::default();
    if let Err(unusable) = selectors.check(namespaces) {
        return Selected {
            unusable: Some(unusable),
            ..nothing
        };
    }
    let Some(selection) = selectors.selection() else {
        return nothing;
    };
    let objects = union(view, namespaces, selectors.own, &[&selection]);
    let nearest = match objects.is_empty() {
        true => nearest::find(view, namespaces, selectors.own, &[&selection]),
        false => Vec::new(),
    };
    Selected {
        objects,
        nearest,
        ..nothing
    }
}

/// Objects that any of `selections` selects, by key.
pub(crate) fn union<'a, F: Labelled>(
    view: &'a BTreeMap<Key, F>,
    namespaces: &Namespaces<'_>,
    own: &str,
    selections: &[&Selection],
) -> Vec<(&'a Key, &'a F)> {
    let mut scopes = Scopes::new(*namespaces, own, selections);
    let selects = |(key, facts): &(&Key, &F)| {
        let scopes = scopes.of(&key.namespace);
        (selections.iter().zip(scopes)).any(|(selection, in_scope)| {
            *in_scope && selector::matches(&selection.selector, facts.labels())
        })
    };
    if selections.iter().all(|s| s.scope == NamespaceScope::Own) {
        in_namespace(view, own).filter(selects).collect()
    } else {
        view.iter().filter(selects).collect()
    }
}
