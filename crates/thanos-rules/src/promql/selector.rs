//! Selectors: their matchers and positions.

/// A vector selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    /// The metric name before the braces.
    pub(crate) name: Option<String>,
    pub(crate) matchers: Vec<Matcher>,
    /// Position at which a matcher can be inserted: after the opening brace, or after the name.
    pub(crate) insert: usize,
    /// Whether there are braces.
    pub(crate) braces: bool,
}

/// One label matcher of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matcher {
    /// The label. Escapes can make it anything but UTF-8.
    pub(crate) label: Vec<u8>,
    pub(crate) kind: MatchKind,
    pub(crate) value: Vec<u8>,
    /// Whether it matches a missing label.
    pub(super) meets_empty: bool,
}

/// The operator of a matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchKind {
    /// `=`, and a quoted metric name between braces.
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Match,
    /// `!~`
    NoMatch,
}

/// The label that is the metric name.
pub(crate) const METRIC_NAME: &str = "__name__";
