use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::*;
use crate::model::Labels;
use crate::testing::{key, labels, malformed, namespaces, selector};

fn prometheus(selects: &LabelSelector, looks: Option<&LabelSelector>) -> PrometheusFacts {
    PrometheusFacts {
        replicas: 1,
        shards: 1,
        rule_selector: Some(selects.clone()),
        rule_namespace_selector: looks.cloned(),
        ..Default::default()
    }
}

fn ruler(selects: &LabelSelector, looks: Option<&LabelSelector>) -> ThanosRulerFacts {
    ThanosRulerFacts {
        replicas: 1,
        has_queriers: true,
        rule_selector: Some(selects.clone()),
        rule_namespace_selector: looks.cloned(),
        ..Default::default()
    }
}

/// Who evaluates the rule `apps/x` with these labels.
fn evaluated(
    prometheuses: Option<&[(&str, PrometheusFacts)]>,
    rulers: Option<&[(&str, ThanosRulerFacts)]>,
    readable: bool,
    of: &Labels,
) -> String {
    let listed = namespaces(&[("apps", &[("team", "a")]), ("monitoring", &[])]);
    let namespaces = Namespaces {
        listed: readable.then_some(&listed),
        watched: None,
    };
    let prometheuses = prometheuses.map(view);
    let rulers = rulers.map(view);
    let mut all = Evaluators::of(prometheuses.as_ref(), rulers.as_ref(), namespaces);
    let facts = RuleFacts {
        labels: of.clone(),
        ..Default::default()
    };
    let written = |kind: Kind, key: &Key| format!("{} {key}", kind.name());
    match all.of_rule(&key("apps", "x"), &facts) {
        Evaluated::By(by) => {
            let by: Vec<_> = by.into_iter().map(|(k, key)| written(k, key)).collect();
            by.join(", ")
        }
        Evaluated::Nowhere => "nowhere".to_owned(),
        Evaluated::Unknown(Unknown::Namespaces(kind, key)) => {
            format!("perhaps {}", written(kind, key))
        }
        Evaluated::Unknown(Unknown::Kind(kind)) => format!("unreadable {}", kind.name()),
    }
}

fn view<F: Clone>(of: &[(&str, F)]) -> BTreeMap<Key, F> {
    let all = of.iter().map(|(path, facts)| {
        let (namespace, name) = path.split_once('/').unwrap();
        (key(namespace, name), facts.clone())
    });
    all.collect()
}

#[test]
fn all_that_select_a_rule_evaluate_it() {
    let all = LabelSelector::default();
    let role = selector(&[("role", "rules")]);
    let found = evaluated(
        Some(&[
            ("z/p", prometheus(&role, Some(&all))),
            ("apps/p", prometheus(&all, None)),
            ("a/elsewhere", prometheus(&all, None)),
            (
                "a/other",
                prometheus(&selector(&[("role", "x")]), Some(&all)),
            ),
        ]),
        Some(&[("b/r", ruler(&all, Some(&selector(&[("team", "a")]))))]),
        true,
        &labels(&[("role", "rules")]),
    );
    assert_eq!(found, "Prometheus apps/p, Prometheus z/p, ThanosRuler b/r");
}

#[test]
fn what_has_no_pods_or_a_malformed_selector_evaluates_nothing() {
    let all = LabelSelector::default();
    let odd = malformed();
    let of = |facts| Some([("apps/p", facts)]);
    for facts in [
        PrometheusFacts {
            replicas: 0,
            ..prometheus(&all, None)
        },
        PrometheusFacts {
            shards: 0,
            ..prometheus(&all, None)
        },
        PrometheusFacts {
            rule_selector: None,
            ..prometheus(&all, Some(&all))
        },
        prometheus(&odd, None),
        prometheus(&all, Some(&odd)),
    ] {
        let of = of(facts);
        let found = evaluated(
            of.as_ref().map(|all| &all[..]),
            Some(&[]),
            true,
            &labels(&[]),
        );
        assert_eq!(found, "nowhere", "{of:?}");
    }
    for facts in [
        ThanosRulerFacts {
            replicas: 0,
            ..ruler(&all, None)
        },
        ThanosRulerFacts {
            has_queriers: false,
            ..ruler(&all, None)
        },
        ruler(&odd, None),
    ] {
        let found = evaluated(Some(&[]), Some(&[("apps/r", facts)]), true, &labels(&[]));
        assert_eq!(found, "nowhere");
    }
}

#[test]
fn what_cannot_be_told_is_not_guessed() {
    let (all, team) = (LabelSelector::default(), selector(&[("team", "a")]));
    let none = labels(&[]);
    let by_team = ("z/p", prometheus(&all, Some(&team)));
    let sure = ("z/sure", prometheus(&all, Some(&all)));
    let one = [by_team.clone()];
    let two = [by_team, sure];
    let of = |prometheuses, rulers, readable| evaluated(prometheuses, rulers, readable, &none);
    assert_eq!(of(Some(&one), Some(&[]), false), "perhaps Prometheus z/p");
    assert_eq!(of(Some(&one), Some(&[]), true), "Prometheus z/p");
    assert_eq!(of(Some(&two), Some(&[]), false), "Prometheus z/sure");
    assert_eq!(of(Some(&two), None, false), "Prometheus z/sure");
    assert_eq!(of(Some(&[]), None, true), "unreadable ThanosRuler");
    assert_eq!(of(None, Some(&[]), true), "unreadable Prometheus");
    let ruler = [("apps/r", ruler(&all, None))];
    assert_eq!(of(None, Some(&ruler), true), "ThanosRuler apps/r");
    let narrow = [("z/p", prometheus(&selector(&[("a", "b")]), Some(&team)))];
    assert_eq!(of(Some(&narrow), Some(&[]), false), "nowhere");
}

#[test]
fn only_changes_of_who_selects_what_matter() {
    let (all, role) = (LabelSelector::default(), selector(&[("role", "rules")]));
    let now = prometheus(&all, None);
    let affects = |new: &PrometheusFacts| prometheus_affects(Some(&now), Some(new));
    let scaled = |replicas| PrometheusFacts {
        replicas,
        ..now.clone()
    };
    assert!(!affects(&now));
    assert!(!affects(&scaled(2)));
    assert!(affects(&scaled(0)));
    assert!(affects(&prometheus(&role, None)));
    assert!(affects(&prometheus(&all, Some(&all))));
    assert!(prometheus_affects(Some(&now), None));
    assert!(!prometheus_affects(Some(&scaled(0)), None));
    assert!(!prometheus_affects(None, Some(&PrometheusFacts::default())));

    let now = ruler(&all, None);
    assert!(!ruler_affects(Some(&now), Some(&now)));
    assert!(ruler_affects(None, Some(&now)));
    assert!(!ruler_affects(None, Some(&ThanosRulerFacts::default())));
}
