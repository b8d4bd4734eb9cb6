//! Handwritten rule files: unquoted scalars, merges, aliases and documents are read as go-yaml reads them.

use super::random::Dice;

/// Files that both accept. A ruler loads the same rules from the original and from the rendered file.
pub const GOOD: &[&str] = &[
    SCALARS,
    MERGED,
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n---\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n...\n---\n# nothing\n",
    "--- # comment\ngroups:\n- name: g\n  interval: 1m\n  rules: [{record: a:b, expr: up, labels: {a: b}}]\n",
    "groups:\n- name: g\n  limit: 1e3\n  rules: []\n- name: h\n  limit: 010\n  rules: []\n- name: i\n  limit: 1.0\n  rules: []\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n      a: |\n        x",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n      a: >-\n        x\n        y\n\n        z\n      b: |+\n        x\n\n",
    "groups:\n- name: 010\n  rules:\n  - alert: 1_0\n    expr: 0755\n  - record: on\n    expr: 1.10\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations: {a: \u{feff}x, b: \"y\\u2028z\", c: \"\\u2029\", d: \"\\uFEFF\\n x\"}\n",
    "\u{feff}groups:\n- name: \"g\\u2028h\"\n  rules:\n  - alert: \"A\\uFEFF\"\n    expr: \"up\\n# \\u2028\\n\"\n",
    "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up, labels: &l {a: b}}\n  - {alert: B, expr: up, labels: *l}\n",
    "groups:\n- name: g\n  rules:\n  - alert: !!str 010\n    expr: up\n    labels: {a: !!str yes, b: !!float 1, c: !mine 010}\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\r\n    expr: up\r\n    annotations: {a: 'x\n\n      y', \"b\": z # comment\n    }\n",
    "? groups\n: - name: g\n    rules:\n    - alert: A\n      expr: up\n      labels:\n        ? a\n        : b\n",
    "{\"groups\":[{\"name\":\"g\",\"rules\":[{\"alert\":\"A\",\"expr\":\"up\",\"labels\":{\"a\":\"b\"}}]}]}",
    "groups: ~\n",
    "",
];

const SCALARS: &str = "groups:
- name: scalars
  rules:
  - alert: A
    expr: up
    for: 0
    labels:
      on: yes
      1.0: off
      0x10: ~
      ka: 1_
      kb: 0_1
      kc: 0x_1
      kd: 1__0
      ke: 0755
      kf: 1000000.5
      kg: 999999.5
      kh: 0.00001
      ki: 21e5
      kj: 1_000.5
      kk: .inf
      kl: -.INF
      km: .nan
      kn: tRue
      ko: 2026-01-02
      kp: 99999999999999999999
      kq: 18446744073709551615
      kr: 0b101
      ks: 0o17
      kt: 08
      ku: 1e400
      kv: 1:30
      kw: \"010\"
      kx: NULL
      ky: 1.
      kz: .5_0
";

const MERGED: &str = "groups:
- name: merged
  rules:
  - alert: A
    expr: up
    labels: &base {severity: warning, team: infra}
  - alert: B
    expr: up
    labels:
      <<: *base
      severity: critical
  - alert: C
    expr: up
    labels: {severity: critical, <<: *base}
  - alert: D
    expr: up
    labels: {<<: [*base, {team: shop, tier: x}]}
  - &rule
    alert: E
    expr: up
    for: 5m
  - <<: *rule
    alert: F
    for: 10m
";

/// Files that both reject.
pub const BAD: &[&str] = &[
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    for: 00\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    for: NULL\n",
    "groups:\n- name: g\n  interval: !!float 1s\n",
    "groups:\n- name: g\n  limit: \"5\"\n",
    "groups:\n- name: g\n  limit: .inf\n",
    "groups:\n- name: g\n  unknown: ~\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    unknown:\n",
    "groups:\n- name: g\n  name: h\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels: {16: a, 0x10: b}\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels: {a: !!int x}\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels: {<<: x}\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels: {<<: &b {a: {}}, a: c}\n",
    "groups:\n- name: g\n  rules: &a [*a]\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations: {a: \"\\/\"}\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations: {a: \"\\ud83d\\ude00\"}\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n:\n",
    "groups:\n- \tname: g\n",
    "groups:\n- name: g\n  rules: []\n\t\n",
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n      a: |\n        \tx\n",
    "...\ngroups:\n- name: g\n",
    "groups:\n\u{feff}- name: g\n",
    "groups: [{name: g, \"ru\nles\": []}]\n",
    "groups: [{name: g, rules\n : []}]\n",
    "a: &:b c\ngroups: []\n",
    "%YAML 1.2\n---\ngroups: []\n",
];

