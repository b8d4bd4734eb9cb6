//! Leaves of a schema with sample values, for tests that set every field.

use serde_json::{Map, Value, json};

/// A leaf: a field without subfields, or an item or entry of a list or map.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Path, such as `spec.additionalPorts[].name`.
    pub path: String,
    /// Steps of the path.
    steps: Vec<Step>,
    /// Sample values.
    pub values: Vec<Value>,
}

#[derive(Clone, Debug)]
enum Step {
    /// A field, with samples of the required fields beside it.
    Field(String, Map<String, Value>),
    Item,
    Entry,
}

impl Leaf {
    /// Spec that sets the leaf to `value`, besides required fields only.
    #[must_use]
    pub fn spec(&self, value: Option<&Value>) -> Value {
        self.build(0, value).unwrap_or_else(|| json!({}))
    }

    /// Without a value, the parents of the leaf are set, and the leaf is not.
    fn build(&self, at: usize, value: Option<&Value>) -> Option<Value> {
        let Some(step) = self.steps.get(at) else {
            return value.cloned();
        };
        let inner = self.build(at + 1, value);
        Some(match step {
            Step::Field(name, beside) => {
                let mut object = beside.clone();
                if let Some(inner) = inner {
                    object.insert(name.clone(), inner);
                }
                Value::Object(object)
            }
            Step::Item => Value::Array(inner.into_iter().collect()),
            Step::Entry => inner.map_or(json!({}), |inner| json!({"sample": inner})),
        })
    }
}

/// Every leaf of the schema of a spec.
#[must_use]
pub fn leaves(schema: &Value) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(schema, "spec", &mut Vec::new(), &mut found);
    found
}

fn collect(schema: &Value, path: &str, steps: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, child) in properties {
            let beside = required(schema, name);
            steps.push(Step::Field(name.clone(), beside));
            collect(child, &format!("{path}.{name}"), steps, found);
            steps.pop();
        }
    } else if let Some(items) = schema.get("items") {
        steps.push(Step::Item);
        collect(items, &format!("{path}[]"), steps, found);
        steps.pop();
    } else if let Some(entries) = schema.get("additionalProperties") {
        steps.push(Step::Entry);
        collect(entries, &format!("{path}{{}}"), steps, found);
        steps.pop();
    } else {
        found.push(Leaf {
            path: path.to_owned(),
            steps: steps.clone(),
            values: values(schema, path),
        });
    }
}

/// Samples of the required fields of an object, except `without`.
fn required(schema: &Value, without: &str) -> Map<String, Value> {
    let names = schema["required"].as_array().into_iter().flatten();
    names
        .filter_map(Value::as_str)
        .filter(|name| *name != without)
        .map(|name| (name.to_owned(), sample(&schema["properties"][name], name)))
        .collect()
}

fn sample(schema: &Value, path: &str) -> Value {
    if schema["properties"].is_object() {
        Value::Object(required(schema, ""))
    } else if schema.get("items").is_some() {
        json!([])
    } else if schema.get("additionalProperties").is_some() {
        json!({})
    } else {
        values(schema, path)[0].clone()
    }
}

/// Two valid values, so that one differs from any default.
fn values(schema: &Value, path: &str) -> Vec<Value> {
    if let Some(values) = schema["enum"].as_array() {
        return values.clone();
    }
    let name = path
        .rsplit('.')
        .next()
        .unwrap_or(path)
        .trim_end_matches("[]");
    match schema["type"].as_str() {
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
            (Some(least), Some(most)) if most < 8.0 => {
                vec![json!(least as i64), json!(most as i64)]
            }
            _ => vec![json!(7), json!(8)],
        },
        Some("number") => vec![json!(0.5)],
        Some("object") => vec![json!({})],
        Some("string") => texts(schema, name).iter().map(|t| json!(t)).collect(),
        // Integer or string.
        _ => vec![json!("7"), json!("8")],
    }
}

fn texts(schema: &Value, name: &str) -> &'static [&'static str] {
    if schema["format"] == json!("date-time") {
        return &["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"];
    }
    let message = schema["x-kubernetes-validations"][0]["message"].as_str();
    let message = message.unwrap_or_default();
    if message.contains("duration") {
        &["7m", "8m"]
    } else if message.contains("such as 2026-") {
        &["-7w", "-8d"]
    } else if message.contains("amount of bytes") {
        &["7Mi", "8Mi"]
    } else if message.contains("number in a string") {
        &["7", "8"]
    } else if message.contains("two dashes") {
        &["--sample=1", "--sample=2"]
    } else if message.contains("starts with a slash") {
        &["/sample", "/other"]
    } else if message.contains("URL such as http://") {
        &["http://sample", "http://other"]
    } else if name == "operator" {
        &["In"]
    } else {
        &["sample", "other"]
    }
}
