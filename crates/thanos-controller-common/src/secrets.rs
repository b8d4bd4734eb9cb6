//! Secrets that pods read at startup. No IO.

use k8s_openapi::api::core::v1::SecretKeySelector;
use kube_facts::Key;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Display;

use crate::facts::SecretFacts;

/// Contents of the Secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Secrets are not watched.
    Unwatched,
    /// A missing Secret or key, with the field that references it.
    Missing(String),
    /// Digest of all referenced values.
    Digest(String),
}

impl Content {
    /// Digest of all values, if they are readable and complete.
    #[must_use]
    pub fn digest(self) -> Option<String> {
        match self {
            Self::Digest(digest) => Some(digest),
            Self::Unwatched | Self::Missing(_) => None,
        }
    }
}

/// Contents of the Secrets of a namespace; `secrets` is `None` if they are not watched. `keys` are
/// the referenced keys, each with its field.
#[must_use]
pub fn content<'a, F: Display>(
    keys: impl IntoIterator<Item = (F, &'a SecretKeySelector)>,
    namespace: &str,
    secrets: Option<&BTreeMap<Key, SecretFacts>>,
) -> Content {
    let Some(secrets) = secrets else {
        return Content::Unwatched;
    };
    let mut all = Sha256::new();
    for (field, key) in keys {
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
    use kube_facts::extract::Extract;
    use serde_json::json;

    /// Contents of a namespace for three keys, the last one optional.
    fn seen(secrets: Option<&BTreeMap<Key, SecretFacts>>) -> Content {
        let key = |name: &str, key: &str, optional| SecretKeySelector {
            name: name.to_owned(),
            key: key.to_owned(),
            optional,
        };
        let keys = [
            ("spec.bucket", key("s3", "thanos.yaml", None)),
            ("spec.cache", key("cache", "c", None)),
            ("spec.other", key("cache", "d", Some(true))),
        ];
        content(keys.iter().map(|(field, key)| (field, key)), "n", secrets)
    }

    fn secrets(all: &[(&str, serde_json::Value)]) -> BTreeMap<Key, SecretFacts> {
        let facts =
            |data: &serde_json::Value| SecretObject::read(&json!({"data": data})).into_parts().1;
        all.iter()
            .map(|(name, data)| (Key::new("n", *name), facts(data)))
            .collect()
    }

    #[test]
    fn missing_secret_and_key_are_reported_with_their_field() {
        let missing = |all: &[(&str, serde_json::Value)]| match seen(Some(&secrets(all))) {
            Content::Missing(what) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(&[]), "Secret n/s3 does not exist (spec.bucket)");
        let s3 = ("s3", json!({"thanos.yaml": "eA=="}));
        assert_eq!(
            missing(&[("s3", json!({"other": "eA=="}))]),
            "Secret n/s3 has no key thanos.yaml (spec.bucket)"
        );
        assert!(missing(&[s3]).ends_with("(spec.cache)"));
        assert_eq!(seen(None), Content::Unwatched);
    }

    #[test]
    fn digest_depends_only_on_referenced_keys() {
        let digest = |s3: &str, other: &str, optional: serde_json::Value| {
            let all = [
                ("s3", json!({"thanos.yaml": s3, "other": other})),
                ("cache", optional),
            ];
            match seen(Some(&secrets(&all))) {
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
