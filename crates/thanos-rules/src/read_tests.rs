use serde_json::json;

use super::{read_file, read_spec};
use crate::Strategy;

/// What is wrong with the only group of a spec.
fn wrong(group: serde_json::Value) -> Vec<String> {
    let read = read_spec(&json!([group])).remove(0);
    let found = read.group.err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_group_of_a_resource() {
    let mut read = read_spec(&json!([{
        "name": "g", "interval": "", "query_offset": "1m", "limit": 5, "labels": {"a": "b"},
        "partial_response_strategy": "WARN",
        "rules": [
            {"alert": "A", "expr": "up", "for": "", "keep_firing_for": "5m", "annotations": {"c": "d"}},
            {"record": "r", "expr": 1, "labels": null},
        ],
    }]));
    let group = read.remove(0).group.unwrap();
    assert_eq!(
        (group.interval, group.query_offset.as_deref()),
        (None, Some("1m"))
    );
    assert_eq!(group.partial_response_strategy, Some(Strategy::Warn));
    assert_eq!((group.limit, group.labels["a"].as_str()), (Some(5), "b"));
    assert_eq!((&group.rules[0].hold, group.rules[0].name()), (&None, "A"));
    assert_eq!(
        (group.rules[1].expr.as_str(), group.rules[1].name()),
        ("1", "r")
    );
}

#[test]
fn shapes_that_are_refused() {
    for (group, expected) in [
        (json!("x"), "the group is not an object"),
        (
            json!({"name": "g", "new": 1}),
            "new: a ruler of this version knows no such key",
        ),
        (
            json!({"name": "g", "limit": "5"}),
            "limit: not a whole number",
        ),
        (
            json!({"name": "g", "limit": 1.5}),
            "limit: not a whole number",
        ),
        (json!({"name": "g", "rules": {}}), "rules: not a list"),
        (
            json!({"name": "g", "rules": ["x"]}),
            "rule 1: the rule is not an object",
        ),
        (
            json!({"name": "g", "partial_response_strategy": "group_replica"}),
            "partial_response_strategy: \"group_replica\"",
        ),
        (
            json!({"name": "g", "rules": [{"alert": "A", "expr": ["x"]}]}),
            "A: expr: not a text",
        ),
        (
            json!({"name": "g", "rules": [{"record": "A", "labels": []}]}),
            "A: labels: not a map",
        ),
        (
            json!({"name": "g", "rules": [{"record": "A", "labels": {"a": {}}}]}),
            "A: labels: a: not a text",
        ),
        (
            json!({"name": "g", "rules": [{"alert": "A", "exprs": "x"}]}),
            "A: exprs: a ruler of this version",
        ),
    ] {
        let found = wrong(group.clone());
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{group}: {found:?}"
        );
    }
    let read = read_spec(&json!([{"name": "g"}, {"name": "g"}, {}]));
    assert!(read[0].group.is_ok() && read[1].group.is_err());
    assert_eq!(read[2].name, "group 3");
    assert!(read_spec(&json!({}))[0].group.is_err());
    assert!(read_spec(&json!(null)).is_empty());
}

#[test]
fn rule_files() {
    let read = read_file(
        "groups:\n- name: a\n  rules:\n  - record: r\n    expr: 1\n    labels: {v: 1.5, b: true}\n- name: b\n  rules: null\n- name: c\n  key: 1\nother: 1\n",
    )
    .unwrap();
    let names: Vec<_> = read
        .iter()
        .map(|r| (r.name.as_str(), r.group.is_ok()))
        .collect();
    assert_eq!(names, [("a", true), ("b", true), ("c", false)]);
    let labels = &read[0].group.as_ref().unwrap().rules[0].labels;
    assert_eq!(
        (labels["v"].as_str(), labels["b"].as_str()),
        ("1.5", "true")
    );
    assert_eq!(read_file(""), Ok(Vec::new()));
    assert_eq!(read_file("# nothing\n"), Ok(Vec::new()));
    assert_eq!(read_file("{}\n"), Ok(Vec::new()));
    // Thanos does not take an empty duration in a file.
    let empty = read_file("groups: [{name: a, interval: \"\"}]").unwrap();
    assert_eq!(
        empty[0].group.as_ref().unwrap().interval.as_deref(),
        Some("")
    );
}

#[test]
fn files_that_are_none() {
    for text in [
        "groups: [",
        "groups:\n- name: a\n  name: b\n",
        "a",
        "- a",
        "groups: x",
        "a: b",
        "groups: []\n---\ngroups: []\n",
        "groups:\n\t- name: a\n",
        "groups: &a [*a]",
        "\u{0}",
    ] {
        let refused = read_file(text).unwrap_err();
        assert!(
            !refused.reason.contains('\n') && refused.rule.is_none(),
            "{refused:?}"
        );
    }
    let refused = read_file("groups:\n- name: [\n").unwrap_err();
    assert!(refused.reason.contains("line"), "{refused}");
    // A bomb of aliases is refused, and quickly.
    let mut bomb = "a: &a0 [x]\n".to_owned();
    for i in 0..40 {
        bomb += &format!("b{i}: &a{} [*a{i}, *a{i}, *a{i}, *a{i}]\n", i + 1);
    }
    assert!(read_file(&bomb).is_err());
}
