//! Writes a rule file. Every string is quoted or a block scalar, so that no reader parses it as another
//! type. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::Checked;
use crate::group::{Rejection, Rule};

/// A rule file of these groups, in their order.
///
/// # Errors
/// Two groups have the same name, which Thanos rejects.
pub fn write<'a>(groups: impl IntoIterator<Item = &'a Checked>) -> Result<String, Rejection> {
    let mut names = BTreeSet::new();
    let mut file = String::new();
    for Checked(group) in groups {
        if !names.insert(group.name.as_str()) {
            return Err(Rejection::new(format!(
                "two groups have the name {:?}; rename one",
                group.name
            )));
        }
        text(&mut file, "- name", 2, &group.name);
        optional(&mut file, "  interval", group.interval.as_ref());
        optional(&mut file, "  query_offset", group.query_offset.as_ref());
        if let Some(limit) = group.limit {
            line(&mut file, &format!("  limit: {limit}"));
        }
        if let Some(strategy) = group.partial_response_strategy {
            text(
                &mut file,
                "  partial_response_strategy",
                2,
                strategy.as_str(),
            );
        }
        map(&mut file, "  labels:", 2, &group.labels);
        match group.rules.is_empty() {
            true => line(&mut file, "  rules: []"),
            false => line(&mut file, "  rules:"),
        }
        group.rules.iter().for_each(|one| rule(&mut file, one));
    }
    Ok(match file.is_empty() {
        true => "groups: []\n".to_owned(),
        false => format!("groups:\n{file}"),
    })
}

fn rule(file: &mut String, rule: &Rule) {
    match rule.alert.is_empty() {
        true => text(file, "  - record", 3, &rule.record),
        false => text(file, "  - alert", 3, &rule.alert),
    }
    text(file, "    expr", 3, &rule.expr);
    optional(file, "    for", rule.for_.as_ref());
    optional(file, "    keep_firing_for", rule.keep_firing_for.as_ref());
    map(file, "    labels:", 3, &rule.labels);
    map(file, "    annotations:", 3, &rule.annotations);
}

fn line(file: &mut String, line: &str) {
    file.push_str(line);
    file.push('\n');
}

fn optional(file: &mut String, key: &str, value: Option<&String>) {
    if let Some(value) = value {
        text(file, key, 2, value);
    }
}

fn map(file: &mut String, key: &str, level: usize, map: &BTreeMap<String, String>) {
    if map.is_empty() {
        return;
    }
    line(file, key);
    for (name, value) in map {
        let mut key = "  ".repeat(level);
        quoted(&mut key, name);
        text(file, &key, level + 1, value);
    }
}

/// An entry with a string value. The lines of a block are indented by `level`.
fn text(file: &mut String, key: &str, level: usize, value: &str) {
    file.push_str(key);
    file.push_str(": ");
    match block(value) {
        Some(head) => {
            file.push_str(head);
            for line in value.lines() {
                file.push('\n');
                if !line.is_empty() {
                    file.push_str(&"  ".repeat(level));
                    file.push_str(line);
                }
            }
        }
        None => quoted(file, value),
    }
    file.push('\n');
}

/// The header of a block scalar that preserves a string; `None` if it needs quotes.
fn block(value: &str) -> Option<&'static str> {
    let plain = |c: char| c == '\n' || !c.is_control() && !is_break(c);
    let several = value.trim_end_matches('\n').contains('\n');
    if !several || value.starts_with(char::is_whitespace) || !value.chars().all(plain) {
        return None;
    }
    match value.len() - value.trim_end_matches('\n').len() {
        0 => Some("|-"),
        1 => Some("|"),
        _ => None,
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn quoted(file: &mut String, value: &str) {
    file.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => file.extend(['\\', c]),
            '\n' => file.push_str("\\n"),
            '\r' => file.push_str("\\r"),
            '\t' => file.push_str("\\t"),
            // Writing to a string cannot fail.
            c if c.is_control() || is_break(c) => drop(write!(file, "\\U{:08X}", c as u32)),
            c => file.push(c),
        }
    }
    file.push('"');
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
