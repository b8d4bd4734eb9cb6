//! Validates one group: everything for which Thanos rejects a file. Pure.

use std::collections::BTreeMap;

use kube_facts::duration;

use crate::group::{Group, Rejection, Rule, RuleKind};
use crate::{Checked, Dialect, promql, template};

/// Checks a group.
///
/// # Errors
/// All errors, first of the group and then of each rule.
pub fn check(group: &Group, dialect: &Dialect) -> Result<Checked, Vec<Rejection>> {
    let mut found = Vec::new();
    of_group(group, &mut found);
    for (i, rule) in group.rules.iter().enumerate() {
        let mut reasons = Vec::new();
        of_rule(rule, dialect, &mut reasons);
        let rejections = reasons.into_iter().map(|r| Rejection::of(rule, i + 1, r));
        found.extend(rejections);
    }
    match found.is_empty() {
        true => Ok(Checked(group.clone())),
        false => Err(found),
    }
}

/// The milliseconds of a duration, or a message with the valid format.
fn milliseconds(text: &str) -> Result<u64, String> {
    duration::milliseconds(text).map_err(|error| format!("{text:?} {}", error.with_format()))
}

fn of_group(group: &Group, found: &mut Vec<Rejection>) {
    if group.name.is_empty() {
        found.push(Rejection::new("the group has no name"));
    }
    for (field, value) in [
        ("interval", &group.interval),
        ("query_offset", &group.query_offset),
    ] {
        if let Some(Err(e)) = value.as_deref().map(milliseconds) {
            found.push(Rejection::new(format!("{field}: {e}")));
        }
    }
    let mut reasons = Vec::new();
    of_labels(&group.labels, &mut reasons);
    // Thanos does not validate templates in labels of a group: they fail when the alert fires.
    found.extend(reasons.into_iter().map(Rejection::new));
    found.extend(unwritable(&group.name).map(|e| Rejection::new(format!("name: {e}"))));
}

const LOGQL: &str = "expr: LogQL, which Thanos does not evaluate; move the rule to a Loki ruler";

fn of_rule(rule: &Rule, dialect: &Dialect, found: &mut Vec<String>) {
    match (rule.alert.is_empty(), rule.record.is_empty()) {
        (true, true) => found.push("set one of alert and record".to_owned()),
        (false, false) => found.push("set only one of alert and record".to_owned()),
        _ => {}
    }
    match rule.expr.is_empty() {
        true => found.push("set expr".to_owned()),
        false => {
            if let Err(e) = promql::parse(&rule.expr, dialect) {
                found.push(match promql::is_logql(&rule.expr) {
                    true => LOGQL.to_owned(),
                    false => format!("expr: {e}"),
                });
            }
        }
    }
    for (field, value) in [
        ("for", &rule.for_),
        ("keep_firing_for", &rule.keep_firing_for),
    ] {
        match value.as_deref().map(milliseconds) {
            Some(Err(e)) => found.push(format!("{field}: {e}")),
            Some(Ok(1..)) if !rule.record.is_empty() => {
                found.push(format!(
                    "{field}: not allowed in a recording rule; remove it"
                ));
            }
            _ => {}
        }
    }
    if !rule.record.is_empty() {
        if !rule.annotations.is_empty() {
            found.push("annotations: not allowed in a recording rule; remove them".to_owned());
        }
        if rule.record.contains(['{', '}']) {
            found.push(
                "record: braces are not allowed in a metric name; move matchers to expr".to_owned(),
            );
        }
    }
    of_labels(&rule.labels, found);
    for name in rule.annotations.keys() {
        found.extend(bad_key(name).map(|e| format!("annotations: {name:?} {e}")));
    }
    if rule.kind() == RuleKind::Alert {
        for (field, values) in [("labels", &rule.labels), ("annotations", &rule.annotations)] {
            for (name, value) in values {
                if let Err(e) = template::check(value, dialect) {
                    found.push(format!("{field}.{name}: {e}"));
                }
            }
        }
    }
    for (field, text) in [
        ("alert", &rule.alert),
        ("record", &rule.record),
        ("expr", &rule.expr),
    ] {
        found.extend(unwritable(text).map(|e| format!("{field}: {e}")));
    }
    for (name, text) in &rule.annotations {
        found.extend(unwritable(text).map(|e| format!("annotations.{name}: {e}")));
    }
}

fn of_labels(labels: &BTreeMap<String, String>, found: &mut Vec<String>) {
    for (name, value) in labels {
        // Since Prometheus 3, every other name is valid.
        if name == "__name__" {
            found.push(format!(
                "labels: {name:?} cannot be set by a rule; remove it"
            ));
        }
        found.extend(bad_key(name).map(|e| format!("labels: {name:?} {e}")));
        found.extend(unwritable(value).map(|e| format!("labels.{name}: {e}")));
    }
}

/// A YAML key has at most 1024 characters including quotes, and an escaped character takes two.
const LONGEST_KEY: usize = 500;

/// Why a name is not valid for a label or annotation.
fn bad_key(name: &str) -> Option<String> {
    match name {
        "" => Some("is not a valid name".to_owned()),
        // Thanos rewrites files without the quotes of this name.
        "<<" => Some("is not a valid name, since Thanos reads it as a YAML merge key".to_owned()),
        _ if name.len() > LONGEST_KEY && name.chars().count() > LONGEST_KEY => Some(format!(
            "has more than {LONGEST_KEY} characters; shorten it"
        )),
        _ => unwritable(name),
    }
}

/// Why a text does not survive that Thanos reads, rewrites and rereads the YAML. All control characters are
/// rejected: rules do not need them, and some of them do not survive.
fn unwritable(text: &str) -> Option<String> {
    let odd = text.chars().find(|c| {
        c.is_control() && !matches!(c, '\n' | '\t' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}')
    })?;
    let code = odd as u32;
    Some(format!(
        "contains the character U+{code:04X}, which YAML does not allow; remove it"
    ))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
