//! Validates objects against the schema of their CRD: which fields of an object in a file the API
//! server would reject or drop, and why a stored custom resource does not decode. Messages never
//! contain values. Pure.

use anyhow::bail;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResourceExt, Resource};
use serde_json::{Value, json};

/// Maximum number of faults in a message.
const NAMED: usize = 10;

/// Validates an object of a file if it is a custom resource `R` of this [`schema`], a Secret or a ConfigMap.
/// Returns a warning for each unknown field.
///
/// # Errors
/// Values of the wrong type, with their paths.
pub fn check<R>(object: &Value, schema: &Value) -> anyhow::Result<Vec<String>>
where
    R: Resource<DynamicType = ()>,
{
    let (version, kind) = (&object["apiVersion"], &object["kind"]);
    if *version == *R::api_version(&()) && *kind == *R::kind(&()) {
        return custom_resource(object, schema);
    }
    if version == "v1" && (kind == "Secret" || kind == "ConfigMap") {
        texts(object)?;
    }
    Ok(Vec::new())
}

/// Kind, namespace and name.
pub fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    match namespace.is_empty() {
        true => format!("{} {name}", text(&object["kind"])),
        false => format!("{} {namespace}/{name}", text(&object["kind"])),
    }
}

/// Why a custom resource does not decode: the fields that do not match its CRD, or else the error of
/// serde.
pub fn problem<R>(object: &Value, error: &serde_json::Error) -> String
where
    R: Resource<DynamicType = ()> + CustomResourceExt,
{
    let faults = Faults::of(object, &schema::<R>());
    faults.wrong().unwrap_or_else(|| without_value(error))
}

/// The error of serde without the value.
fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("a value does not match the CRD: expected {expected}"),
        None if text.starts_with("missing field") => text,
        None => "a value does not match the CRD".to_owned(),
    }
}

/// The schema of a version of a CRD; null if there is none.
pub fn schema_of(crd: &CustomResourceDefinition, version: &str) -> Value {
    let version = crd.spec.versions.iter().find(|v| v.name == version);
    let schema = version.and_then(|v| v.schema.as_ref()?.open_api_v3_schema.as_ref());
    serde_json::to_value(schema).unwrap_or_default()
}

/// The schema of a custom resource, with the metadata that the API server validates in every object.
pub fn schema<R: Resource<DynamicType = ()> + CustomResourceExt>() -> Value {
    let mut schema = schema_of(&R::crd(), &R::version(&()));
    if schema["properties"].is_object() {
        let text = json!({"type": "string"});
        let texts = json!({"type": "object", "additionalProperties": text});
        schema["properties"]["apiVersion"] = text.clone();
        schema["properties"]["kind"] = text.clone();
        schema["properties"]["metadata"] = json!({
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {"name": text, "namespace": text, "labels": texts, "annotations": texts},
        });
        // The status in a file is ignored.
        schema["properties"]["status"] = json!({"x-kubernetes-preserve-unknown-fields": true});
    }
    schema
}

fn custom_resource(object: &Value, schema: &Value) -> anyhow::Result<Vec<String>> {
    let faults = Faults::of(object, schema);
    if let Some(wrong) = faults.wrong() {
        bail!("{}: {wrong}", name(object));
    }
    let warning = |field: String| {
        format!(
            "{}: unknown field {field} is ignored; correct its name, or remove it",
            name(object)
        )
    };
    Ok(faults.unknown.into_iter().map(warning).collect())
}

/// Rejects values of a Secret or ConfigMap that are not strings.
fn texts(object: &Value) -> anyhow::Result<()> {
    for field in ["data", "stringData", "binaryData"] {
        let values = match &object[field] {
            Value::Null => continue,
            Value::Object(values) => values,
            other => bail!(
                "{}: {field}: expected object, got {}; write KEY: \"VALUE\" below it",
                name(object),
                kind_of(other)
            ),
        };
        for (key, value) in values {
            if !value.is_string() && !value.is_null() {
                let is_scalar = !value.is_object() && !value.is_array();
                bail!(
                    "{}: {}: expected string, got {}; {}",
                    name(object),
                    below(field, key),
                    kind_of(value),
                    match is_scalar {
                        true => "put the value in quotes",
                        false => "write it as a block scalar, after `|`",
                    }
                );
            }
        }
    }
    Ok(())
}

