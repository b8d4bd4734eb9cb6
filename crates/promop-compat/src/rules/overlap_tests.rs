use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::*;
use crate::model::RuleName;
use kube_facts::Labels;
use kube_facts::testing::{key, labels, malformed, namespaces, selector};

fn prometheus(selects: &LabelSelector, namespaces: Option<&LabelSelector>) -> PrometheusFacts {
    PrometheusFacts {
        uid: "p".to_owned(),
        replicas: 1,
        shards: 1,
        is_managed: true,
        rule_selector: Some(selects.clone()),
        rule_namespace_selector: namespaces.cloned(),
        ..Default::default()
    }
}

fn ruler(selects: &LabelSelector, namespaces: Option<&LabelSelector>) -> ThanosRulerFacts {
    ThanosRulerFacts {
        uid: "r".to_owned(),
        replicas: 1,
        has_queriers: true,
        rule_selector: Some(selects.clone()),
        rule_namespace_selector: namespaces.cloned(),
        ..Default::default()
    }
}

/// ConfigMap of this evaluator with the alert `A` of the rule `apps/x`.
fn generated(kind: OptionalKind, evaluator: &str) -> (Key, GeneratedRulesFacts) {
    let (namespace, name) = evaluator.split_once('/').unwrap();
    let names = RuleNames::of([RuleName::Alert("A")]);
    let facts = GeneratedRulesFacts {
        evaluator: Some(GeneratedFor {
            kind,
            key: key(namespace, name),
            uid: name.to_owned(),
        }),
        files: BTreeMap::from([("apps-x-uid.yaml".to_owned(), names)]),
    };
    (key(namespace, &format!("{}-{name}", kind.name)), facts)
}

/// Evaluators of the rule `apps/x` with these labels.
fn evaluated(
    prometheuses: Option<&[(&str, PrometheusFacts)]>,
    rulers: Option<&[(&str, ThanosRulerFacts)]>,
    evidence: &[(OptionalKind, &str)],
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
    let evidence = evidence.iter().map(|(kind, name)| generated(*kind, name));
    let evidence = evidence.collect();
    let mut all = Evaluators::of(
        prometheuses.as_ref(),
        rulers.as_ref(),
        &evidence,
        namespaces,
    );
    let facts = RuleFacts {
        uid: "uid".to_owned(),
        labels: of.clone(),
        ..Default::default()
    };
    let written = |all: Vec<Evaluator<'_>>| {
        let all = all.iter().map(|(kind, key)| format!("{} {key}", kind.name));
        all.collect::<Vec<_>>().join(", ")
    };
    let found = all.of_rule(&key("apps", "x"), &facts);
    let has_alert = found.rules.contains(RuleName::Alert("A"));
    assert_eq!(has_alert, !found.evaluated_by.is_empty());
    format!(
        "by {}; selected by {}{}",
        written(found.evaluated_by),
        written(found.selected_by),
        if found.may_be_selected {
            " or more"
        } else {
            ""
        }
    )
}

fn view<F: Clone>(of: &[(&str, F)]) -> BTreeMap<Key, F> {
    let all = of.iter().map(|(path, facts)| {
        let (namespace, name) = path.split_once('/').unwrap();
        (key(namespace, name), facts.clone())
    });
    all.collect()
}

#[test]
fn evaluators_are_those_whose_rule_files_contain_the_rule() {
    let all = LabelSelector::default();
    let role = selector(&[("role", "rules")]);
    let other = prometheus(&selector(&[("role", "x")]), Some(&all));
    let prometheuses = [
        ("z/p", prometheus(&role, Some(&all))),
        ("apps/p", prometheus(&all, None)),
        ("a/elsewhere", prometheus(&all, None)),
        ("a/p", other),
    ];
    let team = selector(&[("team", "a")]);
    let rulers = [("b/r", ruler(&all, Some(&team)))];
    let of = |evidence: &[(OptionalKind, &str)]| {
        let labels = self::labels(&[("role", "rules")]);
        evaluated(Some(&prometheuses), Some(&rulers), evidence, true, &labels)
    };
    let none = "by ; selected by Prometheus apps/p, Prometheus z/p, ThanosRuler b/r";
    assert_eq!(of(&[]), none);
    let (p, r) = ((kind::PROMETHEUS, "z/p"), (kind::THANOS_RULER, "b/r"));
    assert_eq!(
        of(&[p, r]),
        "by Prometheus z/p, ThanosRuler b/r; selected by Prometheus apps/p"
    );
    // Evidence takes precedence over the selectors, which Prometheus Operator has evaluated
    // already.
    assert_eq!(
        of(&[(kind::PROMETHEUS, "a/p")]),
        "by Prometheus a/p; selected by Prometheus apps/p, Prometheus z/p, ThanosRuler b/r"
    );
    // One that was deleted before it was recreated with the same name.
    let anew = PrometheusFacts {
        uid: "anew".to_owned(),
        ..prometheus(&role, Some(&all))
    };
    let labels = self::labels(&[("role", "rules")]);
    let found = evaluated(Some(&[("z/p", anew)]), Some(&[]), &[p], true, &labels);
    assert_eq!(found, "by ; selected by Prometheus z/p");
    // A deleted Prometheus, or one of the same name in another namespace or of another kind.
    assert_eq!(
        of(&[(kind::PROMETHEUS, "deleted/p"), (kind::THANOS_RULER, "z/p")]),
        none
    );
}

