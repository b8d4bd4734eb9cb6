//! Extracts label selectors. A selector with an unreadable requirement selects nothing, since without
//! that requirement it would select too much. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;
use serde_json::Value;

use crate::selector;
use crate::tolerant_decode::{Lenient, Shape};

/// Label selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector(LabelSelector);

impl<'de> Shape<'de> for Selector {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(object))?;
        let read = LabelSelector::deserialize(&value);
        Ok(Some(Self(read.unwrap_or_else(|_| unreadable(&value)))))
    }
}

/// A selector that selects nothing, and for which validation reports the malformed field.
fn unreadable(value: &Value) -> LabelSelector {
    let (field, expected) = wrong(value).unwrap_or_default();
    let remedy = match expected {
        "string" => "; put it in quotes",
        _ => "",
    };
    selector::unreadable(&field, &format!("expected {expected}{remedy}"))
}

/// The first field of a selector with the wrong type, and the expected type.
fn wrong(selector: &Value) -> Option<(String, &'static str)> {
    let is_no_string = |value: &Value| !value.is_string() && !value.is_null();
    match &selector["matchLabels"] {
        Value::Null => {}
        Value::Object(labels) => {
            if let Some((key, _)) = labels.iter().find(|(_, value)| !value.is_string()) {
                return Some((format!("matchLabels[{key}]"), "string"));
            }
        }
        _ => return Some(("matchLabels".to_owned(), "object")),
    }
    let expressions = match &selector["matchExpressions"] {
        Value::Array(expressions) => expressions,
        _ => return Some(("matchExpressions".to_owned(), "array")),
    };
    expressions.iter().enumerate().find_map(|(i, expression)| {
        let at = |field: &str| format!("matchExpressions[{i}]{field}");
        if !expression.is_object() {
            return Some((at(""), "object"));
        }
        for field in ["key", "operator"] {
            if is_no_string(&expression[field]) {
                return Some((at(&format!(".{field}")), "string"));
            }
        }
        match &expression["values"] {
            Value::Null => None,
            Value::Array(values) => {
                let j = values.iter().position(|value| !value.is_string())?;
                Some((at(&format!(".values[{j}]")), "string"))
            }
            _ => Some((at(".values"), "array")),
        }
    })
}

/// An optional selector.
pub fn optional(selector: Lenient<Selector>) -> Option<LabelSelector> {
    selector.get().map(|Selector(selector)| selector)
}

/// Selector that is empty if unset.
pub fn required(selector: Lenient<Selector>) -> LabelSelector {
    optional(selector).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unreadable_selector_reports_the_field_and_selects_nothing() {
        for (value, error) in [
            (
                json!({"matchLabels": {"a": "b", "app": 1}}),
                "matchLabels[app]: expected string; put it in quotes",
            ),
            (json!({"matchLabels": []}), "matchLabels: expected object"),
            (
                json!({"matchExpressions": {}}),
                "matchExpressions: expected array",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Exists"}, "b"]}),
                "matchExpressions[1]: expected object",
            ),
            (
                json!({"matchExpressions": [{"key": 1, "operator": "Exists"}]}),
                "matchExpressions[0].key: expected string; put it in quotes",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", true]}]}),
                "matchExpressions[0].values[1]: expected string; put it in quotes",
            ),
        ] {
            let read = optional(serde_json::from_value(value).unwrap()).unwrap();
            assert_eq!(selector::validate(&read).unwrap_err().to_string(), error);
            assert!(!selector::matches(&read, &Default::default()));
        }
    }
}
