use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use thanos_rules::{Dialect, check, read_file};

use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn names() -> BTreeSet<String> {
    let alerts = groups().into_iter().flat_map(|(_, alerts)| alerts);
    alerts.map(|alert| alert.name.to_owned()).collect()
}

#[test]
fn names_are_unique_and_texts_complete() {
    let all: Vec<Alert> = groups()
        .into_iter()
        .flat_map(|(_, alerts)| alerts)
        .collect();
    assert_eq!(names().len(), all.len());
    for alert in all {
        for text in [alert.summary, alert.description] {
            assert!(text.ends_with('.'), "{}: {text}", alert.name);
        }
    }
}

/// Expressions, durations and templates, as a ruler checks them.
#[test]
fn thanos_accepts_the_rule_file() {
    let read = read_file(&render("docs/runbooks.md")).unwrap();
    assert_eq!(read.len(), groups().len());
    for read in read {
        let checked = read
            .group
            .and_then(|group| check(&group, &Dialect::default()));
        assert!(checked.is_ok(), "{}: {checked:?}", read.name);
    }
}

#[test]
fn the_url_of_a_runbook_leads_to_its_section() {
    let page = std::fs::read_to_string(root().join("docs/runbooks.md")).unwrap();
    let sections: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_owned)
        .collect();
    assert_eq!(sections, names());
    // Each explains the same.
    for section in page.split("\n### ").skip(1) {
        let section = section.split("\n## ").next().unwrap_or_default();
        for part in ["**Meaning.**", "**Impact.**", "**Check.**", "**Fix.**"] {
            assert!(section.contains(part), "{part} is missing in\n{section}");
        }
    }
}

/// Each alert is tested by promtool: what is in the namespace `bad` fires, what is in `good` does not.
#[test]
fn promtool_tests_that_each_alert_fires_and_does_not_fire() {
    let mut tested = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("hack/alerts")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        for test in file["tests"].as_array().unwrap() {
            let name = test["name"].as_str().unwrap().to_owned();
            let series = test["input_series"].to_string();
            let expected = test["promql_expr_test"].as_array().unwrap();
            let alert = format!("alertname=\"{name}\"");
            let fires = expected.iter().any(|expected| {
                expected["expr"].as_str().unwrap().contains(&alert)
                    && expected["exp_samples"].to_string().contains("bad")
            });
            let is_complete = fires && series.contains("bad") && series.contains("good");
            assert!(is_complete, "{test:#}");
            tested.insert(name, ());
        }
    }
    assert_eq!(tested.into_keys().collect::<BTreeSet<_>>(), names());
}
