//! Secrets: digests of what is in them, and nothing else.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use sha2::{Digest as _, Sha256};

use super::Meta;

/// A Secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SecretObject {
    metadata: Meta,
    data: BTreeMap<String, Digest>,
    /// What a manifest says in plain text. The API server puts it over `data` when it stores the
    /// Secret; `render` reads manifests.
    #[serde(rename = "stringData")]
    string_data: BTreeMap<String, Plain>,
}

/// The digest that a plain value has once the API server has stored it.
#[derive(Clone, Copy, Debug)]
struct Plain(Digest);

/// A value that is digested while it is read: it never becomes a string of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// What decisions need to know of a Secret: a digest of each value, by key.
pub type SecretFacts = BTreeMap<String, Digest>;

impl Digest {
    fn of(stored: &str) -> Self {
        Self(Sha256::digest(stored.as_bytes()).into())
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value in base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Digest, E> {
                Ok(Digest::of(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let plain = ByteString(String::deserialize(deserializer)?.into_bytes());
        let stored = serde_json::to_value(plain).map_err(Error::custom)?;
        Ok(Self(Digest::of(stored.as_str().unwrap_or_default())))
    }
}

impl Extract for SecretObject {
    type Facts = SecretFacts;

    fn into_parts(self) -> (ObjectMeta, SecretFacts) {
        let mut values = self.data;
        let plain = self.string_data.into_iter();
        values.extend(plain.map(|(key, Plain(digest))| (key, digest)));
        (self.metadata.identity(), values)
    }
}
