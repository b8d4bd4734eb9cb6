//! Digests by which a change of a rendered object is known.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

/// A digest of a value as JSON. Equal values have equal digests across versions of this program, as
/// long as they are rendered alike.
#[must_use]
pub fn json_digest(value: &impl Serialize) -> String {
    // Kubernetes objects have string keys only.
    let json = serde_json::to_vec(value).unwrap_or_default();
    format!("{:016x}", xxh3_64(&json))
}
