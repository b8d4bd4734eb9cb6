//! Selection of PrometheusRules, and their evaluation by others. No IO.

mod overlap;

use std::collections::BTreeMap;

use crate::model::RuleFacts;
use crate::select::{self, Selected};
use crate::selection::Selectors;
use kube_facts::Key;
use kube_facts::namespaces::Namespaces;

pub use overlap::{Evaluator, Evaluators, Overlap, prometheus_affects, ruler_affects};

/// Rules that `selectors` select, with the semantics of Prometheus Operator for a Prometheus or a
/// ThanosRuler.
#[must_use]
pub fn select<'a>(
    rules: &'a BTreeMap<Key, RuleFacts>,
    namespaces: &Namespaces<'_>,
    selectors: &Selectors<'_>,
) -> Selected<'a, RuleFacts> {
    select::select(rules, namespaces, selectors)
}

/// Whether a change of one rule can affect the selection or its contents: whether it was or is now
/// selected. See [`Selectors::is_affected_by`].
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
