//! Groups with valid and invalid values of each field, and templates.

use serde_json::{Value, json};

/// Groups, one for each case.
pub fn groups() -> impl Iterator<Item = Value> {
    let groups = [
        json!({"name": ""}),
        json!({}),
        json!({"name": "g"}),
        json!({"name": "g", "rules": null}),
        json!({"name": "é \" {{ x", "rules": []}),
        json!({"name": "g", "new_key": 1}),
        json!({"name": "g", "limit": 5, "labels": {"a": "{{", "b c": "d"}}),
        json!({"name": "g", "limit": -1}),
        json!({"name": "g", "limit": "5"}),
        json!({"name": "g", "labels": []}),
        json!({"name": "g", "labels": {"a": {}}}),
        json!({"name": "g", "rules": {}}),
        json!({"name": "g", "rules": ["x"]}),
        json!({"name": "g", "interval": "1h", "query_offset": "1m"}),
    ];
    let strategies = ["abort", "ABORT", "Warn", "", "nope"]
        .map(|strategy| json!({"name": "g", "partial_response_strategy": strategy}));
    let durations = DURATIONS.iter().flat_map(|duration| {
        let group = |field: &str| json!({"name": "g", field: duration});
        let rule =
            |kind: &str, field: &str| of_rule(json!({kind: "a", "expr": "up", field: duration}));
        [
            group("query_offset"),
            rule("alert", "for"),
            rule("alert", "keep_firing_for"),
            rule("record", "for"),
            rule("record", "keep_firing_for"),
        ]
    });
    let rules = rules().into_iter().map(of_rule);
    groups
        .into_iter()
        .chain(strategies)
        .chain(durations)
        .chain(rules)
}

fn of_rule(rule: Value) -> Value {
    json!({"name": "g", "rules": [rule]})
}

const DURATIONS: &[&str] = &[
    "0",
    "0s",
    "5m",
    "1h30m",
    "1y1w1d1h1m1s1ms",
    "1m1h",
    "1s1s",
    "5",
    "-5m",
    "+5m",
    "1.5h",
    "5 m",
    " 5m",
    "5M",
    "292y",
    "293y",
    "10us",
    "99999999999999999999s",
    "inf",
];

fn rules() -> Vec<Value> {
    let mut rules = vec![
        json!({"expr": "up"}),
        json!({"alert": "a", "record": "b", "expr": "up"}),
        json!({"alert": "", "record": "", "expr": "up"}),
        json!({"alert": "a", "record": "", "expr": "up"}),
        json!({"alert": "a"}),
        json!({"alert": "a", "expr": ""}),
        json!({"alert": "a", "expr": null}),
        json!({"record": "a", "expr": 1}),
        json!({"record": "a", "expr": 1.5}),
        json!({"record": "a", "expr": true}),
        json!({"record": "a", "expr": ["up"]}),
        json!({"record": "a", "exprs": "up"}),
        json!({"alert": "any {{ name", "expr": "up"}),
        json!({"alert": "a", "expr": "up", "annotations": {"a": "b"}, "labels": {"c": "d"}}),
        json!({"record": "a", "expr": "up", "annotations": {"a": "b"}}),
        json!({"record": "a", "expr": "up", "annotations": {}}),
        json!({"record": "a", "expr": "up", "labels": {"a": "{{ not a template"}}),
    ];
    for name in ["a:b", "a b", "é", "1a", "a{b=\"c\"}", "a}", "sum(up)"] {
        rules.push(json!({"record": name, "expr": "up"}));
    }
    for name in ["a", "a b", "é", "", "__name__", "1a", "on", "a-b"] {
        for kind in ["alert", "record"] {
            rules.push(json!({kind: "a", "expr": "up", "labels": {name: "x"}}));
        }
        rules.push(json!({"alert": "a", "expr": "up", "annotations": {name: "x"}}));
    }
    for text in [
        "",
        " ",
        "x\n",
        "\nx",
        "a\n\n b\n",
        "yes",
        "null",
        "1.10",
        "- a",
        "a: b",
        "#",
        "'\"`",
        "\t",
        "a\r\nb",
        "é\u{1f600}",
    ] {
        rules.push(
            json!({"alert": "a", "expr": "up", "annotations": {"a": text}, "labels": {"a": text}}),
        );
    }
    rules
}

/// Templates.
pub fn templates() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().copied()
}

