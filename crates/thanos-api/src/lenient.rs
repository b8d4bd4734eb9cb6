//! Deserialization that accepts what the API server accepts.
//!
//! The schema of a resource quantity is "integer or string", and a number in a manifest is stored
//! as a number, but the Kubernetes types read strings only. One such object must not stop the
//! watch.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a value with numeric quantities at any depth turned into strings.
pub(crate) fn quantities<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let mut value = Value::deserialize(deserializer)?;
    quantities_as_strings(&mut value);
    T::deserialize(value).map_err(serde::de::Error::custom)
}

/// The fields of a pod that hold quantities are known by name: maps called `limits` and `requests`,
/// and scalars called `sizeLimit` and `divisor`. Only numbers are touched, and nothing else in a
/// pod by these names is a number.
fn quantities_as_strings(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, child) in map.iter_mut() {
                match (key.as_str(), child) {
                    ("limits" | "requests", Value::Object(quantities)) => {
                        quantities.values_mut().for_each(number_to_string);
                    }
                    ("sizeLimit" | "divisor", child) => number_to_string(child),
                    (_, child) => quantities_as_strings(child),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities_as_strings),
        _ => {}
    }
}

fn number_to_string(value: &mut Value) {
    if let Value::Number(number) = value {
        *value = Value::String(number.to_string());
    }
}

/// Reads a section that is there as given, even if it is null: a server-side apply that empties a
/// section is stored as null, and `queryFrontend: {}` must not switch the frontend off.
pub(crate) fn section<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}
