//! Oracle of rule selection.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_facts::namespaces::Namespaces;
use kube_facts::{Key, Labels};

/// An object with two selectors.
pub struct Holder<'a> {
    pub namespace: &'a str,
    pub objects: Option<&'a LabelSelector>,
    pub namespaces: Option<&'a LabelSelector>,
}

/// Result for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Selected,
    NotSelected,
    Unknown,
}

/// Whether both selectors are well formed.
pub fn is_valid(holder: &Holder<'_>) -> bool {
    let mut valid = true;
    if let Some(selector) = holder.objects {
        valid &= super::is_well_formed(selector);
    }
    if let Some(selector) = holder.namespaces {
        valid &= super::is_well_formed(selector);
    }
    valid
}

/// Whether `holder` selects an object with these labels in `namespace`.
pub fn answer(
    known: &Namespaces<'_>,
    holder: &Holder<'_>,
    namespace: &str,
    labels: &Labels,
) -> Answer {
    let Some(objects) = holder.objects else {
        return Answer::NotSelected;
    };
    if !is_valid(holder) || !super::selects(objects, labels) {
        return Answer::NotSelected;
    }
    let scope = super::scope(&holder.namespaces.cloned());
    match super::in_scope(known, &scope, holder.namespace, namespace) {
        Some(true) => Answer::Selected,
        Some(false) => Answer::NotSelected,
        None => Answer::Unknown,
    }
}

/// Keys of the nearest objects: matches elsewhere, and the first three in scope by missing
/// requirements.
pub fn nearest(
    known: &Namespaces<'_>,
    holder: &Holder<'_>,
    objects: &BTreeMap<Key, Labels>,
) -> Vec<(Key, bool)> {
    let Some(desired) = holder.objects else {
        return Vec::new();
    };
    let scope = super::scope(&holder.namespaces.cloned());
    let mut all = Vec::new();
    for (key, labels) in objects {
        let inside = super::in_scope(known, &scope, holder.namespace, &key.namespace);
        let inside = inside == Some(true);
        let missing = super::missing(desired, labels);
        if inside || missing == 0 {
            all.push((inside, missing, key.clone()));
        }
    }
    all.sort();
    all.truncate(3);
    all.into_iter()
        .map(|(inside, _, key)| (key, !inside))
        .collect()
}
