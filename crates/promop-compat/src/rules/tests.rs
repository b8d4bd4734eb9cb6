use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::*;
use crate::selection::Unusable;
use kube_facts::NamespaceFacts;
use kube_facts::testing::{key, labels, malformed, namespaces, parse, selector};

fn rule(of: &[(&str, &str)]) -> RuleFacts {
    let labels = labels(of);
    RuleFacts {
        labels,
        ..Default::default()
    }
}

fn rules() -> BTreeMap<Key, RuleFacts> {
    BTreeMap::from([
        (
            key("apps", "shop"),
            rule(&[("role", "rules"), ("team", "a")]),
        ),
        (key("apps", "bare"), rule(&[])),
        (key("monitoring", "k8s"), rule(&[("role", "rules")])),
        (key("monitoring", "other"), rule(&[("role", "other")])),
    ])
}

fn listed() -> BTreeMap<Key, NamespaceFacts> {
    namespaces(&[("apps", &[("team", "a")]), ("monitoring", &[])])
}

fn known(listed: &BTreeMap<Key, NamespaceFacts>) -> Namespaces<'_> {
    Namespaces {
        listed: Some(listed),
        watched: None,
    }
}

fn pair<'a>(
    objects: Option<&'a LabelSelector>,
    namespaces: Option<&'a LabelSelector>,
) -> Selectors<'a> {
    Selectors {
        own: "monitoring",
        objects,
        namespaces,
    }
}

fn names(selected: &Selected<'_, RuleFacts>) -> Vec<String> {
    let keys = selected.objects.iter();
    keys.map(|(key, _)| key.to_string()).collect()
}

#[test]
fn selection_follows_prometheus_operator() {
    let (rules, listed) = (rules(), listed());
    let (all, role, team) = (
        LabelSelector::default(),
        selector(&[("role", "rules")]),
        selector(&[("team", "a")]),
    );
    for (objects, namespaces, expected) in [
        (None, None, &[][..]),
        (None, Some(&all), &[]),
        (Some(&all), None, &["monitoring/k8s", "monitoring/other"]),
        (
            Some(&all),
            Some(&all),
            &[
                "apps/bare",
                "apps/shop",
                "monitoring/k8s",
                "monitoring/other",
            ],
        ),
        (Some(&role), None, &["monitoring/k8s"]),
        (Some(&role), Some(&all), &["apps/shop", "monitoring/k8s"]),
        (Some(&all), Some(&team), &["apps/bare", "apps/shop"]),
        (Some(&role), Some(&team), &["apps/shop"]),
    ] {
        let found = select(&rules, &known(&listed), &pair(objects, namespaces));
        assert_eq!(names(&found), expected, "{objects:?} {namespaces:?}");
        assert_eq!(found.unusable, None);
        assert_eq!(found.nearest, []);
    }
    let own = select(&rules, &known(&listed), &Selectors::all_of("apps"));
    assert_eq!(names(&own), ["apps/bare", "apps/shop"]);
}

#[test]
fn labels_are_matched_like_in_kubernetes() {
    let (rules, listed) = (rules(), listed());
    let all = LabelSelector::default();
    for (json, expected) in [
        // An object without the key matches no list of values.
        (
            r#"{"matchExpressions": [{"key": "role", "operator": "NotIn", "values": ["other"]}]}"#,
            &["apps/bare", "apps/shop", "monitoring/k8s"][..],
        ),
        (
            r#"{"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}"#,
            &["apps/bare", "monitoring/k8s", "monitoring/other"],
        ),
        (
            r#"{"matchExpressions": [{"key": "team", "operator": "Exists", "values": []}]}"#,
            &["apps/shop"],
        ),
        (
            r#"{"matchLabels": {}}"#,
            &[
                "apps/bare",
                "apps/shop",
                "monitoring/k8s",
                "monitoring/other",
            ],
        ),
        (
            r#"{"matchLabels": {"role": "rules"},
                "matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}"#,
            &["monitoring/k8s"],
        ),
        (
            r#"{"matchExpressions": [{"key": "role", "operator": "In", "values": ["other", "rules"]},
                {"key": "role", "operator": "NotIn", "values": ["other"]}]}"#,
            &["apps/shop", "monitoring/k8s"],
        ),
    ] {
        let desired: LabelSelector = parse(json);
        let found = select(&rules, &known(&listed), &pair(Some(&desired), Some(&all)));
        assert_eq!(names(&found), expected, "{json}");
    }
}

