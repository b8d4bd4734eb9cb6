//! Digests that detect changes of rendered objects.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

/// Digest of a value as JSON. Equal JSON has an equal digest in every version of this program.
#[must_use]
pub fn json_digest(value: &impl Serialize) -> String {
    // Kubernetes objects have string keys only.
    let json = serde_json::to_vec(value).unwrap_or_default();
    format!("{:016x}", xxh3_64(&json))
}