const TEMPLATES: &[&str] = &[
    "plain",
    "{",
    "}}",
    "{ { }",
    "{{",
    "{{ }}",
    "{{}}",
    "{{ $value }}",
    "{{$value}}",
    "{{- $value -}}",
    "{{-$value}}",
    "{{ $value -}}x",
    "{{ $labels.job }}",
    "{{ $labels.a.b }}",
    "{{ $labels. }}",
    "{{ $labels..a }}",
    "{{ $externalLabels.a }}",
    "{{ $externalURL }}",
    "{{ .Labels.job }}",
    "{{ . }}",
    "{{ .. }}",
    "{{ $ }}",
    "{{ $.Value }}",
    "{{ $nope }}",
    "{{ nope }}",
    "{{ $value | humanize }}",
    "{{ $value|humanize|title }}",
    "{{ | humanize }}",
    "{{ $value | }}",
    "{{ $value | 1 }}",
    "{{ 1 | $value }}",
    "{{ $value | . }}",
    "{{ $value | .A }}",
    "{{ $value | \"a\" }}",
    "{{ $value | nil }}",
    "{{ $value | true }}",
    "{{ nil }}",
    "{{ true }}",
    "{{ true.A }}",
    "{{ printf \"%.2f\" $value }}",
    "{{ printf `%s` . }}",
    "{{ printf \"\\n\\x41\\101\\u00e9\" }}",
    "{{ printf \"\\q\" }}",
    "{{ \"\\'\" }}",
    "{{ \"\\400\" }}",
    "{{ \"a }}",
    "{{ \"a\nb\" }}",
    "{{ `a\nb` }}",
    "{{ `a }}",
    "{{ \"a\"\"b\" }}",
    "{{ \"a\".B }}",
    "{{ 1 }}",
    "{{ -1 }}",
    "{{ +1.5 }}",
    "{{ - 1 }}",
    "{{ .5 }}",
    "{{ 1. }}",
    "{{ 1e3 }}",
    "{{ 1e }}",
    "{{ 1a }}",
    "{{ 1.A }}",
    "{{ 1-1 }}",
    "{{ 08 }}",
    "{{ 1.2.3 }}",
    "{{ (printf \"a\") }}",
    "{{ (printf \"a\" }}",
    "{{ printf \"a\") }}",
    "{{ () }}",
    "{{ (query \"up\" | first).Labels }}",
    "{{ (1).A }}",
    "{{ humanize($value) }}",
    "{{ humanize ($value) }}",
    "{{ first.A }}",
    "{{ a-b }}",
    "{{ $value% }}",
    "{{ % }}",
    "{{ a, b }}",
    "{{ if .A }}x{{ end }}",
    "{{ if .A }}x{{ else }}y{{ end }}",
    "{{ if .A }}{{ else if .B }}{{ else }}{{ end }}",
    "{{ if .A }}{{ else with .B }}{{ end }}",
    "{{ if .A }}{{ else }}{{ else }}{{ end }}",
    "{{ if .A }}",
    "{{ if }}{{ end }}",
    "{{ end }}",
    "{{ else }}",
    "{{ end end }}",
    "{{ if if }}{{ end }}",
    "{{ if $x := .A }}{{ $x }}{{ end }}",
    "{{ if $x := .A }}{{ end }}{{ $x }}",
    "{{ if .A }}{{ $x := 1 }}{{ end }}{{ $x }}",
    "{{ with .A }}{{ . }}{{ end }}",
    "{{ with .A }}{{ else with .B }}{{ end }}",
    "{{ with }}{{ end }}",
    "{{ range .A }}{{ . }}{{ end }}",
    "{{ range $v := .A }}{{ $v }}{{ end }}",
    "{{ range $i, $v := .A }}{{ $i }}{{ end }}",
    "{{ range $a, $b, $c := .A }}{{ end }}",
    "{{ range $i, .A }}{{ end }}",
    "{{ range .A }}{{ break }}{{ continue }}{{ else }}{{ end }}",
    "{{ range .A }}{{ else }}{{ break }}{{ end }}",
    "{{ break }}",
    "{{ range .A }}{{ break 1 }}{{ end }}",
    "{{ $x := 1 }}{{ $x }}",
    "{{ $x := 1 }}{{ $x = 2 }}",
    "{{ $x : = 1 }}",
    "{{ $x := }}",
    "{{ $a, $b := .A }}",
    "{{ .A := 1 }}",
    "{{ define \"a\" }}x{{ end }}{{ template \"a\" }}",
    "{{ define \"a\" }}{{ $value }}{{ end }}",
    "{{ define \"a\" }}x{{ end }}{{ define \"a\" }}y{{ end }}",
    "{{ define a }}{{ end }}",
    "{{ if .A }}{{ define \"a\" }}{{ end }}{{ end }}",
    "{{ define \"__alert_A\" }}x{{ end }}y",
    "{{ template \"a\" . }}",
    "{{ template \"a\" }}",
    "{{ template }}",
    "{{ template a }}",
    "{{ block \"a\" . }}{{ . }}{{ end }}",
    "{{ block \"a\" }}{{ end }}",
    "{{ block \"a\" . }}{{ $value }}{{ end }}",
    "{{/* a */}}",
    "{{- /* a */ -}}",
    "{{ /* a */ }}",
    "{{/* a */ x }}",
    "{{/* a }}",
    "{{ {{ }} }}",
    "{{\n$value\n}}",
    "{{ $value\t|\thumanize }}",
    "{{ now | toTime }}{{ 1 | toDuration }}",
    "{{ urlQueryEscape \"a\" }}",
];
