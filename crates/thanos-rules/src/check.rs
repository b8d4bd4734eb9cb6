//! Judges one group: everything for which Thanos refuses a file.

use std::collections::BTreeMap;

use crate::group::{Group, Rejection, Rule, RuleKind};
use crate::{Checked, Dialect, duration, promql, template};

/// Checks a group.
///
/// # Errors
/// Everything that is wrong with it, group first and then rule by rule.
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

fn of_group(group: &Group, found: &mut Vec<Rejection>) {
    if group.name.is_empty() {
        found.push(Rejection::new("the group has no name"));
    }
    for (field, value) in [
        ("interval", &group.interval),
        ("query_offset", &group.query_offset),
    ] {
        if let Some(Err(e)) = value.as_deref().map(duration::milliseconds) {
            found.push(Rejection::new(format!("{field}: {e}")));
        }
    }
    let mut reasons = Vec::new();
    of_labels(&group.labels, &mut reasons);
    // A template in a label of the group is one in a label of each of its alerts, but nobody checks
    // it there: it fails when the alert fires.
    found.extend(reasons.into_iter().map(Rejection::new));
    found.extend(unwritable(&group.name).map(|e| Rejection::new(format!("name: {e}"))));
}

const LOGQL: &str =
    "expr: this is LogQL, which Thanos does not evaluate; move the rule to a Loki ruler";

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
        match value.as_deref().map(duration::milliseconds) {
            Some(Err(e)) => found.push(format!("{field}: {e}")),
            Some(Ok(1..)) if !rule.record.is_empty() => {
                found.push(format!("remove {field}: a recording rule has none"));
            }
            _ => {}
        }
    }
    if !rule.record.is_empty() {
        if !rule.annotations.is_empty() {
            found.push("remove annotations: a recording rule has none".to_owned());
        }
        if rule.record.contains(['{', '}']) {
            found.push("record: a metric name has no braces; move the matchers to expr".to_owned());
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
        // Any other name is one since Prometheus 3.
        if name == "__name__" {
            found.push(format!(
                "labels: {name:?} is not a label that a rule can set"
            ));
        }
        found.extend(bad_key(name).map(|e| format!("labels: {name:?} {e}")));
        found.extend(unwritable(value).map(|e| format!("labels.{name}: {e}")));
    }
}

/// A key of YAML, with its quotes, has at most 1024 characters, and one of these may take two.
const LONGEST_KEY: usize = 500;

/// Why a name cannot be that of a label or annotation.
fn bad_key(name: &str) -> Option<String> {
    match name {
        "" => Some("is not a name".to_owned()),
        // When Thanos writes a file anew, it forgets that this was in quotes.
        "<<" => Some("is not a name that Thanos keeps".to_owned()),
        _ if name.len() > LONGEST_KEY && name.chars().count() > LONGEST_KEY => Some(format!(
            "has more than {LONGEST_KEY} characters; shorten it"
        )),
        _ => unwritable(name),
    }
}

/// Why the YAML that Thanos reads, writes and reads again does not keep a text. Control characters
/// have no use in a rule, and not all of them survive that.
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
