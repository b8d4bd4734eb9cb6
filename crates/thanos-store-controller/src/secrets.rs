//! The Secrets that stores read when they start. Pure.

use k8s_openapi::api::core::v1::SecretKeySelector;
use promop_compat::model::Key;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use thanos_api::v1alpha1::ThanosStoreSpec;

use crate::facts::SecretFacts;

/// The keys that are read, with the field that names each.
pub fn keys(spec: &ThanosStoreSpec) -> impl Iterator<Item = (&'static str, &SecretKeySelector)> {
    let index = spec.index_cache_config.as_ref();
    let bucket = spec.caching_bucket_config.as_ref();
    let index = index.and_then(|c| c.external_cache_config.as_ref());
    let bucket = bucket.and_then(|c| c.external_cache_config.as_ref());
    std::iter::once(("spec.objectStorageConfig", &spec.object_storage_config))
        .chain(index.map(|key| ("spec.indexCacheConfig.externalCacheConfig", key)))
        .chain(bucket.map(|key| ("spec.cachingBucketConfig.externalCacheConfig", key)))
}

/// What the Secrets hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// They may not be watched.
    Unwatched,
    /// Something is not there: what, and which field asks for it.
    Missing(String),
    /// The digest of all that is read.
    Digest(String),
}

/// Looks at the Secrets of a namespace; `None` if they may not be watched.
#[must_use]
pub fn content(
    spec: &ThanosStoreSpec,
    namespace: &str,
    secrets: Option<&BTreeMap<Key, SecretFacts>>,
) -> Content {
    let Some(secrets) = secrets else {
        return Content::Unwatched;
    };
    let mut all = Sha256::new();
    for (field, key) in keys(spec) {
        let required = !key.optional.unwrap_or(false);
        let secret = secrets.get(&Key::new(namespace, key.name.as_str()));
        let value = secret.and_then(|s| s.get(&key.key));
        let missing = match (secret, value) {
            (None, _) => format!("Secret {namespace}/{} does not exist ({field})", key.name),
            (Some(_), None) => {
                format!(
                    "Secret {namespace}/{} has no key {} ({field})",
                    key.name, key.key
                )
            }
            (Some(_), Some(digest)) => {
                all.update(digest.bytes());
                continue;
            }
        };
        if required {
            return Content::Missing(missing);
        }
        all.update([0]);
    }
    let digest = all.finalize();
    Content::Digest(
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::SecretObject;
    use promop_compat::extract::Extract;
    use serde_json::json;

    fn spec() -> ThanosStoreSpec {
        serde_json::from_value(json!({
            "objectStorageConfig": {"name": "s3", "key": "thanos.yaml"},
            "indexCacheConfig": {"externalCacheConfig": {"name": "cache", "key": "c"}},
            "cachingBucketConfig": {"externalCacheConfig": {"name": "cache", "key": "d", "optional": true}},
        }))
        .unwrap()
    }

    fn secrets(all: &[(&str, serde_json::Value)]) -> BTreeMap<Key, SecretFacts> {
        let facts =
            |data: &serde_json::Value| SecretObject::read(&json!({"data": data})).into_parts().1;
        all.iter()
            .map(|(name, data)| (Key::new("n", *name), facts(data)))
            .collect()
    }

    #[test]
    fn what_is_missing_is_named_with_its_field() {
        let missing =
            |all: &[(&str, serde_json::Value)]| match content(&spec(), "n", Some(&secrets(all))) {
                Content::Missing(what) => what,
                other => panic!("{other:?}"),
            };
        assert_eq!(
            missing(&[]),
            "Secret n/s3 does not exist (spec.objectStorageConfig)"
        );
        let s3 = ("s3", json!({"thanos.yaml": "eA=="}));
        assert_eq!(
            missing(&[("s3", json!({"other": "eA=="}))]),
            "Secret n/s3 has no key thanos.yaml (spec.objectStorageConfig)"
        );
        assert!(missing(&[s3]).ends_with("(spec.indexCacheConfig.externalCacheConfig)"));
        assert_eq!(content(&spec(), "n", None), Content::Unwatched);
    }

    #[test]
    fn only_what_is_read_decides() {
        let digest = |s3: &str, other: &str, optional: serde_json::Value| {
            let all = [
                ("s3", json!({"thanos.yaml": s3, "other": other})),
                ("cache", optional),
            ];
            match content(&spec(), "n", Some(&secrets(&all))) {
                Content::Digest(digest) => digest,
                other => panic!("{other:?}"),
            }
        };
        let first = digest("eA==", "eA==", json!({"c": "eA=="}));
        assert_eq!(first.len(), 16);
        assert_eq!(first, digest("eA==", "eQ==", json!({"c": "eA=="})));
        assert_ne!(first, digest("eQ==", "eA==", json!({"c": "eA=="})));
        assert_ne!(
            first,
            digest("eA==", "eA==", json!({"c": "eA==", "d": "eA=="}))
        );
    }
}
