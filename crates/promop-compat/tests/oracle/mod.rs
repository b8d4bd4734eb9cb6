//! Oracle: the semantics as nested loops over entire clusters, which share only types with the code
//! under test.

#![allow(dead_code)] // Each test file uses a part.

pub mod policy;
pub mod resolution;
pub mod rules;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::{Key, Labels};

/// Whether a requirement has the values that its operator needs.
pub fn requirement_is_well_formed(r: &LabelSelectorRequirement) -> bool {
    let count = r.values.iter().flatten().count();
    (["In", "NotIn"].contains(&&*r.operator) && count > 0)
        || (["Exists", "DoesNotExist"].contains(&&*r.operator) && count == 0)
}

/// Whether every requirement has the values that its operator needs.
pub fn is_well_formed(selector: &LabelSelector) -> bool {
    selector
        .match_expressions
        .iter()
        .flatten()
        .all(requirement_is_well_formed)
}

/// Whether a selector selects labels.
pub fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    missing(selector, labels) == 0
}

/// Number of requirements that labels do not meet.
pub fn missing(selector: &LabelSelector, labels: &Labels) -> usize {
    let mut missing = 0;
    for (key, value) in selector.match_labels.clone().unwrap_or_default() {
        if !labels.iter().any(|(k, v)| *k == key && *v == value) {
            missing += 1;
        }
    }
    for r in selector.match_expressions.clone().unwrap_or_default() {
        let values = r.values.clone().unwrap_or_default();
        let value = labels
            .iter()
            .find(|(k, _)| **k == r.key)
            .map(|(_, v)| v.clone());
        let one_of_them = value.as_ref().is_some_and(|v| values.contains(v));
        let met = match r.operator.as_str() {
            "In" => one_of_them,
            "NotIn" => !one_of_them,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        };
        if !(met && requirement_is_well_formed(&r)) {
            missing += 1;
        }
    }
    missing
}

/// Whether a namespace is in a scope; `None` if unknown.
pub fn in_scope(
    known: &Namespaces<'_>,
    scope: &NamespaceScope,
    own: &str,
    namespace: &str,
) -> Option<bool> {
    if let Some(watched) = known.watched
        && !watched.contains(namespace)
    {
        return Some(false);
    }
    match scope {
        NamespaceScope::Own => Some(own == namespace),
        NamespaceScope::All => Some(true),
        NamespaceScope::Matching(selector) => match known.listed {
            Some(listed) => {
                let mut found = listed.iter().filter(|(key, _)| key.name == namespace);
                Some(found.any(|(_, facts)| selects(selector, &facts.labels)))
            }
            None => {
                let name = "kubernetes.io/metadata.name";
                let mut keys: Vec<String> = selector
                    .match_labels
                    .iter()
                    .flatten()
                    .map(|(key, _)| key.clone())
                    .collect();
                let expressions = selector.match_expressions.iter().flatten();
                keys.extend(expressions.map(|r| r.key.clone()));
                if keys.iter().any(|key| key != name) {
                    return None;
                }
                let labels = Labels::from([(name.to_owned(), namespace.to_owned())]);
                Some(selects(selector, &labels))
            }
        },
    }
}

/// Scope of an optional namespace selector.
pub fn scope(selector: &Option<LabelSelector>) -> NamespaceScope {
    match selector {
        None => NamespaceScope::Own,
        Some(s)
            if s.match_labels.iter().flatten().count() == 0
                && s.match_expressions.iter().flatten().count() == 0 =>
        {
            NamespaceScope::All
        }
        Some(s) => NamespaceScope::Matching(s.clone()),
    }
}

/// Whether all pairs of `part` are in `whole`.
pub fn contains_all(whole: &Labels, part: &Labels) -> bool {
    part.iter()
        .all(|pair| whole.iter().any(|other| other == pair))
}

pub fn key(namespace: &str, name: &str) -> Key {
    Key {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}
