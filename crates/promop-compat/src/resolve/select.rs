//! Which ServiceMonitors a request selects.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::report::{Findings, Reason, Subject};
use super::{Request, Selection, World};
use crate::digest::Wanted;
use crate::model::{Key, ServiceMonitorFacts};
use crate::namespaces::{Membership, NamespaceScope, Namespaces};
use crate::selector;

/// The selections that can be evaluated; the others select nothing and are reported.
pub(super) fn usable<'r>(
    world: &World<'_>,
    request: &Request<'r>,
    findings: &mut Findings,
) -> Vec<&'r Selection> {
    let mut usable = Vec::with_capacity(request.selections.len());
    for (i, selection) in request.selections.iter().enumerate() {
        if let Err((field, error)) = check(selection) {
            findings.add(Reason::InvalidSelector, Subject::Selection(i), || {
                format!("{field}.{error}")
            });
        } else if !world.namespaces.can_evaluate(&selection.scope) {
            let reason = Reason::UnevaluableNamespaceSelector;
            findings.add(reason, Subject::Selection(i), || {
                "the namespace selector needs the labels of namespaces, which this controller may \
                 not list; leave it out for the own namespace, leave it empty for all, or select \
                 by kubernetes.io/metadata.name alone"
                    .to_owned()
            });
        } else {
            usable.push(selection);
        }
    }
    usable
}

/// Whether a selection is well formed; otherwise which of its two selectors is not, and why.
pub(super) fn check(selection: &Selection) -> Result<(), (&'static str, selector::SelectorError)> {
    selector::validate(&selection.selector).map_err(|error| ("selector", error))?;
    match &selection.scope {
        NamespaceScope::Matching(wanted) => {
            selector::validate(wanted).map_err(|error| ("namespaceSelector", error))
        }
        NamespaceScope::Own | NamespaceScope::All => Ok(()),
    }
}

/// The ServiceMonitors that any of `selections` selects, by key.
pub(super) fn service_monitors<'a>(
    world: &World<'a>,
    own: &str,
    selections: &[&Selection],
) -> Vec<(&'a Key, &'a ServiceMonitorFacts)> {
    let mut scopes = Scopes::new(world.namespaces, own, selections);
    let wanted: Vec<_> = selections
        .iter()
        .map(|s| (s, Wanted::by(&s.selector)))
        .collect();
    let selects = |(key, facts): &(&Key, &ServiceMonitorFacts)| {
        // Cheapest first: the digest lies beside the key, the labels lie anywhere.
        wanted.iter().enumerate().any(|(i, (selection, wanted))| {
            facts.digest.may_have(*wanted)
                && scopes.of(&key.namespace)[i]
                && selector::matches(&selection.selector, &facts.labels)
        })
    };
    if selections.iter().all(|s| s.scope == NamespaceScope::Own) {
        in_namespace(world.service_monitors, own)
            .filter(selects)
            .collect()
    } else {
        world.service_monitors.iter().filter(selects).collect()
    }
}

/// The part of a view that is in one namespace.
pub(super) fn in_namespace<'a, 'n, F>(
    view: &'a BTreeMap<Key, F>,
    namespace: &'n str,
) -> impl Iterator<Item = (&'a Key, &'a F)> + use<'a, 'n, F> {
    let start = Key::new(namespace, "");
    view.range((Bound::Included(start), Bound::Unbounded))
        .take_while(move |(key, _)| key.namespace == namespace)
}

/// Whether a namespace is in the scope of each selection. Views are sorted by namespace, so it is
/// computed once per namespace and not once per object.
pub(super) struct Scopes<'a, 's> {
    namespaces: Namespaces<'a>,
    own: &'s str,
    selections: &'s [&'s Selection],
    namespace: Option<String>,
    inside: Vec<bool>,
}

impl<'a, 's> Scopes<'a, 's> {
    pub(super) fn new(
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
    pub(super) fn of(&mut self, namespace: &str) -> &[bool] {
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
