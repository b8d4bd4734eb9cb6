//! Groups before validation. Pure data.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A group of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name, unique in a file.
    pub name: String,
    /// Interval between evaluations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Offset of the evaluation time into the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_offset: Option<String>,
    /// Maximum number of series or alerts of a rule; 0 is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Handling of partial responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_response_strategy: Option<Strategy>,
    /// Labels of all its rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its rules, in the order of their evaluation.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A rule, of either kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The name of an alert.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alert: String,
    /// The metric of a recording rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub record: String,
    /// PromQL.
    pub expr: String,
    /// Time for which the expression must be true before the alert fires.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<String>,
    /// Time for which the alert keeps firing after the expression was last true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_firing_for: Option<String>,
    /// Labels, which are templates in an alert.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of an alert, which are templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Rule {
    /// Its name; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.kind() {
            RuleKind::Alert => &self.alert,
            RuleKind::Record => &self.record,
        }
    }

    /// Its kind. A rule with both names or none is always rejected.
    #[must_use]
    pub fn kind(&self) -> RuleKind {
        match self.alert.is_empty() {
            true => RuleKind::Record,
            false => RuleKind::Alert,
        }
    }
}

/// The kinds of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    /// An alerting rule.
    Alert,
    /// A recording rule.
    Record,
}

/// Handling of partial responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The evaluation fails.
    Abort,
    /// The evaluation uses the partial response.
    Warn,
}

impl Strategy {
    /// Its value in a rule file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Warn => "warn",
        }
    }
}

/// Why a rule, a group or a file is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The name of the rule; `None` if the group or the file is rejected.
    pub rule: Option<String>,
    /// The reason, in one line of at most 300 characters.
    pub reason: String,
}

/// The longest reason, and the longest name in one.
const REASON_MAX: usize = 300;
const NAME_MAX: usize = 100;

impl Rejection {
    /// A rejection of a group or file.
    pub(crate) fn new(reason: impl AsRef<str>) -> Self {
        Self {
            rule: None,
            reason: one_line(reason.as_ref(), REASON_MAX),
        }
    }

    /// A rejection of a rule. A rule without a name is identified by its number, from one.
    pub(crate) fn of(rule: &Rule, number: usize, reason: impl AsRef<str>) -> Self {
        let name = match rule.name() {
            "" => format!("rule {number}"),
            name => one_line(name, NAME_MAX),
        };
        Self {
            rule: Some(name),
            ..Self::new(reason)
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{rule}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// Text without line breaks and other control characters, cut to `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(most + 1)
        .collect();
    if let Some((at, _)) = line.char_indices().nth(most) {
        line.truncate(at);
        line.pop();
        line.push('…');
    }
    line
}
