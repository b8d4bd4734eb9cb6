//! What is rejected: the message names the field, and what to do.

use serde_json::Value;

use crate::case::Case;

/// The spec is rejected, for this field and with these words.
pub fn rejected<C: Case>(spec: Value, field: &str, words: &str) {
    match C::of(spec.clone()).plan() {
        Ok(_) => panic!("{spec} is accepted"),
        Err(invalid) => {
            assert_eq!(invalid.field, field, "{invalid}");
            assert!(invalid.message.contains(words), "{invalid}");
        }
    }
}

/// The spec is accepted.
pub fn accepted<C: Case>(spec: Value) {
    let rejected = C::of(spec.clone()).plan().err();
    assert!(rejected.is_none(), "{spec}: {rejected:?}");
}
