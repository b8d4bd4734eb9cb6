use super::read_file;

#[test]
fn groups_of_a_rule_file_are_read() {
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
    // Thanos rejects an empty duration in a file.
    let empty = read_file("groups: [{name: a, interval: \"\"}]").unwrap();
    assert_eq!(
        empty[0].group.as_ref().unwrap().interval.as_deref(),
        Some("")
    );
}

#[test]
fn malformed_files_are_rejected() {
    for text in [
        "groups: [",
        "a",
        "- a",
        "groups: x",
        "a: b",
        "groups:\n\t- name: a\n",
        "groups: &a [*b]",
        "\u{0}",
    ] {
        let rejected = read_file(text).unwrap_err();
        assert!(
            !rejected.reason.contains('\n') && rejected.rule.is_none(),
            "{rejected:?}"
        );
    }
    let rejected = read_file("groups:\n- name: [\n").unwrap_err();
    assert!(rejected.reason.contains("line"), "{rejected}");
    assert!(!rejected.reason.contains("expected ',' or"), "{rejected}");
}

#[test]
fn malformed_group_is_rejected_and_others_are_read() {
    let mut bomb = "a: &a0 [x]\n".to_owned();
    for i in 0..40 {
        bomb += &format!("b{i}: &a{} [*a{i}, *a{i}, *a{i}, *a{i}]\n", i + 1);
    }
    for (before, group, expected) in [
        ("", "{name: g, name: h}", "line 3: duplicate key \"name\""),
        (
            "",
            "{name: g, rules: [{expr: !!int x}]}",
            "line 3: the value does not match its tag",
        ),
        ("", "&a [*a]", "line 3: nested too deeply"),
        (
            &bomb,
            "{name: g, rules: [{expr: *a40}]}",
            "line 2: too many values come from aliases",
        ),
        (
            "b: &b {for: 5x}\n",
            "{name: g, rules: [{<<: *b, for: 5m}]}",
            "line 1: for is merged",
        ),
        (
            "b: &b {limit: x}\n",
            "{name: g, <<: *b, limit: 5}",
            "line 1: limit is merged",
        ),
    ] {
        let text = format!("{before}groups:\n- name: good\n- {group}\n");
        let read = read_file(&text).unwrap();
        let found = read[1].group.as_ref().unwrap_err();
        assert!(read[0].group.is_ok() && read.len() == 2, "{text:.200}");
        assert!(found[0].reason.contains(expected), "{group}: {found:?}");
    }
    let read = read_file("groups:\n- name: g\n  rules: [{alert: A, alert: B}]\n").unwrap();
    assert_eq!(read[0].name, "g");
}

/// Thanos parses a file with go-yaml 2 and rewrites it for Prometheus.
#[test]
fn unquoted_scalars_are_read_as_yaml_1_1() {
    let text = r"base: &base
  severity: warning
  team: infra
groups:
- name: 010
  limit: 1e3
  rules:
  - alert: 1_0
    expr: 0755
    for: 0
    labels:
      <<: *base
      severity: critical
      on: yes
      0x10: 1000000.5
      1.0: .inf
      e: 21e5
      f: 1_000.5
      date: 2026-01-02
      none: ~
      word: tRue
  - {alert: B, expr: up, labels: {severity: critical, <<: *base}}
  - alert: C
    expr: up
    labels: *base
    annotations:
      a: |
        x";
    let group = read_file(text).unwrap().remove(0).group.unwrap();
    assert_eq!((group.name.as_str(), group.limit), ("8", Some(1000)));
    let rule = &group.rules[0];
    let for_ = rule.for_.as_deref();
    assert_eq!(
        (rule.alert.as_str(), rule.expr.as_str(), for_),
        ("10", "493", Some("0"))
    );
    let labels: Vec<_> = rule
        .labels
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let expected = [
        ("1", ".inf"),
        ("16", "1.0000005e+06"),
        ("date", "2026-01-02"),
        ("e", "2.1e+06"),
        ("f", "1000.5"),
        ("none", ""),
        ("severity", "critical"),
        ("team", "infra"),
        ("true", "true"),
        ("word", "tRue"),
    ];
    assert_eq!(labels, expected);
    assert_eq!(group.rules[1].labels["severity"], "warning");
    assert_eq!(group.rules[2].labels["team"], "infra");
    assert_eq!(group.rules[2].annotations["a"], "x");
}

/// Durations keep their text even if YAML reads a number or null.
#[test]
fn durations_keep_their_text_and_limits_are_numbers() {
    for duration in ["00", "0.0", "0x0", "NULL", "1_0s"] {
        let read = read_file(&format!("groups: [{{name: g, interval: {duration}}}]")).unwrap();
        let group = read[0].group.as_ref().unwrap();
        assert_eq!(group.interval.as_deref(), Some(duration));
    }
    let limits = [
        ("010", Some(8)),
        ("1.0", Some(1)),
        ("1e3", Some(1000)),
        ("~", None),
    ];
    for (limit, expected) in limits {
        let read = read_file(&format!("groups: [{{name: g, limit: {limit}}}]")).unwrap();
        assert_eq!(read[0].group.as_ref().unwrap().limit, expected, "{limit}");
    }
    for limit in ["1.5", "\"5\"", "1e19", ".inf", "yes"] {
        let read = read_file(&format!("groups: [{{name: g, limit: {limit}}}]")).unwrap();
        assert!(read[0].group.is_err(), "{limit}");
    }
}

#[test]
fn only_the_first_document_is_read() {
    let groups = "groups:\n- name: g\n";
    for end in ["---\n", "...\n", "---\n# nothing\n", "---\n---\n~\n"] {
        let read = read_file(&format!("{groups}{end}")).unwrap();
        assert!(
            read.len() == 1 && read[0].group.is_ok(),
            "{end:?}: {read:?}"
        );
    }
    for more in ["groups:\n- name: h\n", "x\n", "[\n"] {
        let read = read_file(&format!("{groups}---\n{more}")).unwrap();
        assert!(read[0].group.is_ok());
        let found = read[1].group.as_ref().unwrap_err();
        assert!(
            found[0].reason.contains("another YAML document"),
            "{more:?}: {found:?}"
        );
    }
    assert_eq!(read_file("---\n---\n"), Ok(Vec::new()));
}
