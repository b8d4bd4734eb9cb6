use proptest::prelude::*;

use super::{enforce, within};
use crate::promql::{self, MatchKind};
use crate::testing::{checked, expression};
use crate::{Checked, Dialect, Group, Rule, check};

fn tenant(expr: &str) -> Result<String, String> {
    let mut dialect = Dialect::default();
    dialect.experimental_functions = true;
    within(expr, &dialect, "tenant", "a\"b")
}

#[test]
fn every_selector_gets_the_matcher() {
    for (expr, expected) in [
        ("up", "up{T}"),
        ("up{}", "up{T}"),
        ("up { }", "up {T }"),
        ("up{a=\"b\"}", "up{T,a=\"b\"}"),
        ("{a=\"b\",}", "{T,a=\"b\",}"),
        ("{\"up\"}", "{T,\"up\"}"),
        ("rate(up[5m] offset 1m)", "rate(up{T}[5m] offset 1m)"),
        (
            "max_over_time(rate(up[5m])[1h:] @ end())",
            "max_over_time(rate(up{T}[5m])[1h:] @ end())",
        ),
        (
            "sum by (tenant) (a) / on (x) b # c",
            "sum by (tenant) (a{T}) / on (x) b{T} # c",
        ),
        ("absent(up{a=\"b\"})", "absent(up{T,a=\"b\"})"),
        ("up{T}", "up{T}"),
        (
            "up{'tenant'=\"a\\\"b\"} or sum",
            "up{'tenant'=\"a\\\"b\"} or sum{T}",
        ),
        ("up{x=\"{\"} > 1", "up{T,x=\"{\"} > 1"),
        ("vector(1)", "vector(1)"),
        ("up # {}\n{ # }\n}", "up # {}\n{T # }\n}"),
    ] {
        let full = |text: &str| text.replace('T', "tenant=\"a\\\"b\"");
        assert_eq!(tenant(&full(expr)), Ok(full(expected)), "{expr}");
    }
    let odd = within("up", &Dialect::default(), "a tenant", "x");
    assert_eq!(odd, Ok("up{\"a tenant\"=\"x\"}".to_owned()));
}

#[test]
fn selectors_of_another_tenant_are_rejected() {
    for expr in [
        "up{tenant=\"x\"}",
        "up{tenant!=\"a\\\"b\"}",
        "up{tenant=~\"a\\\"b\"}",
        "up{tenant=~\".*\"}",
        "up{tenant=\"\"}",
        "up{tenant=\"a\\\"b\", tenant!=\"x\"}",
        "up{\"tenant\"=\"x\"}",
        "a + rate({x=\"y\", tenant!~\"z\"}[5m])",
        "info(up)",
        "sum(max_over_time(up{tenant=\"x\"}[5m:1m]))",
    ] {
        assert!(tenant(expr).is_err(), "{expr}");
    }
}

fn group(change: impl FnOnce(&mut Group)) -> Checked {
    let mut group = Group {
        name: "g".to_owned(),
        rules: vec![Rule {
            alert: "A".to_owned(),
            expr: "up".to_owned(),
            ..Rule::default()
        }],
        ..Group::default()
    };
    change(&mut group);
    check(&group, &Dialect::default()).unwrap()
}

#[test]
fn rules_get_the_label_and_foreign_labels_are_rejected() {
    let of = |change: fn(&mut Group)| enforce(&group(change), &Dialect::default(), "tenant", "a");
    let enforced = of(|_| {}).unwrap();
    assert_eq!(enforced.group().rules[0].labels["tenant"], "a");
    assert_eq!(enforced.group().rules[0].expr, "up{tenant=\"a\"}");
    let set = |map: &mut std::collections::BTreeMap<String, String>, k: &str, v: &str| {
        map.insert(k.to_owned(), v.to_owned());
    };
    type Change =
        fn(&mut Group, &dyn Fn(&mut std::collections::BTreeMap<String, String>, &str, &str));
    let bad: [Change; 6] = [
        |g, set| set(&mut g.rules[0].labels, "tenant", "b"),
        |g, set| set(&mut g.rules[0].labels, "tenant", "{{ $labels.tenant }}"),
        |g, set| set(&mut g.labels, "tenant", "b"),
        |g, set| set(&mut g.rules[0].annotations, "x", "{{ query \"up\" }}"),
        |g, set| {
            set(
                &mut g.rules[0].labels,
                "x",
                "{{ range query \"up\" }}{{ end }}",
            )
        },
        |g, set| set(&mut g.labels, "x", "{{ query \"up\" }}"),
    ];
    for (i, change) in bad.into_iter().enumerate() {
        let group = group(|g| change(g, &set));
        let rejected = enforce(&group, &Dialect::default(), "tenant", "a").unwrap_err();
        assert_eq!(rejected.len(), 1, "{i}: {rejected:?}");
    }
    let good = group(|g| set(&mut g.labels, "tenant", "a"));
    assert!(enforce(&good, &Dialect::default(), "tenant", "a").is_ok());
    for (label, value) in [("", "a"), ("tenant", ""), ("__name__", "a")] {
        assert!(enforce(&good, &Dialect::default(), label, value).is_err());
    }
}

proptest! {
    #[test]
    fn only_the_matcher_is_added(expr in expression()) {
        let dialect = Dialect::default();
        let before = promql::parse(&expr, &dialect).unwrap();
        let text = within(&expr, &dialect, "tenant", "a").unwrap();
        let mut after = promql::parse(&text, &dialect).unwrap();
        prop_assert_eq!(before.selectors.len(), after.selectors.len());
        for (old, new) in before.selectors.iter().zip(&mut after.selectors) {
            let first = new.matchers.remove(0);
            prop_assert_eq!(first.label, b"tenant");
            prop_assert_eq!(first.kind, MatchKind::Equal);
            prop_assert_eq!(first.value, b"a");
            prop_assert_eq!(&old.matchers, &new.matchers);
            prop_assert_eq!(&old.name, &new.name);
        }
        // Without the matcher, it is the original text.
        let bare = text.replace("{tenant=\"a\",", "{").replace("tenant=\"a\"", "");
        prop_assert_eq!(bare.replace("{}", ""), expr.replace("{}", ""));
        // Enforcing it again changes nothing, and another tenant is rejected.
        prop_assert_eq!(within(&text, &dialect, "tenant", "a"), Ok(text.clone()));
        let other = within(&text, &dialect, "tenant", "b");
        prop_assert_eq!(other.is_err(), !before.selectors.is_empty());
    }

    #[test]
    fn names_of_rules_are_preserved(group in checked()) {
        let enforced = enforce(&group, &Dialect::default(), "tenant", "a").unwrap();
        prop_assert_eq!(group.rules().collect::<Vec<_>>(), enforced.rules().collect::<Vec<_>>());
    }
}
