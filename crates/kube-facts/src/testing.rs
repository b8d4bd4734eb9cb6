//! Helpers for tests.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::{Key, Labels, NamespaceFacts};

/// Decodes JSON.
///
/// # Panics
/// The text does not match the type.
#[must_use]
pub fn parse<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("valid JSON of the type")
}

/// A label map.
pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// A selector with `matchLabels` only.
pub fn selector(pairs: &[(&str, &str)]) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels(pairs)),
        ..Default::default()
    }
}

/// A malformed selector that would select everything without validation.
pub fn malformed() -> LabelSelector {
    parse(r#"{"matchExpressions": [{"key": "-", "operator": "DoesNotExist"}]}"#)
}

/// A key.
pub fn key(namespace: &str, name: &str) -> Key {
    Key::new(namespace, name)
}

/// The store of namespaces.
pub fn namespaces(of: &[(&str, &[(&str, &str)])]) -> BTreeMap<Key, NamespaceFacts> {
    of.iter()
        .map(|(name, pairs)| {
            (
                key("", name),
                NamespaceFacts {
                    labels: labels(pairs),
                },
            )
        })
        .collect()
}
