//! Facts of Secrets: digests of their values, and nothing else.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use sha2::{Digest as _, Sha256};

use super::meta::Meta;

/// A Secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SecretObject {
    metadata: Meta,
    data: BTreeMap<String, Digest>,
    /// Plain text values of a manifest. The API server merges them into `data`; only `render` reads
    /// them.
    #[serde(rename = "stringData")]
    string_data: BTreeMap<String, Plain>,
}

/// Digest of the stored form of a plain text value.
#[derive(Clone, Copy, Debug)]
struct Plain(Digest);

/// Value that is hashed while it is decoded, so that it never exists as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// Facts of a Secret: a digest of each value, by key.
pub type SecretFacts = BTreeMap<String, Digest>;

impl Digest {
    fn of(stored: &str) -> Self {
        Self(Sha256::digest(stored.as_bytes()).into())
    }

    /// Bytes of the digest.
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
