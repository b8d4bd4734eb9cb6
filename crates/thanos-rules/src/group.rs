//! Groups as they are read, before anything is known of their content.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A group of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name, which no other group of a file may have.
    pub name: String,
    /// How often it is evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// How far in the past it is evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_offset: Option<String>,
    /// How many series or alerts a rule may give; 0 is any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// What happens when not all stores answer.
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
    /// The metric that a recording rule makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub record: String,
    /// PromQL.
    pub expr: String,
    /// How long the expression holds before the alert fires.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<String>,
    /// How long the alert fires after the expression held last.
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
    /// Its name, whichever kind it is; nothing if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.kind() {
            RuleKind::Alert => &self.alert,
            RuleKind::Record => &self.record,
        }
    }

    /// What kind it is. One with both names or none is never accepted.
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
    /// It makes alerts.
    Alert,
    /// It makes a metric.
    Record,
}

/// What Thanos does when not all stores answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The evaluation fails.
    Abort,
    /// It goes on with what there is.
    Warn,
}

impl Strategy {
    /// As it is written in a file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Warn => "warn",
        }
    }
}

/// Why something is not given to Thanos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The rule that it is about, by name; none if it is about the group or the file.
    pub rule: Option<String>,
    /// What is wrong, in one line of at most 300 characters.
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

    /// A rejection of a rule. One without a name is called by its number, from one.
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
