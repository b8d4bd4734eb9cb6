//! Deserialization that accepts every value that the API server accepts.
//!
//! The schema of a quantity is "integer or string", and a number in a manifest is stored as a number,
//! but the Kubernetes types decode strings only. One such object must not stop the watch.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Decodes a value after converting numeric quantities at any depth to strings.
pub(crate) fn quantities<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let mut value = Value::deserialize(deserializer)?;
    quantities_as_strings(&mut value);
    T::deserialize(value).map_err(serde::de::Error::custom)
}

/// Quantities of a pod are the values of the maps `limits` and `requests` and the scalars `sizeLimit` and
/// `divisor`. Only numbers are converted; no other field of a pod with these names is a number.
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

/// Decodes a present section as set, even if it is null: a server-side apply that empties a section is
/// stored as null, and `queryFrontend: {}` must not disable the frontend.
pub(crate) fn section<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}
