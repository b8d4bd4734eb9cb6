//! Reads groups from the text of a rule file as Thanos does. Pure.

use go_yaml::{Document, Entry, Node};
use kube_facts::duration;
use serde_json::{Map, Value};

use crate::Read;
use crate::group::Rejection;
use crate::read::{Empty, all, limit};

/// Reads a rule file of a ConfigMap as Thanos does.
///
/// # Errors
/// The text is not YAML or not a rule file.
pub fn read_file(text: &str) -> Result<Vec<Read>, Rejection> {
    let mut documents = go_yaml::documents(text);
    let mut read = match documents.next() {
        Some(first) => file(&first.map_err(broken)?)?,
        None => Vec::new(),
    };
    read.extend(ignored(documents));
    Ok(read)
}

fn broken(error: go_yaml::Error) -> Rejection {
    Rejection::new(format!("not YAML: {error}"))
}

fn file(document: &Document<'_>) -> Result<Vec<Read>, Rejection> {
    let Some(root) = document.root().map_err(broken)? else {
        return Ok(Vec::new());
    };
    let Some(entries) = root.entries().map_err(broken)? else {
        return match root.to_value() {
            Ok(Value::Null) => Ok(Vec::new()),
            _ => Err(Rejection::new(
                "not a rule file: expected a map with the key groups",
            )),
        };
    };
    // Thanos ignores other keys of the file.
    let Some(groups) = entries.iter().find(|entry| entry.key == "groups") else {
        return match entries.is_empty() {
            true => Ok(Vec::new()),
            false => Err(Rejection::new("not a rule file: the key groups is missing")),
        };
    };
    let groups = groups.value;
    match groups.items().map_err(broken)? {
        Some(groups) => Ok(all(groups.iter().map(of_file), Empty::Kept)),
        None if groups.to_value() == Ok(Value::Null) => Ok(Vec::new()),
        None => Err(Rejection::new("groups is not a list")),
    }
}

/// A rejection if there are further documents: Thanos reads only the first one.
fn ignored<'a>(
    documents: impl Iterator<Item = Result<Document<'a>, go_yaml::Error>>,
) -> Option<Read> {
    let mut documents = documents;
    let line = documents.find_map(|document| match document {
        Ok(document) => (document.to_value() != Ok(Value::Null)).then(|| document.line()),
        Err(error) => Some(error.line),
    })?;
    Some(Read {
        name: "second document".to_owned(),
        group: Err(vec![Rejection::new(format!(
            "line {line} is in another YAML document, and Thanos reads only the first; merge the \
             groups into one document, or move them to another key of the ConfigMap"
        ))]),
    })
}

/// A group of a file, or its name and the error.
fn of_file(group: &Node<'_, '_>) -> Result<Value, (Option<String>, Rejection)> {
    value_of(group).map_err(|error| {
        let entries = group.entries().ok().flatten().unwrap_or_default();
        let name = entries.iter().find(|entry| entry.key == "name");
        let name = name.and_then(|entry| entry.value.written());
        (name.map(str::to_owned), broken(error))
    })
}

/// A group of a file in the form of a PrometheusRule.
fn value_of(group: &Node<'_, '_>) -> Result<Value, go_yaml::Error> {
    let of_rule = |rule: &Node<'_, '_>| with_durations(rule, &|_, _| Ok(None));
    let rules = |key: &str, value: &Node<'_, '_>| match key {
        "rules" => match value.items()? {
            Some(rules) => rules
                .iter()
                .map(of_rule)
                .collect::<Result<_, _>>()
                .map(|rules| Some(Value::Array(rules))),
            None => Ok(None),
        },
        _ => Ok(None),
    };
    with_durations(group, &rules)
}

/// The value of a key that is not read as a plain node.
type Special<'s> = dyn Fn(&str, &Node<'_, '_>) -> Result<Option<Value>, go_yaml::Error> + 's;

/// An object in which durations keep their text: Thanos rejects the duration `00`, which is a YAML number.
/// `special` can read other values.
fn with_durations(node: &Node<'_, '_>, special: &Special<'_>) -> Result<Value, go_yaml::Error> {
    let Some(entries) = node.entries()? else {
        return node.to_value();
    };
    let entries = entries.into_iter().map(
        |Entry {
             key,
             value,
             replaced,
         }| {
            let is_duration = DURATIONS.contains(&key.as_str());
            let is_good = |node: &Node<'_, '_>| match node.written() {
                Some(written) if is_duration => Ok(duration::milliseconds(written).is_ok()),
                Some(_) if key == "limit" => node.to_value().map(|value| limit(&value).is_ok()),
                _ => Ok(true),
            };
            for node in &replaced {
                if !is_good(node)? {
                    let what = format!("{key} is merged (<<) from a value that is malformed");
                    return Err(go_yaml::Error::new(node.line(), what));
                }
            }
            let read = match special(&key, &value)? {
                Some(read) => read,
                None => value.to_value()?,
            };
            Ok(match value.written() {
                Some(written) if is_duration => (key, written.into()),
                _ => (key, read),
            })
        },
    );
    entries.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

const DURATIONS: [&str; 4] = ["interval", "query_offset", "for", "keep_firing_for"];

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
