//! Objects that selectors select, or the nearest candidates. No IO.

use std::collections::BTreeMap;

use crate::nearest::{self, Candidate};
use crate::selection::{Labelled, Scopes, Selection, Selectors, Unusable, in_namespace};
use kube_facts::Key;
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::selector;

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
