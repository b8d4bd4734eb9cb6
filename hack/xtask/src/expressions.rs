//! Checks of expressions: their syntax, and the metrics that they name.

use std::collections::BTreeSet;

use serde_json::json;
use thanos_rules::{Dialect, check, read_spec};

/// Metrics that real programs export, with the programs. Of histograms, the name without suffix.
const METRICS: &str = include_str!("../metrics.txt");

/// Words of PromQL that are neither functions nor metrics.
const KEYWORDS: [&str; 11] = [
    "and",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "or",
    "unless",
    "without",
];

/// Functions that a list of labels can follow instead of an argument.
const AGGREGATIONS: [&str; 7] = ["avg", "count", "group", "max", "min", "sum", "topk"];

/// Panics unless Thanos accepts an expression.
pub fn assert_valid(place: &str, expr: &str) {
    let groups = json!([{"name": "g", "rules": [{"record": "r", "expr": expr}]}]);
    for read in read_spec(&groups) {
        let checked = read.group.and_then(|g| check(&g, &Dialect::default()));
        if let Err(rejections) = checked {
            panic!("{place}: {rejections:?} in {expr}");
        }
    }
}

/// The metrics that an expression reads.
pub fn metrics(expr: &str) -> BTreeSet<String> {
    // Labels are in braces, and in parentheses after a word that takes a list of them.
    let (mut names, mut word) = (BTreeSet::new(), String::new());
    let (mut in_string, mut in_list, mut takes_labels) = (false, false, false);
    let mut last = ' ';
    for c in expr.chars().chain([' ', ' ']) {
        let is_quote = c == '"' && last != '\\';
        last = c;
        in_string ^= is_quote;
        if in_string || is_quote {
            continue;
        }
        if c.is_ascii_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
            continue;
        }
        let ended = std::mem::take(&mut word);
        let is_call = c == '(';
        if KEYWORDS.contains(&ended.as_str()) {
            takes_labels = !["and", "bool", "offset", "or", "unless"].contains(&ended.as_str());
        } else if AGGREGATIONS.contains(&ended.as_str()) {
            takes_labels = false;
        } else if ended.starts_with(|c: char| c.is_ascii_alphabetic()) && !in_list && !is_call {
            names.insert(ended);
            takes_labels = false;
        } else if !ended.is_empty() {
            takes_labels = false;
        }
        match c {
            '{' | '[' => in_list = true,
            '(' if takes_labels => (in_list, takes_labels) = (true, false),
            '}' | ']' | ')' => in_list = false,
            _ => {}
        }
    }
    names
}

/// The reviewed metrics.
pub fn known() -> BTreeSet<String> {
    let lines = METRICS.lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<String> = lines
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect();
    assert!(known.len() > 80, "{known:?}");
    known
}

/// The metric of a series: without the suffix of a histogram.
pub fn family<'a>(known: &BTreeSet<String>, metric: &'a str) -> &'a str {
    let mut suffixes = ["_bucket", "_sum", "_count"].iter();
    let histogram = suffixes.find_map(|suffix| metric.strip_suffix(suffix));
    match histogram {
        Some(name) if known.contains(name) => name,
        _ => metric,
    }
}

#[test]
fn metrics_are_found_in_expressions() {
    let expr = r#"histogram_quantile(0.99, sum by (a, le) (rate(x_bucket{b="c(d)",e=~"f"}[5m])))
        unless on (g) max by (h) (label_replace(y, "n", "$1", "m", "(.+)")) == 1 and time() - z > bool 3 * 60"#;
    let found: Vec<String> = metrics(expr).into_iter().collect();
    assert_eq!(found, ["x_bucket", "y", "z"]);
}

/// Every reviewed metric is used, so that the list stays short.
#[test]
fn known_metrics_are_used() {
    let known = known();
    let expressions = crate::alerts::expressions()
        .into_iter()
        .chain(crate::dashboards::expressions());
    let mut unused = known.clone();
    for (place, expr) in expressions {
        assert_valid(&place, &expr);
        for metric in metrics(&expr) {
            let family = family(&known, &metric);
            assert!(
                known.contains(family),
                "{place}: {metric} is not in hack/xtask/metrics.txt"
            );
            unused.remove(family);
        }
    }
    assert!(unused.is_empty(), "not used: {unused:?}");
}
