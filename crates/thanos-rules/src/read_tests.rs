use serde_json::json;

use super::read_spec;
use crate::Strategy;

/// The errors of the only group of a spec.
fn wrong(group: serde_json::Value) -> Vec<String> {
    let read = read_spec(&json!([group])).remove(0);
    let found = read.group.err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_group_of_a_prometheus_rule_is_read() {
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
    assert_eq!((&group.rules[0].for_, group.rules[0].name()), (&None, "A"));
    assert_eq!(
        (group.rules[1].expr.as_str(), group.rules[1].name()),
        ("1", "r")
    );
}

#[test]
fn malformed_groups_are_rejected() {
    for (group, expected) in [
        (json!("x"), "the group is not an object"),
        (json!({"name": "g", "new": 1}), "new: unknown key"),
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
            "partial_response_strategy: invalid value",
        ),
        (
            json!({"name": "g", "rules": [{"alert": "A", "expr": ["x"]}]}),
            "A: expr: not a string",
        ),
        (
            json!({"name": "g", "rules": [{"record": "A", "labels": []}]}),
            "A: labels: not a map",
        ),
        (
            json!({"name": "g", "rules": [{"record": "A", "labels": {"a": {}}}]}),
            "A: labels: a: not a string",
        ),
        (
            json!({"name": "g", "rules": [{"alert": "A", "exprs": "x"}]}),
            "A: exprs: unknown key",
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