#[test]
fn resources_without_pods_or_rule_files_evaluate_nothing() {
    let all = LabelSelector::default();
    let nothing = "by ; selected by ";
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
            is_managed: false,
            ..prometheus(&all, None)
        },
    ] {
        let of = [("apps/p", facts)];
        let evidence = [(kind::PROMETHEUS, "apps/p")];
        let found = evaluated(Some(&of), Some(&[]), &evidence, true, &labels(&[]));
        assert_eq!(found, nothing, "{of:?}");
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
    ] {
        let of = [("apps/r", facts)];
        let evidence = [(kind::THANOS_RULER, "apps/r")];
        let found = evaluated(Some(&[]), Some(&of), &evidence, true, &labels(&[]));
        assert_eq!(found, nothing, "{of:?}");
    }
}

#[test]
fn malformed_or_missing_selector_selects_nothing() {
    let all = LabelSelector::default();
    let odd = malformed();
    for facts in [
        PrometheusFacts {
            rule_selector: None,
            ..prometheus(&all, Some(&all))
        },
        prometheus(&odd, None),
        prometheus(&all, Some(&odd)),
    ] {
        let of = [("apps/p", facts)];
        let found = evaluated(Some(&of), Some(&[]), &[], true, &labels(&[]));
        assert_eq!(found, "by ; selected by ", "{of:?}");
    }
}

#[test]
fn rule_files_are_evidence_without_other_permissions() {
    let (all, team) = (LabelSelector::default(), selector(&[("team", "a")]));
    let by_team = [("z/p", prometheus(&all, Some(&team)))];
    let of = |prometheuses, evidence: &[_], readable| {
        evaluated(prometheuses, Some(&[]), evidence, readable, &labels(&[]))
    };
    let p = [(kind::PROMETHEUS, "z/p")];
    assert_eq!(of(Some(&by_team), &[], false), "by ; selected by  or more");
    assert_eq!(
        of(Some(&by_team), &[], true),
        "by ; selected by Prometheus z/p"
    );
    assert_eq!(
        of(Some(&by_team), &p, false),
        "by Prometheus z/p; selected by "
    );
    assert_eq!(of(None, &p, false), "by Prometheus z/p; selected by ");
    assert_eq!(of(None, &[], false), "by ; selected by ");
}

#[test]
fn only_changes_of_selection_affect_the_overlap() {
    let (all, role) = (LabelSelector::default(), selector(&[("role", "rules")]));
    let now = prometheus(&all, None);
    let is_affected_by = |new: &PrometheusFacts| prometheus_affects(Some(&now), Some(new));
    let scaled = |replicas| PrometheusFacts {
        replicas,
        ..now.clone()
    };
    assert!(!is_affected_by(&now));
    assert!(!is_affected_by(&scaled(2)));
    assert!(is_affected_by(&scaled(0)));
    assert!(is_affected_by(&prometheus(&role, None)));
    assert!(is_affected_by(&prometheus(&all, Some(&all))));
    assert!(prometheus_affects(Some(&now), None));
    assert!(!prometheus_affects(Some(&scaled(0)), None));
    assert!(!prometheus_affects(None, Some(&PrometheusFacts::default())));

    let now = ruler(&all, None);
    assert!(!ruler_affects(Some(&now), Some(&now)));
    assert!(ruler_affects(None, Some(&now)));
    assert!(!ruler_affects(None, Some(&ThanosRulerFacts::default())));
}
