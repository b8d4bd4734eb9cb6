//! Reads groups from `spec.groups` of a PrometheusRule, and from a rule file converted to JSON. Pure.
//!
//! Only the structure is validated here. Unknown keys are rejected, since Thanos rejects a file with one.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::group::{Group, Rejection, Rule, Strategy, one_line};

/// A group, or why its structure is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its name; a group without a name is identified by its number, from one.
    pub name: String,
    /// The group.
    pub group: Result<Group, Vec<Rejection>>,
}

/// Reads `spec.groups` of a PrometheusRule. Empty durations count as unset.
#[must_use]
pub fn read_spec(groups: &Value) -> Vec<Read> {
    match groups {
        Value::Array(groups) => all(groups.iter().map(Ok), Empty::Unset),
        Value::Null => Vec::new(),
        _ => vec![Read {
            name: "groups".to_owned(),
            group: Err(vec![Rejection::new("groups is not a list")]),
        }],
    }
}

/// Handling of empty durations: a PrometheusRule may have them, Thanos rejects them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    Unset,
    Kept,
}

pub(crate) fn all<V: Borrow<Value>>(
    groups: impl Iterator<Item = Result<V, (Option<String>, Rejection)>>,
    empty: Empty,
) -> Vec<Read> {
    let mut names = BTreeSet::new();
    let read = |(i, value): (usize, Result<V, (Option<String>, Rejection)>)| {
        let number = format!("group {}", i + 1);
        let value = match value {
            Ok(value) => value,
            Err((name, rejection)) => {
                return Read {
                    name: name.unwrap_or(number),
                    group: Err(vec![rejection]),
                };
            }
        };
        let value = value.borrow();
        let named = value
            .get("name")
            .and_then(|name| text(name).ok())
            .filter(|name| !name.is_empty());
        let name = named.unwrap_or(number);
        let group = match names.insert(name.clone()) {
            true => group(value, empty),
            false => Err(vec![Rejection::new(
                "another group of the same file has this name; rename one",
            )]),
        };
        Read { name, group }
    };
    groups.enumerate().map(read).collect()
}

fn group(value: &Value, empty: Empty) -> Result<Group, Vec<Rejection>> {
    let mut wrong = Vec::new();
    let Value::Object(fields) = value else {
        return Err(vec![Rejection::new("the group is not an object")]);
    };
    let mut group = Group::default();
    for (key, value) in fields
        .iter()
        .filter(|(key, value)| !(value.is_null() && GROUP.contains(&key.as_str())))
    {
        let result = match key.as_str() {
            "name" => text(value).map(|v| group.name = v),
            "interval" => optional_duration(value, empty).map(|v| group.interval = v),
            "query_offset" => optional_duration(value, empty).map(|v| group.query_offset = v),
            "limit" => limit(value).map(|v| group.limit = Some(v)),
            "partial_response_strategy" => {
                strategy(value).map(|v| group.partial_response_strategy = v)
            }
            "labels" => map(value).map(|v| group.labels = v),
            "rules" => match value {
                Value::Array(rules) => {
                    for (i, value) in rules.iter().enumerate() {
                        match rule(value, empty) {
                            Ok(rule) => group.rules.push(rule),
                            Err(e) => wrong.extend(
                                e.1.iter().map(|reason| Rejection::of(&e.0, i + 1, reason)),
                            ),
                        }
                    }
                    Ok(())
                }
                _ => Err("not a list".to_owned()),
            },
            _ => Err(UNKNOWN.to_owned()),
        };
        if let Err(e) = result {
            wrong.push(Rejection::new(format!("{}: {e}", one_line(key, 60))));
        }
    }
    match wrong.is_empty() {
        true => Ok(group),
        false => Err(wrong),
    }
}

/// Keys of a group and of a rule. They count as unset if the value is null; unknown keys are rejected even
/// then.
const GROUP: [&str; 7] = [
    "name",
    "interval",
    "query_offset",
    "limit",
    "partial_response_strategy",
    "labels",
    "rules",
];
const RULE: [&str; 7] = [
    "alert",
    "record",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];

const UNKNOWN: &str = "unknown key in this version of Thanos; remove it";

/// A rule; or its valid fields and the errors.
fn rule(value: &Value, empty: Empty) -> Result<Rule, Box<(Rule, Vec<String>)>> {
    let mut rule = Rule::default();
    let Value::Object(fields) = value else {
        return Err(Box::new((
            rule,
            vec!["the rule is not an object".to_owned()],
        )));
    };
    let mut wrong = Vec::new();
    for (key, value) in fields
        .iter()
        .filter(|(key, value)| !(value.is_null() && RULE.contains(&key.as_str())))
    {
        let result = match key.as_str() {
            "alert" => text(value).map(|v| rule.alert = v),
            "record" => text(value).map(|v| rule.record = v),
            "expr" => text(value).map(|v| rule.expr = v),
            "for" => optional_duration(value, empty).map(|v| rule.for_ = v),
            "keep_firing_for" => optional_duration(value, empty).map(|v| rule.keep_firing_for = v),
            "labels" => map(value).map(|v| rule.labels = v),
            "annotations" => map(value).map(|v| rule.annotations = v),
            _ => Err(UNKNOWN.to_owned()),
        };
        if let Err(e) = result {
            wrong.push(format!("{}: {e}", one_line(key, 60)));
        }
    }
    match wrong.is_empty() {
        true => Ok(rule),
        false => Err(Box::new((rule, wrong))),
    }
}

/// A string, or a scalar that YAML and `int-or-string` make of one without quotes.
fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(is) => Ok(is.to_string()),
        Value::Number(number) if number.is_f64() => {
            Ok(go_yaml::float(number.as_f64().unwrap_or_default()))
        }
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("not a string".to_owned()),
    }
}

fn optional_duration(value: &Value, empty: Empty) -> Result<Option<String>, String> {
    let text = text(value)?;
    Ok(match (text.as_str(), empty) {
        ("", Empty::Unset) => None,
        _ => Some(text),
    })
}

pub(crate) fn limit(value: &Value) -> Result<i64, String> {
    // A float represents every integer up to this one exactly.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let float = || {
        value
            .as_f64()
            .filter(|f| f.fract() == 0.0 && f.abs() <= WHOLE)
    };
    #[allow(clippy::cast_possible_truncation)] // it is whole and small enough
    let whole = || float().map(|whole| whole as i64);
    value
        .as_i64()
        .or_else(whole)
        .ok_or_else(|| "not a whole number".to_owned())
}

fn strategy(value: &Value) -> Result<Option<Strategy>, String> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "abort" => Ok(Some(Strategy::Abort)),
        "warn" => Ok(Some(Strategy::Warn)),
        other => Err(format!("invalid value {other:?}; set abort or warn")),
    }
}

fn map(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let Value::Object(fields) = value else {
        return Err("not a map".to_owned());
    };
    let entry = |(key, value): (&String, &Value)| match value {
        Value::Null => Ok((key.clone(), String::new())),
        value => text(value)
            .map(|value| (key.clone(), value))
            .map_err(|e| format!("{key}: {e}")),
    };
    Map::iter(fields).map(entry).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
