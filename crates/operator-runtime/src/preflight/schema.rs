//! What a schema of the API server lacks. Pure.

use serde_json::Value;

/// The fields of `ours` that `theirs` does not know, as paths below `path`. A field that is missing
/// stands for everything in it.
pub fn missing_fields(ours: &Value, theirs: &Value, path: &str) -> Vec<String> {
    if is_open(theirs) {
        return Vec::new();
    }
    let mut missing = Vec::new();
    for (name, field) in ours["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match theirs["properties"].get(name) {
            Some(known) => missing.extend(missing_fields(field, known, &path)),
            None => missing.push(path),
        }
    }
    if ours["items"].is_object() {
        missing.extend(missing_fields(
            &ours["items"],
            &theirs["items"],
            &format!("{path}[]"),
        ));
    }
    missing
}

/// The fields of an object that `schema` does not know: they cannot be written.
pub fn unknown_fields(object: &Value, schema: &Value, path: &str) -> Vec<String> {
    if is_open(schema) {
        return Vec::new();
    }
    match object {
        Value::Object(fields) => {
            let mut unknown = Vec::new();
            for (name, field) in fields {
                let path = format!("{path}.{name}");
                match schema["properties"].get(name) {
                    Some(known) => unknown.extend(unknown_fields(field, known, &path)),
                    None => unknown.push(path),
                }
            }
            unknown
        }
        Value::Array(items) => {
            let path = format!("{path}[]");
            let all = items.iter();
            all.flat_map(|item| unknown_fields(item, &schema["items"], &path))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a schema admits fields that it does not name, or does not say what it admits.
fn is_open(schema: &Value) -> bool {
    let names = schema["properties"].is_object() || schema["items"].is_object();
    schema["x-kubernetes-preserve-unknown-fields"] == true
        || !schema["additionalProperties"].is_null()
        || !names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_field_is_named_once_by_its_path() {
        let ours = json!({"properties": {
            "a": {"type": "string"},
            "b": {"properties": {"c": {"type": "string"}, "d": {"properties": {"e": {}}}}},
            "l": {"items": {"properties": {"x": {}, "y": {}}}},
            "free": {"properties": {"z": {}}},
        }});
        let theirs = json!({"properties": {
            "a": {"type": "string"},
            "b": {"properties": {"c": {"type": "string"}}},
            "l": {"items": {"properties": {"x": {}}}},
            "free": {"x-kubernetes-preserve-unknown-fields": true},
            "old": {},
        }});
        let missing = missing_fields(&ours, &theirs, "spec");
        assert_eq!(missing, ["spec.b.d", "spec.l[].y"]);
        assert!(missing_fields(&ours, &ours, "spec").is_empty());
    }

    #[test]
    fn what_cannot_be_written_of_an_object_is_named() {
        let schema = json!({"properties": {
            "endpoints": {"items": {"properties": {"port": {}}}},
            "selector": {"properties": {"matchLabels": {"additionalProperties": {"type": "string"}}}},
        }});
        let object = json!({
            "endpoints": [{"port": "http", "relabelings": []}],
            "selector": {"matchLabels": {"a": "b"}},
        });
        assert_eq!(
            unknown_fields(&object, &schema, "spec"),
            ["spec.endpoints[].relabelings"]
        );
        assert!(unknown_fields(&object, &Value::Null, "spec").is_empty());
    }
}
