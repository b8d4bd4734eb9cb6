//! Restricts a group to the series of one tenant. Pure.
//!
//! The text of an expression stays as written; a matcher is inserted into each selector. Then the result is
//! parsed and compared with the original, token by token: if anything but these matchers differs, the
//! group is rejected.

use crate::group::{Rejection, RuleKind};
use crate::promql::{self, MatchKind, Selector};
use crate::{Checked, Dialect, check, template};

/// The group with the matcher `label="value"` in all selectors, and with this label on all results.
///
/// # Errors
/// A selector or label of another tenant, or an expression for which enforcement cannot be proven.
pub fn enforce(
    checked: &Checked,
    dialect: &Dialect,
    label: &str,
    value: &str,
) -> Result<Checked, Vec<Rejection>> {
    let mut group = checked.0.clone();
    let mut found = Vec::new();
    if label.is_empty() || label == "__name__" || value.is_empty() {
        return Err(vec![Rejection::new(
            "the label or value of the tenant is empty or `__name__`",
        )]);
    }
    if group.labels.get(label).is_some_and(|other| other != value) {
        found.push(Rejection::new(foreign_label(label, value)));
    }
    // They are templates in every alert of the group.
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

const QUERY: &str = "a template calls query, which reads series of other tenants; remove the call";

fn foreign_label(label: &str, value: &str) -> String {
    format!("labels.{label}: another tenant than {value:?}; remove the label")
}

/// The expression with the matcher `label="value"` in every selector.
fn within(expr: &str, dialect: &Dialect, label: &str, value: &str) -> Result<String, String> {
    let before = promql::parse(expr, dialect)?;
    if before.reaches_further {
        return Err("info() reads series of other tenants; remove the call".to_owned());
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
                "a selector matches {label} other than {value:?}; remove the matcher"
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
        changed
            .push_str(rest.ok_or("enforcing the tenant is not possible; rewrite the expression")?);
        match (selector.braces, selector.matchers.is_empty()) {
            (false, _) => changed.push_str(&format!("{{{matcher}}}")),
            (true, true) => changed.push_str(&matcher),
            (true, false) => changed.push_str(&format!("{matcher},")),
        }
        copied = upto;
    }
    changed.push_str(expr.get(copied..).unwrap_or_default());
    match is_enforced(expr, &changed, dialect, label, value) {
        true => Ok(changed),
        false => Err("enforcing the tenant cannot be proven; rewrite the expression".to_owned()),
    }
}

fn is_of(matcher: &promql::Matcher, label: &str) -> bool {
    matcher.label == label.as_bytes()
}

/// A label in PromQL, quoted if necessary.
fn name(label: &str) -> String {
    let plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let starts = |c: char| c.is_ascii_digit();
    match label.chars().all(plain) && !label.starts_with(starts) {
        true => label.to_owned(),
        false => promql::quote(label),
    }
}

/// Whether every selector of `after` has the matcher, and `after` is otherwise equal to `before`.
fn is_enforced(before: &str, after: &str, dialect: &Dialect, label: &str, value: &str) -> bool {
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

/// The tokens of an expression without braces and their content.
fn without_matchers(expr: &str) -> Option<Vec<&str>> {
    let mut inside = false;
    let mut tokens = promql::token_texts(expr)?;
    tokens.retain(|token| {
        match *token {
            "{" => inside = true,
            "}" => inside = false,
            _ => return !inside,
        }
        false
    });
    Some(tokens)
}

#[cfg(test)]
#[path = "enforce_tests.rs"]
mod tests;
