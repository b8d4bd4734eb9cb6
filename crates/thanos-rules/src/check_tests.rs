use proptest::prelude::*;
use serde_json::{Value, json};

use super::check;
use crate::{Dialect, RuleKind, read_file, read_spec};

/// The errors of a group, one line each.
fn wrong(group: &Value, dialect: &Dialect) -> Vec<String> {
    let read = read_spec(&json!([group])).remove(0).group;
    let checked = read.and_then(|group| check(&group, dialect));
    let found = checked.err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

fn of_rule(rule: &Value) -> Vec<String> {
    wrong(&json!({"name": "g", "rules": [rule]}), &Dialect::default())
}

#[test]
fn invalid_fields_are_rejected() {
    for (group, expected) in [
        (json!({"name": ""}), "the group has no name"),
        (
            json!({"name": "g", "interval": "1"}),
            "interval: \"1\" is not a duration",
        ),
        (
            json!({"name": "g", "query_offset": "-1m"}),
            "query_offset: \"-1m\" is not a duration",
        ),
        (
            json!({"name": "g", "labels": {"__name__": "x"}}),
            "labels: \"__name__\" cannot be set by a rule",
        ),
        (
            json!({"name": "g", "labels": {"": "x"}}),
            "labels: \"\" is not a valid name",
        ),
    ] {
        let found = wrong(&group, &Dialect::default());
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{group}: {found:?}"
        );
    }
    for (rule, expected) in [
        (json!({"expr": "up"}), "rule 1: set one of alert and record"),
        (
            json!({"expr": "up", "alert": "A", "record": "r"}),
            "A: set only one",
        ),
        (json!({"alert": "A"}), "A: set expr"),
        (
            json!({"alert": "A", "expr": "rate(up)"}),
            "A: expr: argument 1 of rate is an instant vector",
        ),
        (
            json!({"alert": "A", "expr": "up", "for": "5 m"}),
            "A: for: \"5 m\" is not a duration",
        ),
        (
            json!({"alert": "A", "expr": "up", "keep_firing_for": "x"}),
            "A: keep_firing_for: ",
        ),
        (
            json!({"record": "r", "expr": "up", "for": "5m"}),
            "r: for: not allowed in a recording rule",
        ),
        (
            json!({"record": "r", "expr": "up", "keep_firing_for": "5m"}),
            "r: keep_firing_for: not allowed",
        ),
        (
            json!({"record": "r", "expr": "up", "annotations": {"a": "b"}}),
            "r: annotations: not allowed",
        ),
        (
            json!({"record": "r{a=\"b\"}", "expr": "up"}),
            "r{a=\"b\"}: record: braces are not allowed",
        ),
        (
            json!({"alert": "A", "expr": "up", "labels": {"__name__": "x"}}),
            "A: labels: \"__name__\"",
        ),
        (
            json!({"alert": "A", "expr": "up", "annotations": {"": "x"}}),
            "A: annotations: \"\"",
        ),
        (
            json!({"alert": "A", "expr": "up", "labels": {"a": "{{ $nope }}"}}),
            "A: labels.a: undefined variable $nope",
        ),
        (
            json!({"alert": "A", "expr": "up", "annotations": {"a": "{{ nope }}"}}),
            "A: annotations.a: undefined function nope",
        ),
        (
            json!({"alert": "A", "expr": "up", "annotations": {"a": "\u{0}"}}),
            "A: annotations.a: contains the character U+0000",
        ),
        (
            json!({"alert": "A", "expr": "up", "labels": {"a".repeat(501): "x"}}),
            "A: labels: \"aaa",
        ),
        (
            json!({"alert": "A", "expr": "up", "annotations": {"\n".repeat(501): "x"}}),
            "A: annotations: \"\\n",
        ),
        (
            json!({"alert": "A", "expr": "sum(rate({app=\"x\"} |= \"error\" [5m])) > 0"}),
            "A: expr: LogQL",
        ),
        (
            json!({"alert": "A", "expr": "up", "new": null}),
            "A: new: unknown key",
        ),
    ] {
        let found = of_rule(&rule);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{rule}: {found:?}"
        );
    }
}

#[test]
fn valid_fields_are_accepted() {
    for rule in [
        json!({"alert": "any name {{", "expr": "up", "for": "0", "keep_firing_for": "1y"}),
        json!({"record": "a metric é", "expr": 1, "for": "0s", "annotations": {}}),
        json!({"record": "r", "expr": "up", "labels": {"a": "{{ not a template", "é b": ""}}),
        json!({"alert": "A", "expr": "up", "annotations": {"a": "{{ $value | humanize }}"}}),
        json!({"alert": "A", "expr": "up", "labels": {"é".repeat(500): "x"}}),
        json!({"alert": "A\u{feff}", "expr": "up", "annotations": {"a\u{2028}": "b\u{2029}\n"}}),
    ] {
        assert_eq!(of_rule(&rule), Vec::<String>::new(), "{rule}");
    }
    let group = json!({"name": "g", "limit": -1, "query_offset": "1m", "labels": {"a": "{{"},
        "partial_response_strategy": "Abort", "rules": [{"record": "r", "expr": "up"}, {"record": "r", "expr": "up"}]});
    assert_eq!(wrong(&group, &Dialect::default()), Vec::<String>::new());
}

