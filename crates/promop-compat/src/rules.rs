//! PrometheusRules: which of them are selected, and who else evaluates them. Pure.

mod overlap;

use std::collections::BTreeMap;

use crate::model::RuleFacts;
use crate::selection::{self, Selected, Selectors};
use kube_facts::Key;
use kube_facts::namespaces::Namespaces;

pub use overlap::{Evaluator, Evaluators, Overlap, prometheus_affects, ruler_affects};

/// The rules that `selectors` select, as Prometheus Operator selects them for a Prometheus or a
/// ThanosRuler.
#[must_use]
pub fn select<'a>(
    rules: &'a BTreeMap<Key, RuleFacts>,
    namespaces: &Namespaces<'_>,
    selectors: &Selectors<'_>,
) -> Selected<'a, RuleFacts> {
    selection::select(rules, namespaces, selectors)
}

/// Whether a change of one rule can change what `selectors` select, or what is in it: whether it
/// was or is now selected. See [`Selectors::is_affected_by`].
#[must_use]
pub fn is_affected_by(
    namespaces: &Namespaces<'_>,
    selectors: &Selectors<'_>,
    key: &Key,
    old: Option<&RuleFacts>,
    new: Option<&RuleFacts>,
) -> bool {
    let [old, new] = [old, new].map(|facts| facts.map(|facts| &facts.labels));
    selectors.is_affected_by(namespaces, key, old, new)
}

#[cfg(test)]
mod tests;