#[test]
fn empty_selection_reports_the_nearest_rules() {
    let (rules, listed) = (rules(), listed());
    let desired = selector(&[("role", "rules"), ("team", "a")]);
    let found = select(&rules, &known(&listed), &pair(Some(&desired), None));
    assert_eq!(names(&found), [""; 0]);
    let nearest: Vec<_> = found.nearest.iter().map(|c| c.key.to_string()).collect();
    assert_eq!(nearest, ["apps/shop", "monitoring/k8s", "monitoring/other"]);
    assert!(found.nearest[0].would_match_elsewhere);
    assert!(!found.nearest[1].would_match_elsewhere);
    assert_eq!(found.nearest[1].missing, ["team=a"]);

    let none = BTreeMap::new();
    let unset = select(&none, &known(&listed), &pair(Some(&desired), None));
    assert_eq!(unset, Selected::default());
}

#[test]
fn unevaluable_selector_selects_nothing_and_is_reported() {
    let (rules, listed) = (rules(), listed());
    let (all, team) = (LabelSelector::default(), selector(&[("team", "a")]));
    let odd = malformed();
    let by_name = selector(&[(kube_facts::namespaces::NAME_LABEL, "apps")]);

    let unreadable = Namespaces::default();
    let found = select(&rules, &unreadable, &pair(Some(&all), Some(&team)));
    assert_eq!(found.unusable, Some(Unusable::Unevaluable));
    assert_eq!((found.objects.len(), found.nearest.len()), (0, 0));
    let found = select(&rules, &unreadable, &pair(Some(&all), Some(&by_name)));
    assert_eq!(names(&found), ["apps/bare", "apps/shop"]);
    let found = select(&rules, &unreadable, &pair(None, Some(&team)));
    assert_eq!(found, Selected::default());

    for (selectors, field) in [
        (
            pair(Some(&odd), None),
            "spec.ruleSelector.matchExpressions[0].key: ",
        ),
        (
            pair(Some(&all), Some(&odd)),
            "spec.ruleNamespaceSelector.matchExpressions[0].key: ",
        ),
        (
            pair(None, Some(&odd)),
            "spec.ruleNamespaceSelector.matchExpressions[0].key: ",
        ),
    ] {
        let found = select(&rules, &known(&listed), &selectors);
        assert_eq!((found.objects.len(), found.nearest.len()), (0, 0));
        let unusable = found.unusable.unwrap();
        assert_eq!(unusable.reason(), "InvalidSelector");
        let text = unusable.describe("spec.ruleSelector", "spec.ruleNamespaceSelector");
        assert!(text.starts_with(field), "{text}");
    }
}

#[test]
fn only_changes_of_selected_rules_affect_the_selection() {
    let listed = listed();
    let (role, team) = (selector(&[("role", "rules")]), selector(&[("team", "a")]));
    let odd = malformed();
    let (yes, no) = (rule(&[("role", "rules")]), rule(&[("role", "x")]));
    let newer = RuleFacts {
        generation: 1,
        ..yes.clone()
    };
    for (namespace, old, new, expected) in [
        ("apps", None, Some(&yes), true),
        ("apps", Some(&yes), None, true),
        ("apps", Some(&yes), Some(&no), true),
        ("apps", Some(&no), Some(&yes), true),
        ("apps", Some(&yes), Some(&newer), true),
        ("apps", Some(&no), Some(&no), false),
        ("apps", None, None, false),
        ("monitoring", None, Some(&yes), false),
    ] {
        let selectors = pair(Some(&role), Some(&team));
        let changed = key(namespace, "x");
        let found = is_affected_by(&known(&listed), &selectors, &changed, old, new);
        assert_eq!(found, expected, "{namespace} {old:?} {new:?}");
    }
    let all = LabelSelector::default();
    for nothing in [pair(None, None), pair(Some(&all), Some(&odd))] {
        let changed = key("monitoring", "x");
        assert!(!is_affected_by(
            &known(&listed),
            &nothing,
            &changed,
            None,
            Some(&yes)
        ));
    }
    for (selectors, expected) in [
        (pair(Some(&all), None), false),
        (pair(Some(&all), Some(&all)), false),
        (pair(Some(&all), Some(&team)), true),
        (pair(None, Some(&team)), false),
    ] {
        assert_eq!(selectors.read_namespaces(), expected);
    }
}