#[test]
fn functions_need_their_flags() {
    let found = |expr: &str, arguments: &[&str]| {
        let dialect = Dialect::default().with_arguments(arguments.iter().copied());
        wrong(
            &json!({"name": "g", "rules": [{"record": "r", "expr": expr}]}),
            &dialect,
        )
    };
    for expr in [
        "mad_over_time(up[5m])",
        "limitk(1, up)",
        "sort_by_label(up, \"a\")",
        "info(up, {a=~\".*\"})",
    ] {
        assert!(
            found(expr, &[])[0].contains("--enable-feature=promql-experimental-functions"),
            "{expr}"
        );
        assert!(
            found(expr, &["--enable-feature=promql-experimental-functions"]).is_empty(),
            "{expr}"
        );
    }
    assert!(found("xrate(up[5m])", &[])[0].contains("--query.enable-x-functions"));
    assert!(found("xrate(up[5m])", &["--query.enable-x-functions"]).is_empty());
}

#[test]
fn functions_need_their_version_of_thanos() {
    let at = |version: &str, expr: &str| {
        let group = json!({"name": "g", "rules": [{"record": "r", "expr": expr}]});
        let experimental = "--enable-feature=promql-experimental-functions";
        wrong(
            &group,
            &Dialect::of_version(version).with_arguments([experimental]),
        )
        .is_empty()
    };
    for (expr, since) in [
        ("rate(up[step()])", 40),
        ("up offset 0s", 40),
        ("ts_of_max_over_time(up[5m])", 40),
        ("first_over_time(up[5m])", 41),
    ] {
        for minor in 39..43 {
            assert_eq!(
                at(&format!("v0.{minor}.0"), expr),
                minor >= since,
                "{expr} in 0.{minor}"
            );
        }
    }
}

#[test]
fn reasons_are_one_line_and_bounded() {
    let long = "x\n".repeat(1000);
    let rule = json!({"alert": long, "expr": format!("sum({long}"), "labels": {"a": format!("{{{{ {long}")}});
    for reason in of_rule(&rule) {
        assert!(
            reason.chars().count() < 420 && !reason.contains('\n'),
            "{reason}"
        );
    }
}

#[test]
fn checked_groups_list_and_count_their_rules() {
    let spec = json!([{"name": "g", "rules": [{"record": "r", "expr": "1"}, {"alert": "A", "expr": "up"}]}]);
    let group = read_spec(&spec).remove(0).group.unwrap();
    let checked = check(&group, &Dialect::default()).unwrap();
    assert_eq!(
        checked.rules().collect::<Vec<_>>(),
        [(RuleKind::Record, "r"), (RuleKind::Alert, "A")]
    );
    assert_eq!(
        (
            checked.name(),
            checked.count(RuleKind::Alert),
            checked.count(RuleKind::Record)
        ),
        ("g", 1, 1)
    );
}

#[test]
fn deep_and_long_expressions_do_not_exhaust_the_stack() {
    for (expr, good) in [
        (
            format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)),
            false,
        ),
        (format!("{}1", "-".repeat(100_000)), false),
        (format!("{}1", "1^".repeat(100_000)), false),
        (format!("up[{}1", "max(1,".repeat(100_000)), false),
        (format!("up{}", " or up".repeat(50_000)), true),
        (format!("{}1{}", "(".repeat(100), ")".repeat(100)), true),
        (format!("{}1{}", "(".repeat(101), ")".repeat(101)), false),
        (format!("1{}", "^1".repeat(100)), true),
        (format!("1{}", "^1".repeat(101)), false),
        (format!("{}1", "-".repeat(100)), true),
        (format!("{}1", "-".repeat(101)), false),
    ] {
        assert_eq!(
            of_rule(&json!({"record": "r", "expr": expr})).is_empty(),
            good
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", words in "([a-z]{1,5}|[(){}\\[\\]@,:=~!\"'`.0-9 +*/^-]|5m|\\{\\{|\\}\\}|offset|by|sum){0,30}") {
        for text in [text, words] {
            let template = format!("{{{{{text}}}}}");
            of_rule(&json!({"alert": "A", "expr": &text, "for": &text, "annotations": {"a": &text, "b": template}}));
            of_rule(&json!({"record": &text, "expr": format!("{{a=~{text:?},b=\"x\"}}"), "labels": {&text: &text}}));
            let _ = read_file(&text);
        }
    }
}
