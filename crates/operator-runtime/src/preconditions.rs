//! Serializes the body of an apply with a precondition on UID or resource version. Pure.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// A body with a precondition in its metadata. It is inserted during serialization, since a copy of
/// the body would double the cost of a request.
#[derive(Debug)]
pub(crate) struct Conditional<'a> {
    /// Body, a JSON object.
    pub body: &'a Value,
    /// Metadata field and its value.
    pub preconditions: (&'a str, &'a str),
}

impl Serialize for Conditional<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (field, value) = self.preconditions;
        let fields = self.body.as_object().into_iter().flatten();
        serializer.collect_map(fields.map(|(key, it)| match key.as_str() {
            "metadata" => (
                key,
                With {
                    it,
                    field,
                    value: Some(value),
                },
            ),
            _ => (
                key,
                With {
                    it,
                    field,
                    value: None,
                },
            ),
        }))
    }
}

/// A value with an additional field, if any.
struct With<'a> {
    it: &'a Value,
    field: &'a str,
    value: Option<&'a str>,
}

impl Serialize for With<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (Some(value), Some(fields)) = (self.value, self.it.as_object()) else {
            return self.it.serialize(serializer);
        };
        let mut map = serializer.serialize_map(Some(fields.len() + 1))?;
        for (key, it) in fields {
            map.serialize_entry(key, it)?;
        }
        map.serialize_entry(self.field, value)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn precondition_is_added_to_the_metadata_only() {
        let mut body =
            json!({"kind": "X", "metadata": {"name": "x"}, "spec": {"metadata": {"a": 1}}});
        let sent = Conditional {
            body: &body,
            preconditions: ("uid", "u"),
        };
        let sent = serde_json::to_value(&sent).unwrap();
        body["metadata"]["uid"] = json!("u");
        assert_eq!(sent, body);
    }
}
