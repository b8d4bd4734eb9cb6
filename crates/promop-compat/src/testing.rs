//! Helpers for tests.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::{Key, Labels, NamespaceFacts};

/// Decodes JSON.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// Label map.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// Selector with only `matchLabels`.
pub(crate) fn selector(pairs: &[(&str, &str)]) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels(pairs)),
        ..Default::default()
    }
}

/// Malformed selector, which everything would meet if it were not detected.
pub(crate) fn malformed() -> LabelSelector {
    parse(r#"{"matchExpressions": [{"key": "-", "operator": "DoesNotExist"}]}"#)
}

/// A key.
pub(crate) fn key(namespace: &str, name: &str) -> Key {
    Key::new(namespace, name)
}

/// Store of namespaces.
pub(crate) fn namespaces(of: &[(&str, &[(&str, &str)])]) -> BTreeMap<Key, NamespaceFacts> {
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
