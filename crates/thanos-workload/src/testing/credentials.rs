//! Finds where credentials of URLs leak to, for every field of a spec.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sample::Leaf;

/// Password in all samples.
const PASSWORD: &str = "hunter2";

const URLS: [&str; 8] = [
    "http://ruler:hunter2@sample.example.com:9093/x",
    "ruler:hunter2@sample.example.com:9093",
    "dns+https://ruler:hunter2/x@sample.example.com",
    "http://sample.example.com:9093/x?a=1&access_token=hunter2",
    "https://sample.example.com/#X-Amz-Signature=hunter2",
    "--flag=http://ruler:hunter2@sample.example.com:9093/x",
    "--flag=ruler:hunter2@sample.example.com:9093",
    "--flag=http://sample.example.com/x?a=1&sig=hunter2",
];

/// Places that repeat the password of a URL in a leaf: the message that rejects it, a ConfigMap, or the
/// arguments of a container, such as `ConfigMap of spec.externalLabels{}`. `plan` returns the objects or
/// the message; `None` if the leaf does not accept text.
pub fn places(
    leaves: &[Leaf],
    plan: impl Fn(&Leaf, &Value) -> Option<Result<Vec<Value>, String>>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for leaf in leaves {
        if !leaf.values.iter().all(Value::is_string) {
            continue;
        }
        for url in URLS {
            let places = match plan(leaf, &json!(url)) {
                None => Vec::new(),
                Some(Err(message)) => vec![("message", message)],
                Some(Ok(objects)) => objects.iter().flat_map(readable).collect(),
            };
            let places = places.iter().filter(|(_, text)| text.contains(PASSWORD));
            found.extend(places.map(|(place, _)| format!("{place} of {}", leaf.path)));
        }
    }
    found
}

/// Parts of an object that are readable without permission to read Secrets, except copies of the spec.
fn readable(object: &Value) -> Vec<(&'static str, String)> {
    if object["kind"] == "ConfigMap" {
        return vec![("ConfigMap", object["data"].to_string())];
    }
    let containers = object.pointer("/spec/template/spec/containers");
    let containers = containers.and_then(Value::as_array).into_iter().flatten();
    containers
        .map(|container| ("arguments", container["args"].to_string()))
        .collect()
}
