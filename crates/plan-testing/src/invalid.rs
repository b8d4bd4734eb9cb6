//! Assertions for rejected and accepted specs.

use serde_json::Value;

use crate::case::Case;

/// Asserts that the spec is rejected for this field, with this text in the message.
pub fn rejected<C: Case>(spec: Value, field: &str, text: &str) {
    match C::of(spec.clone()).plan() {
        Ok(_) => panic!("{spec} is accepted"),
        Err(invalid) => {
            assert_eq!(invalid.field, field, "{invalid}");
            assert!(invalid.message.contains(text), "{invalid}");
        }
    }
}

/// Asserts that the spec is accepted.
pub fn accepted<C: Case>(spec: Value) {
    let rejected = C::of(spec.clone()).plan().err();
    assert!(rejected.is_none(), "{spec}: {rejected:?}");
}
