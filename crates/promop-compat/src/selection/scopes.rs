//! Namespaces in the sort order of stores.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::criteria::Selection;
use kube_facts::Key;
use kube_facts::namespaces::{Membership, Namespaces};

/// Part of a store in one namespace.
pub(crate) fn in_namespace<'a, 'n, F>(
    view: &'a BTreeMap<Key, F>,
    namespace: &'n str,
) -> impl Iterator<Item = (&'a Key, &'a F)> + use<'a, 'n, F> {
    let start = Key::new(namespace, "");
    view.range((Bound::Included(start), Bound::Unbounded))
        .take_while(move |(key, _)| key.namespace == namespace)
}

/// Whether a namespace is in the scope of each selection. Stores are sorted by namespace, so it is
/// computed once per namespace and not once per object.
pub(crate) struct Scopes<'a, 's> {
    namespaces: Namespaces<'a>,
    own: &'s str,
    selections: &'s [&'s Selection],
    namespace: Option<String>,
    inside: Vec<bool>,
}

impl<'a, 's> Scopes<'a, 's> {
    pub(crate) fn new(
        namespaces: Namespaces<'a>,
        own: &'s str,
        selections: &'s [&'s Selection],
    ) -> Self {
        let inside = vec![false; selections.len()];
        Self {
            namespaces,
            own,
            selections,
            namespace: None,
            inside,
        }
    }

    /// For each selection, whether `namespace` is in its scope.
    pub(crate) fn of(&mut self, namespace: &str) -> &[bool] {
        if self.namespace.as_deref() != Some(namespace) {
            self.namespace = Some(namespace.to_owned());
            let place = self.namespaces.place(namespace);
            for (inside, selection) in self.inside.iter_mut().zip(self.selections) {
                *inside = place.membership(&selection.scope, self.own) == Membership::In;
            }
        }
        &self.inside
    }
}
