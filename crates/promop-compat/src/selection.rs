//! Pairs of selectors: one over the labels of objects, one over their namespaces. Prometheus
//! Operator writes every selection of its resources so. Pure.

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

/// A selection of objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The labels of objects; empty for all of them.
    pub selector: LabelSelector,
    /// The namespaces of objects.
    pub scope: NamespaceScope,
}

impl Selection {
    /// Whether it is well formed.
    ///
    /// # Errors
    /// Which of its two selectors is not, and why.
    pub(crate) fn validate(&self) -> Result<(), Unusable> {
        selector::validate(&self.selector).map_err(Unusable::Objects)?;
        match &self.scope {
            NamespaceScope::Matching(desired) => {
                selector::validate(desired).map_err(Unusable::Namespaces)
            }
            NamespaceScope::Own | NamespaceScope::All => Ok(()),
        }
    }

    /// Whether it can be evaluated.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self, namespaces: &Namespaces<'_>) -> Result<(), Unusable> {
        self.validate()?;
        match namespaces.can_evaluate(&self.scope) {
            true => Ok(()),
            false => Err(Unusable::Unevaluable),
        }
    }
}

/// Why a selection selects nothing, whatever there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The selector over objects is malformed.
    Objects(SelectorError),
    /// The selector over namespaces is malformed.
    Namespaces(SelectorError),
    /// The selector over namespaces needs their labels, which may not be read.
    Unevaluable,
}

impl Unusable {
    /// The reason as status writes it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Objects(_) | Self::Namespaces(_) => "InvalidSelector",
            Self::Unevaluable => "UnevaluableNamespaceSelector",
        }
    }

    /// What is the matter and the way out, in one sentence; given the fields in which the two
    /// selectors are.
    #[must_use]
    pub fn describe(&self, objects: &str, namespaces: &str) -> String {
        match self {
            Self::Objects(error) => format!("{objects}.{error}"),
            Self::Namespaces(error) => format!("{namespaces}.{error}"),
            Self::Unevaluable => "the namespace selector needs the labels of namespaces, which \
                                  this controller may not list; leave it out for the own \
                                  namespace, leave it empty for all, or select by \
                                  kubernetes.io/metadata.name alone"
                .to_owned(),
        }
    }
}

/// Objects of one kind that are selected by their labels.
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

/// What two selectors select.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected<'a, F> {
    /// The selected objects, by namespace and name.
    pub objects: Vec<(&'a Key, &'a F)>,
    /// Why nothing can be selected, if so.
    pub unusable: Option<Unusable>,
    /// If nothing is selected, though something is asked for: those that come nearest, at most
    /// three. First those that would be selected in other namespaces.
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

/// What `selectors` select in `view`, as Prometheus Operator does it.
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

/// The objects that any of `selections` selects, by key.
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