/// Files that Thanos accepts and that are rejected here, in whole or in part, with the construct.
pub const ONLY_WE_REFUSE: &[(&str, &str)] = &[
    (
        "another document",
        "groups:\n- name: g\n---\ngroups:\n- name: h\n",
    ),
    (
        "binary",
        "groups:\n- name: g\n  rules:\n  - alert: !!binary QQ==\n    expr: up\n",
    ),
    (
        "timestamp",
        "groups:\n- name: g\n  rules:\n  - alert: !!timestamp 2026-01-02\n    expr: up\n",
    ),
    (
        "a key of no number",
        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    labels: {.nan: a}\n",
    ),
    (
        "a question mark in braces",
        "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up, labels: {? a : b}, annotations: {a:, b: c}}\n",
    ),
    ("a line break of YAML 1.1", "groups:\n- name: g # a\u{85}\n"),
    ("a directive", "%YAML 1.1\n---\ngroups:\n- name: g\n"),
];

const FRAGMENTS: [&str; 52] = [
    "\n", "\n\n", " ", "  ", "\t", "\r\n", ": ", ":", "- ", "-", "#", " #", "'", "\"", "|", ">",
    "|+\n", ">2\n", "{", "}", "[", "]", ",", "&a ", "*a", "! ", "!!str ", "!!int ", "!!float ",
    "!!null ", "!x ", "? ", "?", "~", "\\", "\u{feff}", "\u{2028}", "\u{7}", "...", "010", "1_0",
    "0x1F", "yes", "null", ".inf", "1e6", "''", "[]", "{}", "<<: ", "a: b\n", "5m",
];

/// Files with an inserted, removed or repeated part, from a fixed seed.
pub fn mutations(count: usize) -> Vec<String> {
    let mut dice = Dice(0xf11e);
    // rules-check rejects keys that a merge sets twice, and rulers do not.
    let bases: Vec<_> = GOOD
        .iter()
        .copied()
        .filter(|text| !text.contains("<<"))
        .collect();
    let mutated = (0..).map(|_| {
        let mut text = bases[dice.below(bases.len())].to_owned();
        for _ in 0..=dice.below(3) {
            text = mutated(&mut dice, &text);
        }
        text
    });
    // rules-check also rejects unknown keys of the file, and rulers do not.
    let is_top = |line: &str| {
        let inner = [' ', '-', '#', '}', ']', '\r', '{', '?', ':'];
        !line.starts_with(inner) && !line.is_empty() && line != "..."
    };
    let comparable = |text: &String| {
        text.lines()
            .filter(|line| is_top(line))
            .all(|line| line.starts_with("groups:"))
    };
    mutated.filter(comparable).take(count).collect()
}

fn mutated(dice: &mut Dice, text: &str) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let number = dice.below(lines.len());
    let line = &mut lines[number];
    let places: Vec<_> = line
        .char_indices()
        .map(|(at, _)| at)
        .chain([line.len()])
        .collect();
    let at = places[dice.below(places.len())];
    match dice.below(6) {
        0 => drop(lines.remove(number)),
        1 => lines.insert(number, lines[number].clone()),
        2 => line.truncate(at),
        // The value of a key.
        3 => {
            let value = dice.one(&FRAGMENTS);
            let key = line.split_once(": ").map(|(key, _)| key.to_owned());
            lines[number] = key.map_or_else(|| value.to_owned(), |key| format!("{key}: {value}"));
        }
        _ => line.insert_str(at, dice.one(&FRAGMENTS)),
    }
    lines.join("\n")
}