#[derive(Default)]
struct Faults {
    /// Path and problem of each value that does not match the schema.
    wrong: Vec<String>,
    /// Paths of fields that are not in the schema.
    unknown: Vec<String>,
}

impl Faults {
    fn of(object: &Value, schema: &Value) -> Self {
        let mut faults = Self::default();
        faults.find(object, schema, "");
        faults
    }

    /// The first values that do not match the schema, if any.
    fn wrong(&self) -> Option<String> {
        let named = &self.wrong[..self.wrong.len().min(NAMED)];
        (!named.is_empty()).then(|| named.join("; "))
    }

    fn find(&mut self, value: &Value, schema: &Value, path: &str) {
        // The API server drops nulls or applies the default.
        if value.is_null() {
            return;
        }
        if let Some(expected) = expected(value, schema) {
            let got = match schema["enum"].is_array() && value.is_string() {
                true => "another string",
                false => kind_of(value),
            };
            let fault = format!("expected {expected}, got {got}");
            self.wrong.push(at(path, &fault));
            return;
        }
        match value {
            Value::Object(fields) => {
                for name in schema["required"].as_array().into_iter().flatten() {
                    let name = name.as_str().unwrap_or_default();
                    if !fields.contains_key(name) && schema["properties"][name]["default"].is_null()
                    {
                        self.wrong
                            .push(format!("{} is required", below(path, name)));
                    }
                }
                for (name, field) in fields {
                    let path = below(path, name);
                    let (known, more) = (
                        schema["properties"].get(name),
                        &schema["additionalProperties"],
                    );
                    match known {
                        Some(known) => self.find(field, known, &path),
                        None if more.is_object() => self.find(field, more, &path),
                        None if is_open(schema) => {}
                        None => self.unknown.push(path),
                    }
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.find(item, &schema["items"], &format!("{path}[{i}]"));
                }
            }
            _ => {}
        }
    }
}

/// The expected type if the value itself does not match; fields and items are not checked.
fn expected(value: &Value, schema: &Value) -> Option<String> {
    if schema["x-kubernetes-int-or-string"] == true {
        let fits = value.is_string() || is_integer(value);
        return (!fits).then(|| "integer or string".to_owned());
    }
    let kind = schema["type"].as_str()?;
    let fits = match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => is_integer(value),
        "number" => value.is_number(),
        _ => true,
    };
    if !fits {
        return Some(kind.to_owned());
    }
    let is_short = schema["format"] == "int32";
    if is_short && value.as_i64().is_none_or(|n| i32::try_from(n).is_err()) {
        return Some("32-bit integer".to_owned());
    }
    let listed = schema["enum"].as_array()?;
    (!listed.contains(value)).then(|| {
        let listed: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
        format!("one of {}", listed.join(", "))
    })
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

