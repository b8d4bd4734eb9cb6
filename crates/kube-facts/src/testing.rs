//! Helpers for tests.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::{Key, Labels, NamespaceFacts};

/// Reads JSON.
///
/// # Panics
/// The text does not fit the type.
#[must_use]
pub fn parse<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("a test writes JSON that fits")
}

/// A label map.
pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// A selector with `matchLabels` alone.
pub fn selector(pairs: &[(&str, &str)]) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels(pairs)),
        ..Default::default()
    }
}

/// A malformed selector, which would match everything if it were not rejected.
pub fn malformed() -> LabelSelector {
    parse(r#"{"matchExpressions": [{"key": "-", "operator": "DoesNotExist"}]}"#)
}

/// A key.
pub fn key(namespace: &str, name: &str) -> Key {
    Key::new(namespace, name)
}

/// The view of namespaces.
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
