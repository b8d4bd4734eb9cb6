//! Random expressions and groups for the tests of this crate.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::{Checked, Dialect, Group, Rule, Strategy as Partial, check};

/// A selector of an instant vector, with no matcher on `tenant`.
fn selector() -> impl Strategy<Value = String> {
    let matchers = select(vec![
        "",
        "{}",
        "{a=\"b\"}",
        "{ a=~'b|c' , c!~`d.*`, }",
        "{\"a b\"!=\"x\"}",
        "{a!=\"}{\"} ",
        " # no selector{}\n",
        "{ # comment\n a = \"#\" }",
    ]);
    let name = select(vec![
        "up", "a:b", "sum", "by", "offset", "start", "Max", "_x",
    ]);
    prop_oneof![
        (name, matchers).prop_map(|(name, matchers)| format!("{name}{matchers}")),
        Just("{\"some metric\", a=\"\"}".to_owned()),
        Just("{__name__=~\".+\"}".to_owned()),
    ]
}

/// An expression of type instant vector.
pub(crate) fn expression() -> impl Strategy<Value = String> {
    let modified = (
        selector(),
        select(vec!["", " offset 5m", " @ 1e3", " @ end() offset -1h"]),
    )
        .prop_map(|(selector, modifier)| selector + modifier);
    let over_time = (
        selector(),
        select(vec!["rate", "absent_over_time", "last_over_time"]),
    )
        .prop_map(|(selector, f)| format!("{f}({selector}[5m] offset 1m)"));
    prop_oneof![modified, over_time].prop_recursive(5, 24, 3, |inner| {
        let operator = select(vec![
            "+",
            "/ on (a) group_left (b)",
            "and ignoring(x)",
            "> bool",
            "or",
            "unless on ()",
            "^",
        ]);
        let call = select(vec![
            "sum by (a) (X)",
            "topk without(a)(3, X)",
            "count_values(\"v\", X)",
            "abs(X)",
            "-X",
            "(X)",
            "max_over_time((X)[1h:5m] @ start())",
            "sum(X) by (b)",
            "label_replace(X, \"a\", \"$1\", \"b\", \"(.*)\")",
            "2 * X",
            "vector(scalar(X))",
            "quantile(0.9, X)",
            "X == 1",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(l, op, r)| format!("({l}) {op} ({r})")),
            (call, inner).prop_map(|(call, inner)| call.replacen('X', &inner, 1)),
        ]
    })
}

/// Strings that need care in YAML.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~é\n]{0,20}",
        select(vec![
            "null",
            "yes",
            "0x1",
            "1.10",
            "~",
            "- a",
            "a: b",
            " x",
            "x ",
            "a\n",
            "a\n\n",
            "\na",
            "a\r\nb\tc",
            "a\n\nb\n",
            "|",
            "#",
            "'",
            "\""
        ])
        .prop_map(str::to_owned),
    ]
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    // Without braces, which would have to be a valid template.
    let value = text().prop_map(|text| text.replace("{{", "{ "));
    btree_map("[a-zé -]{1,6}", value, 0..3)
}

fn rule() -> impl Strategy<Value = Rule> {
    let for_ = proptest::option::of(select(vec!["0s", "5m", "1h30m"]).prop_map(str::to_owned));
    (
        any::<bool>(),
        "[a-z: é]{1,8}",
        expression(),
        for_,
        map(),
        map(),
    )
        .prop_map(
            |(is_alert, name, expr, for_, labels, annotations)| match is_alert {
                true => Rule {
                    alert: name,
                    expr,
                    for_,
                    labels,
                    annotations,
                    ..Rule::default()
                },
                false => Rule {
                    record: name,
                    expr,
                    labels,
                    ..Rule::default()
                },
            },
        )
}

/// A group that Thanos accepts.
pub(crate) fn checked() -> impl Strategy<Value = Checked> {
    let partial = proptest::option::of(select(vec![Partial::Abort, Partial::Warn]));
    let interval = proptest::option::of(select(vec!["30s", "1m"]).prop_map(str::to_owned));
    let limit = proptest::option::of(-3..9_i64);
    (
        "[ -~é]{1,8}",
        interval,
        limit,
        partial,
        map(),
        vec(rule(), 0..4),
    )
        .prop_map(
            |(name, interval, limit, partial_response_strategy, labels, rules)| {
                let group = Group {
                    name,
                    interval,
                    query_offset: None,
                    limit,
                    partial_response_strategy,
                    labels,
                    rules,
                };
                check(&group, &Dialect::default()).unwrap()
            },
        )
}