/// Whether a schema allows fields that it does not list.
pub fn is_open(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true
        || schema["additionalProperties"] == true
        || !schema["properties"].is_object()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn at(path: &str, fault: &str) -> String {
    match path {
        "" => fault.to_owned(),
        path => format!("{path}: {fault}"),
    }
}

fn below(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path if name.contains(['.', '/']) => format!("{path}[{name}]"),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        let text = json!({"type": "string"});
        json!({"type": "object", "required": ["spec"], "properties": {
            "metadata": {"x-kubernetes-preserve-unknown-fields": true, "properties": {
                "labels": {"type": "object", "additionalProperties": text},
            }},
            "kind": text,
            "spec": {"type": "object", "required": ["image", "port"], "properties": {
                "replicas": {"type": "integer", "format": "int32"},
                "image": text,
                "port": {"type": "integer", "default": 1},
                "mode": {"type": "string", "enum": ["A", "B"]},
                "size": {"x-kubernetes-int-or-string": true},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "list": {"type": "array", "items": {"type": "object", "properties": {"a": text}}},
            }},
        }})
    }

    fn checked(mut object: Value) -> Result<Vec<String>, String> {
        object["kind"] = "Toy".into();
        object["metadata"]["name"] = "x".into();
        object["metadata"]["namespace"] = "n".into();
        custom_resource(&object, &schema()).map_err(|error| error.to_string())
    }

    #[test]
    fn wrong_types_are_reported_by_path_without_the_value() {
        for (spec, fault) in [
            (
                json!({"replicas": "hunter2"}),
                "spec.replicas: expected integer, got string",
            ),
            (
                json!({"replicas": 5_000_000_000_u64}),
                "spec.replicas: expected 32-bit integer, got integer",
            ),
            (
                json!({"mode": "hunter2"}),
                "spec.mode: expected one of A, B, got another string",
            ),
            (
                json!({"size": true}),
                "spec.size: expected integer or string, got boolean",
            ),
            (
                json!({"list": [{"a": "b"}, {"a": 1.5}]}),
                "spec.list[1].a: expected string, got number",
            ),
            (
                json!({"list": {"hunter2": 1}}),
                "spec.list: expected array, got object",
            ),
        ] {
            let mut spec = spec;
            spec["image"] = "i".into();
            let error = checked(json!({"spec": spec})).unwrap_err();
            assert_eq!(error, format!("Toy n/x: {fault}"));
        }
        assert_eq!(
            checked(json!({"spec": {}})).unwrap_err(),
            "Toy n/x: spec.image is required"
        );
        assert_eq!(
            checked(json!({"sepc": {}})).unwrap_err(),
            "Toy n/x: spec is required"
        );
        let labels = json!({"a": "b", "example.com/v": 1});
        assert_eq!(
            checked(json!({"metadata": {"labels": labels}, "spec": {"image": "i"}})).unwrap_err(),
            "Toy n/x: metadata.labels[example.com/v]: expected string, got integer"
        );
    }

    #[test]
    fn unknown_fields_are_warnings() {
        let spec = json!({
            "image": "i", "replcas": 1, "replicas": null, "size": 1, "free": {"x": 1},
            "list": [{"a": "b", "b": {"c": 1}}],
        });
        let warnings =
            checked(json!({"metadata": {"more": 1}, "spec": spec, "staus": {}})).unwrap();
        let warning = |field: &str| {
            format!("Toy n/x: unknown field {field} is ignored; correct its name, or remove it")
        };
        assert_eq!(
            warnings,
            ["spec.list[0].b", "spec.replcas", "staus"].map(warning)
        );
    }

    #[test]
    fn secrets_and_config_maps_accept_only_strings() {
        for (object, error) in [
            (
                json!({"kind": "Secret", "stringData": {"port": 4711}}),
                "Secret n/x: stringData.port: expected string, got integer; put the value in quotes",
            ),
            (
                json!({"kind": "ConfigMap", "data": {"a.yaml": {"b": 4711}}}),
                "ConfigMap n/x: data[a.yaml]: expected string, got object; write it as a block \
                 scalar, after `|`",
            ),
            (
                json!({"kind": "Secret", "data": ["4711"]}),
                "Secret n/x: data: expected object, got array; write KEY: \"VALUE\" below it",
            ),
        ] {
            let mut object = object;
            object["metadata"] = json!({"name": "x", "namespace": "n"});
            assert_eq!(texts(&object).unwrap_err().to_string(), error);
        }
        assert!(texts(&json!({"kind": "Secret", "data": null, "stringData": {"a": "b"}})).is_ok());
    }

    #[test]
    fn decode_error_does_not_contain_the_value() {
        let error = serde_json::from_value::<u8>(json!("a, expected hunter2")).unwrap_err();
        assert_eq!(
            without_value(&error),
            "a value does not match the CRD: expected u8"
        );
    }
}
