//! Label selectors with the semantics of apimachinery. Pure.
//!
//! Evaluates the API type without allocation, since one event is matched against every selector of
//! every custom resource.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::Labels;

/// Whether an optional selector selects `labels`: an unset one selects nothing, an empty one everything.
#[must_use]
pub fn selects(selector: Option<&LabelSelector>, labels: &Labels) -> bool {
    selector.is_some_and(|selector| matches(selector, labels))
}

/// Whether `selector` selects `labels`.
///
/// No labels meet a requirement whose operator or values [`validate`] rejects.
#[must_use]
pub fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    matches_by(selector, |key| labels.get(key).map(String::as_str))
}

/// As [`matches()`], for labels that are not in a map.
pub fn matches_by<'a>(selector: &LabelSelector, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let equal = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    equal
        .into_iter()
        .all(|(key, value)| label(key) == Some(value))
        && expressions.into_iter().all(|r| is_met(r, label(&r.key)))
}

/// Whether the selector of a Service (a plain map) selects `labels`. An empty one selects nothing, since
/// the endpoints of such a Service are managed manually.
#[must_use]
pub fn service_selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
}

/// Number of requirements of `selector` that `labels` do not meet.
#[must_use]
pub fn count_missing(selector: &LabelSelector, labels: &Labels) -> usize {
    requirements(selector).filter(|r| !r.is_met(labels)).count()
}

/// The requirements of a selector: first `matchLabels`, then `matchExpressions`.
pub fn requirements(selector: &LabelSelector) -> impl Iterator<Item = Requirement<'_>> {
    let equal = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    equal
        .map(|(key, value)| Requirement::Label(key, value))
        .chain(expressions.map(Requirement::Expression))
}

/// One requirement of a selector, displayed in the notation of `kubectl --selector`.
#[derive(Clone, Copy, Debug)]
pub enum Requirement<'a> {
    /// An entry of `matchLabels`: key and value.
    Label(&'a str, &'a str),
    /// An entry of `matchExpressions`.
    Expression(&'a LabelSelectorRequirement),
}

impl Requirement<'_> {
    /// Whether `labels` meet it.
    #[must_use]
    pub fn is_met(&self, labels: &Labels) -> bool {
        match self {
            Self::Label(key, value) => labels.get(*key).is_some_and(|found| found == value),
            Self::Expression(r) => is_met(r, labels.get(&r.key).map(String::as_str)),
        }
    }

    /// The label that the requirement excludes, if `labels` contain it.
    fn excludes(&self, labels: &Labels) -> Option<Excluded> {
        let Self::Expression(r) = self else {
            return None;
        };
        let any_value = match r.operator.as_str() {
            "NotIn" => false,
            "DoesNotExist" => true,
            _ => return None,
        };
        Some(Excluded {
            key: r.key.clone(),
            value: labels.get(&r.key)?.clone(),
            any_value,
        })
    }
}

impl fmt::Display for Requirement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, operator, values) = match self {
            Self::Label(key, value) => return write!(f, "{key}={value}"),
            Self::Expression(r) => (&r.key, r.operator.as_str(), r.values.as_deref()),
        };
        let values = values.unwrap_or_default().join(",");
        match operator {
            "Exists" => f.write_str(key),
            "DoesNotExist" => write!(f, "!{key}"),
            "In" => write!(f, "{key} in ({values})"),
            "NotIn" => write!(f, "{key} notin ({values})"),
            other => write!(f, "{key} {other} ({values})"),
        }
    }
}

/// A label that a selector excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
    /// Whether the selector excludes every value of the key.
    pub any_value: bool,
}

/// In the notation of `kubectl --selector`.
impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// The changes that make a selector select `labels`: missing requirements, in the notation of `kubectl
/// --selector`, and excluded labels.
#[must_use]
pub fn to_change(selector: &LabelSelector, labels: &Labels) -> (Vec<String>, Vec<Excluded>) {
    let (mut missing, mut excluded) = (Vec::new(), Vec::new());
    for requirement in requirements(selector).filter(|r| !r.is_met(labels)) {
        match requirement.excludes(labels) {
            Some(label) => excluded.push(label),
            None => missing.push(requirement.to_string()),
        }
    }
    (missing, excluded)
}

fn is_met(requirement: &LabelSelectorRequirement, found: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = |found| values.iter().any(|value| value == found);
    match (requirement.operator.as_str(), values.is_empty()) {
        ("In", false) => found.is_some_and(listed),
        ("NotIn", false) => !found.is_some_and(listed),
        ("Exists", true) => found.is_some(),
        ("DoesNotExist", true) => found.is_none(),
        _ => false,
    }
}

