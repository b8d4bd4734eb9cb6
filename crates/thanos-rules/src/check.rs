//! Judges one group: everything for which Thanos refuses a file.

use std::collections::BTreeMap;

use crate::group::{Group, Kind, Rejection, Rule};
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
    if !is_writable(&group.name) {
        found.push(Rejection::new(
            "the name of the group holds a character that YAML cannot",
        ));
    }
}

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
                found.push(format!("expr: {e}"));
            }
        }
    }
    for (field, value) in [
        ("for", &rule.hold),
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
    for name in rule.annotations.keys().filter(|name| !is_key(name)) {
        found.push(format!("annotations: {name:?} is no name"));
    }
    if rule.kind() == Kind::Alert {
        for (field, values) in [("labels", &rule.labels), ("annotations", &rule.annotations)] {
            for (name, value) in values {
                if let Err(e) = template::check(value, dialect) {
                    found.push(format!("{field}.{name}: {e}"));
                }
            }
        }
    }
    let texts = [&rule.alert, &rule.record, &rule.expr].into_iter();
    let texts = texts.chain(rule.annotations.iter().flat_map(|(k, v)| [k, v]));
    if !texts.into_iter().all(|text| is_writable(text)) {
        found.push("a text holds a character that YAML cannot".to_owned());
    }
}

fn of_labels(labels: &BTreeMap<String, String>, found: &mut Vec<String>) {
    for (name, value) in labels {
        // Any other name is one since Prometheus 3.
        if name == "__name__" || !is_key(name) {
            found.push(format!("labels: {name:?} is no name for a label"));
        }
        if !is_writable(name) || !is_writable(value) {
            found.push(format!(
                "labels.{name}: it holds a character that YAML cannot"
            ));
        }
    }
}

/// Whether a name can be that of a label or annotation. When Thanos writes a file anew, it forgets
/// that `<<` was in quotes.
fn is_key(name: &str) -> bool {
    !name.is_empty() && name != "<<"
}

/// Whether the YAML that Thanos reads, writes and reads again keeps a text. Control characters are
/// nobody's intention, and not all of them survive that.
fn is_writable(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control() && !matches!(c, '\n' | '\t' | '\r')
            || matches!(
                c,
                '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}'
            )
    })
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
