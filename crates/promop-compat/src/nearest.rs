//! If nothing is selected: what may have been meant. Pure.

use std::collections::BTreeMap;

use crate::model::{Key, Labels};
use crate::namespaces::Namespaces;
use crate::selection::{Labelled, Scopes, Selection};
use crate::selector::{self, requirements};

/// How many candidates are named.
const NAMED: usize = 3;

/// An object that is not selected but comes near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The object.
    pub key: Key,
    /// Its labels.
    pub labels: Labels,
    /// The requirements that it meets, as `kubectl --selector` writes them.
    pub matched: Vec<String>,
    /// The requirements that it does not meet.
    pub missing: Vec<String>,
    /// Whether its namespace is in scope.
    pub in_scope: bool,
    /// Whether it would be selected if its namespace were in scope.
    pub would_match_elsewhere: bool,
}

/// The nearest candidates: first those that match in namespaces out of scope, then those in scope
/// with the fewest requirements missing.
pub(crate) fn find<F: Labelled>(
    view: &BTreeMap<Key, F>,
    namespaces: &Namespaces<'_>,
    own: &str,
    selections: &[&Selection],
) -> Vec<Candidate> {
    let mut scopes = Scopes::new(*namespaces, own, selections);
    let mut nearest: Vec<Near<'_>> = Vec::with_capacity(NAMED + 1);
    for (key, facts) in view {
        let inside = scopes.of(&key.namespace);
        let near = selections
            .iter()
            .zip(inside)
            .filter_map(|(selection, in_scope)| {
                let missing = selector::count_missing(&selection.selector, facts.labels());
                let near = Near {
                    in_scope: *in_scope,
                    missing,
                    key,
                    labels: facts.labels(),
                    selection,
                };
                (*in_scope || missing == 0).then_some(near)
            })
            .min_by_key(Near::rank);
        let Some(near) = near else { continue };
        // Views are sorted, so of equals the first key stays first.
        let place = nearest.partition_point(|other| other.rank() <= near.rank());
        nearest.insert(place, near);
        nearest.truncate(NAMED);
    }
    nearest.into_iter().map(Near::into_candidate).collect()
}

struct Near<'a> {
    in_scope: bool,
    missing: usize,
    key: &'a Key,
    labels: &'a Labels,
    selection: &'a Selection,
}

impl Near<'_> {
    fn rank(&self) -> (bool, usize) {
        (self.in_scope, self.missing)
    }

    fn into_candidate(self) -> Candidate {
        let (matched, missing): (Vec<_>, Vec<_>) =
            requirements(&self.selection.selector).partition(|r| r.is_met(self.labels));
        let written = |of: Vec<_>| of.iter().map(ToString::to_string).collect();
        Candidate {
            key: self.key.clone(),
            labels: self.labels.clone(),
            would_match_elsewhere: !self.in_scope,
            matched: written(matched),
            missing: written(missing),
            in_scope: self.in_scope,
        }
    }
}
