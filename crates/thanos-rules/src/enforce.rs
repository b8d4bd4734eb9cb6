//! Tenancy: a group that reads and writes only what has a label.
//!
//! The text of an expression stays as the user wrote it; a matcher is put into each selector. Then
//! the result is read anew and held against what was there before, word by word: if anything but
//! these matchers differs, the group is refused.

use crate::group::{Rejection, RuleKind};
use crate::promql::{self, MatchKind, Selector};
use crate::{Checked, Dialect, check, template};

/// The group, kept to series with `label="value"`, and with this label on all that its rules make.
///
/// # Errors
/// A selector or label that asks for anything else, and whatever cannot be enforced for certain.
pub fn enforce(
    checked: &Checked,
    dialect: &Dialect,
    label: &str,
    value: &str,
) -> Result<Checked, Vec<Rejection>> {
    let mut group = checked.0.clone();
    let mut found = Vec::new();
    if label.is_empty() || label == "__name__" || value.is_empty() {
        return Err(vec![Rejection::new("a tenant needs a label and a value")]);
    }
    if group.labels.get(label).is_some_and(|other| other != value) {
        found.push(Rejection::new(foreign_label(label, value)));
    }
    // These are templates of each alert.
    if group.labels.values().any(|text| template::queries(text)) {
        found.push(Rejection::new(format!("labels: {QUERY}")));
    }
    for (i, rule) in group.rules.iter_mut().enumerate() {
        let mut wrong = Vec::new();
        if rule.labels.get(label).is_some_and(|other| other != value) {
            wrong.push(foreign_label(label, value));
        }
        let texts = rule.labels.values().chain(rule.annotations.values());
        if rule.kind() == RuleKind::Alert && texts.into_iter().any(|text| template::queries(text)) {
            wrong.push(QUERY.to_owned());
        }
        match within(&rule.expr, dialect, label, value) {
            Ok(expr) => rule.expr = expr,
            Err(e) => wrong.push(format!("expr: {e}")),
        }
        rule.labels.insert(label.to_owned(), value.to_owned());
        found.extend(wrong.into_iter().map(|e| Rejection::of(rule, i + 1, e)));
    }
    match found.is_empty() {
        true => check(&group, dialect),
        false => Err(found),
    }
}

const QUERY: &str = "a template calls query, which reads series that no matcher can hold back";

fn foreign_label(label: &str, value: &str) -> String {
    format!("labels.{label}: it must be {value:?} here; remove it")
}

/// An expression, every selector of which asks for `label="value"`.
fn within(expr: &str, dialect: &Dialect, label: &str, value: &str) -> Result<String, String> {
    let before = promql::parse(expr, dialect)?;
    if before.reaches_further {
        return Err("info() reads series that no matcher can hold back".to_owned());
    }
    let missing = |selector: &Selector| {
        let mut of_label = selector
            .matchers
            .iter()
            .filter(|m| is_of(m, label))
            .peekable();
        let lacks = of_label.peek().is_none();
        match of_label.all(|m| m.kind == MatchKind::Equal && m.value == value.as_bytes()) {
            true => Ok(lacks),
            false => Err(format!(
                "a selector asks for {label} other than {value:?}; remove its matcher"
            )),
        }
    };
    let lacking = before
        .selectors
        .iter()
        .map(missing)
        .collect::<Result<Vec<_>, _>>()?;
    let matcher = format!("{}={}", name(label), promql::quote(value));
    let mut changed = String::with_capacity(expr.len() + lacking.len() * (matcher.len() + 2));
    let mut copied = 0;
    for (selector, _) in before
        .selectors
        .iter()
        .zip(&lacking)
        .filter(|(_, lacks)| **lacks)
    {
        let (upto, rest) = (selector.insert, expr.get(copied..selector.insert));
        changed.push_str(rest.ok_or("its selectors could not be told apart")?);
        match (selector.braces, selector.matchers.is_empty()) {
            (false, _) => changed.push_str(&format!("{{{matcher}}}")),
            (true, true) => changed.push_str(&matcher),
            (true, false) => changed.push_str(&format!("{matcher},")),
        }
        copied = upto;
    }
    changed.push_str(expr.get(copied..).unwrap_or_default());
    match holds(expr, &changed, dialect, label, value) {
        true => Ok(changed),
        false => Err("it could not be kept to one tenant for certain".to_owned()),
    }
}

fn is_of(matcher: &promql::Matcher, label: &str) -> bool {
    matcher.label == label.as_bytes()
}

/// A label as the grammar takes it.
fn name(label: &str) -> String {
    let plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let starts = |c: char| c.is_ascii_digit();
    match label.chars().all(plain) && !label.starts_with(starts) {
        true => label.to_owned(),
        false => promql::quote(label),
    }
}

/// Whether every selector of `after` has the matcher, and nothing else differs.
fn holds(before: &str, after: &str, dialect: &Dialect, label: &str, value: &str) -> bool {
    let (Ok(old), Ok(new)) = (
        promql::parse(before, dialect),
        promql::parse(after, dialect),
    ) else {
        return false;
    };
    let is_ours = |m: &promql::Matcher| {
        is_of(m, label) && m.kind == MatchKind::Equal && m.value == value.as_bytes()
    };
    let others = |s: &Selector| -> Vec<promql::Matcher> {
        s.matchers.iter().filter(|m| !is_ours(m)).cloned().collect()
    };
    let kept = |(old, new): (&Selector, &Selector)| {
        new.matchers.iter().any(is_ours) && old.name == new.name && others(old) == others(new)
    };
    old.selectors.len() == new.selectors.len()
        && old.selectors.iter().zip(&new.selectors).all(kept)
        && without_matchers(before) == without_matchers(after)
        && without_matchers(before).is_some()
}

/// The words of an expression without all that is in braces, and without empty braces.
fn without_matchers(expr: &str) -> Option<Vec<&str>> {
    let mut inside = false;
    let mut words = promql::words(expr)?;
    words.retain(|word| {
        match *word {
            "{" => inside = true,
            "}" => inside = false,
            _ => return !inside,
        }
        false
    });
    Some(words)
}

#[cfg(test)]
#[path = "enforce_tests.rs"]
mod tests;