/// Why a selector is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// Field relative to the selector, as in `matchExpressions[0].operator`.
    pub field: String,
    /// Problem and remedy.
    pub problem: String,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for SelectorError {}

/// Validates a selector by the rules of apimachinery, which a CRD schema does not contain.
///
/// # Errors
/// The first invalid field, `matchLabels` before `matchExpressions`.
pub fn validate(selector: &LabelSelector) -> Result<(), SelectorError> {
    for (key, value) in selector.match_labels.iter().flatten() {
        if let Some(field) = key.strip_prefix(UNREADABLE) {
            return Err(SelectorError {
                field: field.to_owned(),
                problem: value.clone(),
            });
        }
        let field = || format!("matchLabels[{key}]");
        check_key(key, field)?;
        check_value(value, field)?;
    }
    for (i, r) in selector.match_expressions.iter().flatten().enumerate() {
        let at = |field: &str| format!("matchExpressions[{i}].{field}");
        let values = r.values.as_deref().unwrap_or_default();
        check_key(&r.key, || at("key"))?;
        match (r.operator.as_str(), values.is_empty()) {
            ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => {}
            ("In" | "NotIn", true) => {
                let problem = format!(
                    "{} needs at least one value; use Exists or DoesNotExist to match only the key",
                    r.operator
                );
                return Err(SelectorError {
                    field: at("values"),
                    problem,
                });
            }
            ("Exists" | "DoesNotExist", false) => {
                let problem = format!(
                    "{} takes no values; remove them, or use In or NotIn",
                    r.operator
                );
                return Err(SelectorError {
                    field: at("values"),
                    problem,
                });
            }
            (other, _) => {
                let problem =
                    format!("{other:?} is not an operator; use In, NotIn, Exists or DoesNotExist");
                return Err(SelectorError {
                    field: at("operator"),
                    problem,
                });
            }
        }
        for (j, value) in values.iter().enumerate() {
            check_value(value, || at(&format!("values[{j}]")))?;
        }
    }
    Ok(())
}

/// Prefix of the key that marks an unreadable selector. No valid key contains it.
const UNREADABLE: char = '\0';

/// A selector that selects nothing, and for which [`validate`] reports this problem.
pub(crate) fn unreadable(field: &str, problem: &str) -> LabelSelector {
    let label = (format!("{UNREADABLE}{field}"), problem.to_owned());
    LabelSelector {
        match_labels: Some([label].into()),
        ..Default::default()
    }
}

/// Maximum length of the name part of a key, and of a value.
const NAME_MAX: usize = 63;
/// Maximum length of the prefix of a key, a DNS subdomain.
const PREFIX_MAX: usize = 253;

fn check_key(key: &str, field: impl FnOnce() -> String) -> Result<(), SelectorError> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if is_label_name(name) && prefix.is_none_or(is_dns_subdomain) {
        return Ok(());
    }
    Err(SelectorError {
        field: field(),
        problem: format!(
            "{key:?} is not a label key; use at most {NAME_MAX} letters, digits, '-', '_' or '.', \
             starting and ending with a letter or digit, after an optional DNS name and a slash"
        ),
    })
}

fn check_value(value: &str, field: impl FnOnce() -> String) -> Result<(), SelectorError> {
    if value.is_empty() || is_label_name(value) {
        return Ok(());
    }
    Err(SelectorError {
        field: field(),
        problem: format!(
            "{value:?} is not a label value; use at most {NAME_MAX} letters, digits, '-', '_' or \
             '.', starting and ending with a letter or digit"
        ),
    })
}

fn is_label_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.len() <= NAME_MAX
        && ends_are(name, |b| b.is_ascii_alphanumeric())
        && name.bytes().all(inner)
}

fn is_dns_subdomain(name: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= PREFIX_MAX
        && name.split('.').all(|label| {
            ends_are(label, alphanumeric) && label.bytes().all(|b| alphanumeric(b) || b == b'-')
        })
}

/// Whether `is` accepts the first and the last byte; false for an empty text.
fn ends_are(text: &str, is: impl Fn(u8) -> bool) -> bool {
    matches!(text.as_bytes(), [first, .., last] if is(*first) && is(*last))
        || matches!(text.as_bytes(), [only] if is(*only))
}

#[cfg(test)]
#[path = "selector_tests.rs"]
mod tests;
