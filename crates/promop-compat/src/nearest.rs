//! Nearest candidates of a selector that selects nothing. No IO.

use std::collections::BTreeMap;

use crate::selection::{Labelled, Scopes, Selection};
use kube_facts::namespaces::Namespaces;
use kube_facts::selector::{self, Excluded, requirements};
use kube_facts::{Key, Labels};

/// Maximum number of candidates.
const NAMED: usize = 3;

/// Object that is not selected but nearly matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The object.
    pub key: Key,
    /// Labels of the object.
    pub labels: Labels,
    /// Requirements that it meets, in the notation of `kubectl --selector`.
    pub matched: Vec<String>,
    /// Requirements that it does not meet, and that other labels would meet.
    pub missing: Vec<String>,
    /// Labels that exclude it.
    pub excluded: Vec<Excluded>,
    /// Whether its namespace is in scope.
    pub in_scope: bool,
    /// Whether it would be selected if its namespace were in scope.
    pub would_match_elsewhere: bool,
}

impl Candidate {
    /// Reasons why it is not selected, to follow its name: `lacks team=x` and `must not have
    /// tier=y`.
    #[must_use]
    pub fn differs(&self) -> String {
        let mut all = Vec::new();
        if !self.missing.is_empty() {
            all.push(format!("lacks {}", self.missing.join(", ")));
        }
        if !self.excluded.is_empty() {
            let excluded: Vec<String> = self.excluded.iter().map(ToString::to_string).collect();
            all.push(format!("must not have {}", excluded.join(", ")));
        }
        all.join(" and ")
    }

    /// Whether the selector requires another value for this label, or its absence.
    #[must_use]
    pub fn has_wrong(&self, label: &str) -> bool {
        let requires = |missing: &String| {
            let rest = missing.strip_prefix(label);
            rest.is_some_and(|rest| rest.starts_with(['=', ' ']))
        };
        self.missing.iter().any(requires) || self.excluded.iter().any(|e| e.key == label)
    }
}

/// Nearest candidates: first matches in namespaces out of scope, then those in scope with the
/// fewest missing requirements.
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
        // Stores are sorted, so the first key of equal candidates stays first.
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
        let matched = requirements(&self.selection.selector).filter(|r| r.is_met(self.labels));
        let (missing, excluded) = selector::to_change(&self.selection.selector, self.labels);
        Candidate {
            key: self.key.clone(),
            labels: self.labels.clone(),
            would_match_elsewhere: !self.in_scope,
            matched: matched.map(|r| r.to_string()).collect(),
            missing,
            excluded,
            in_scope: self.in_scope,
        }
    }
}
