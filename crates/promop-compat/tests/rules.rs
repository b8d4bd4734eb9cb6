//! Selection and overlap of rules against the oracle.

mod generate;
mod oracle;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use generate::{NAMESPACES, keyed, labels, namespace_selectors, namespaces, selectors};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_facts::namespaces::Namespaces;
use kube_facts::optional::OptionalKind;
use kube_facts::{Key, Labels, NamespaceFacts};
use oracle::rules::{Answer, Holder, answer, is_valid, nearest};
use promop_compat::kind;
use promop_compat::model::{
    GeneratedFor, GeneratedRulesFacts, PrometheusFacts, RuleFacts, RuleName, RuleNames,
    ThanosRulerFacts,
};
use promop_compat::rules::{Evaluators, is_affected_by, select as select_rules};
use promop_compat::selection::{Selectors, Unusable};
use proptest::collection::{btree_set, vec};
use proptest::option::weighted;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;

const CASES: u32 = 10_000;

/// Known namespaces: existing and watched ones.
#[derive(Clone, Debug)]
struct Known {
    listed: Option<BTreeMap<Key, NamespaceFacts>>,
    watched: Option<BTreeSet<String>>,
}

impl Known {
    fn get(&self) -> Namespaces<'_> {
        Namespaces {
            listed: self.listed.as_ref(),
            watched: self.watched.as_ref(),
        }
    }
}

fn known() -> impl Strategy<Value = Known> {
    let name = select(NAMESPACES.to_vec()).prop_map(str::to_owned);
    // Some namespaces may be deleted.
    let listed = (namespaces(), weighted(0.1, select(NAMESPACES.to_vec())));
    let listed = listed.prop_map(|(mut all, deleted)| {
        if let Some(deleted) = deleted {
            all.remove(&Key::new("", deleted));
        }
        all
    });
    let watched = weighted(0.15, btree_set(name, 1..3));
    (weighted(0.75, listed), watched).prop_map(|(listed, watched)| Known { listed, watched })
}

fn rule() -> impl Strategy<Value = RuleFacts> {
    labels().prop_map(|labels| RuleFacts {
        labels,
        ..Default::default()
    })
}

fn rules() -> impl Strategy<Value = BTreeMap<Key, RuleFacts>> {
    keyed(&["r1", "r2", "r3"], rule(), 0..8)
}

type Pair = (Option<LabelSelector>, Option<LabelSelector>);

fn pair() -> impl Strategy<Value = Pair> {
    (
        weighted(0.9, selectors()),
        weighted(0.75, namespace_selectors()),
    )
}

fn holder<'a>(namespace: &'a str, pair: &'a Pair) -> Holder<'a> {
    Holder {
        namespace,
        objects: pair.0.as_ref(),
        namespaces: pair.1.as_ref(),
    }
}

fn written<'a>(own: &'a str, pair: &'a Pair) -> Selectors<'a> {
    Selectors {
        own,
        objects: pair.0.as_ref(),
        namespaces: pair.1.as_ref(),
    }
}

fn count(counts: &Cell<[u32; 6]>, i: usize) {
    let mut now = counts.get();
    now[i] += 1;
    counts.set(now);
}

fn assert_covered(counts: &Cell<[u32; 6]>) {
    assert!(counts.get().iter().all(|n| *n > 100), "{counts:?}");
}

#[test]
fn rule_selection_equals_the_oracle() {
    let counts = Cell::new([0; 6]);
    let own = select(NAMESPACES.to_vec());
    generate::runner(CASES)
        .run(
            &(rules(), known(), own, pair()),
            |(rules, known, own, pair)| {
                let known = known.get();
                let holder = holder(own, &pair);
                let found = select_rules(&rules, &known, &written(own, &pair));

                let of = |desired: Answer| {
                    let all = rules.iter().filter(|(key, facts)| {
                        answer(&known, &holder, &key.namespace, &facts.labels) == desired
                    });
                    all.map(|(key, _)| key.clone()).collect::<Vec<_>>()
                };
                let expected = of(Answer::Selected);
                let keys: Vec<Key> = found
                    .objects
                    .iter()
                    .map(|(key, _)| (*key).clone())
                    .collect();
                let unevaluable = found.unusable == Some(Unusable::Unevaluable);
                if unevaluable {
                    // Parts that are decided by name or limit alone are not selected either.
                    assert_eq!(keys, []);
                    assert!(known.listed.is_none());
                } else {
                    assert_eq!(keys, expected);
                    assert_eq!(of(Answer::Unknown), []);
                }
                assert_eq!(found.unusable.is_some() && !unevaluable, !is_valid(&holder));

                let labels: BTreeMap<Key, Labels> = rules
                    .iter()
                    .map(|(key, facts)| (key.clone(), facts.labels.clone()))
                    .collect();
                let expected = match keys.is_empty() && found.unusable.is_none() {
                    true => nearest(&known, &holder, &labels),
                    false => Vec::new(),
                };
                let candidates = found.nearest.iter();
                let candidates: Vec<_> = candidates
                    .map(|c| (c.key.clone(), c.would_match_elsewhere))
                    .collect();
                assert_eq!(candidates, expected);

                count(
                    &counts,
                    match (&found.unusable, keys.len(), candidates.len()) {
                        (Some(Unusable::Unevaluable), ..) => 0,
                        (Some(_), ..) => 1,
                        (None, 0, 0) => 2,
                        (None, 0, _) => 3,
                        (None, 1, _) => 4,
                        (None, ..) => 5,
                    },
                );
                Ok(())
            },
        )
        .unwrap();
    assert_covered(&counts);
}

#[test]
fn changes_are_reported_for_affected_selections() {
    let counts = Cell::new([0; 6]);
    let place = (select(NAMESPACES.to_vec()), select(NAMESPACES.to_vec()));
    let change = (weighted(0.7, rule()), weighted(0.7, rule()));
    generate::runner(CASES)
        .run(
            &(change, known(), place, pair()),
            |((old, new), known, (own, there), pair)| {
                let known = known.get();
                let holder = holder(own, &pair);
                let key = Key::new(there, "r");
                let found = is_affected_by(
                    &known,
                    &written(own, &pair),
                    &key,
                    old.as_ref(),
                    new.as_ref(),
                );
                let selected = |facts: &Option<RuleFacts>| {
                    facts.as_ref().is_some_and(|facts| {
                        answer(&known, &holder, there, &facts.labels) == Answer::Selected
                    })
                };
                let (before, after) = (selected(&old), selected(&new));
                assert_eq!(found, before || after);
                let both = old.is_some() && new.is_some();
                count(&counts, usize::from(found) + 2 * usize::from(both));
                count(&counts, 4 + usize::from(before && after));
                Ok(())
            },
        )
        .unwrap();
    assert_covered(&counts);
}

/// UIDs of resources and owners.
fn uid() -> impl Strategy<Value = String> {
    select(vec!["", "old", "new", "new", "new"]).prop_map(str::to_owned)
}

fn prometheus() -> impl Strategy<Value = PrometheusFacts> {
    let size = (select(vec![0, 1, 1, 2, 3]), select(vec![0, 1, 1, 1, 2]));
    (uid(), size, pair()).prop_map(|(uid, (replicas, shards), pair)| PrometheusFacts {
        is_managed: uid != "old",
        uid,
        replicas,
        shards,
        rule_selector: pair.0,
        rule_namespace_selector: pair.1,
        ..Default::default()
    })
}

fn ruler() -> impl Strategy<Value = ThanosRulerFacts> {
    let size = (select(vec![0, 1, 1, 2]), select(vec![false, true, true]));
    (uid(), size, pair()).prop_map(|(uid, (replicas, has_queriers), pair)| ThanosRulerFacts {
        uid,
        replicas,
        has_queriers,
        rule_selector: pair.0,
        rule_namespace_selector: pair.1,
        ..Default::default()
    })
}

/// ConfigMaps of some evaluators, each with the file of some rules.
fn generated() -> impl Strategy<Value = BTreeMap<Key, GeneratedRulesFacts>> {
    let owner = select(vec![
        (kind::PROMETHEUS, "p1"),
        (kind::PROMETHEUS, "p2"),
        (kind::THANOS_RULER, "t1"),
    ]);
    let place = select(NAMESPACES.to_vec());
    // Rule, whether the file name has a UID (empty here), and alerts.
    let rule = (select(NAMESPACES.to_vec()), select(vec!["r1", "r2", "r3"]));
    let file = (rule, any::<bool>(), btree_set(0..3_usize, 0..3));
    let map = (owner, place, vec(file, 0..6), weighted(0.95, uid()));
    vec(map, 0..6).prop_map(|maps| {
        let map = |(i, ((kind, name), place, files, owner)): (usize, (_, _, Vec<_>, Option<_>))| {
            let file = |(rule, has_uid, alerts): ((&str, &str), bool, BTreeSet<usize>)| {
                let uid = if has_uid { "-" } else { "" };
                let alerts = alerts.iter().map(|i| RuleName::Alert(ALERTS[*i]));
                (
                    format!("{}-{}{uid}.yaml", rule.0, rule.1),
                    RuleNames::of(alerts),
                )
            };
            let files = files.into_iter().map(file);
            let facts = GeneratedRulesFacts {
                evaluator: owner.map(|uid| GeneratedFor {
                    kind,
                    key: Key::new(place, name),
                    uid,
                }),
                files: files.collect(),
            };
            (Key::new(place, format!("map-{i}")), facts)
        };
        maps.into_iter().enumerate().map(map).collect()
    })
}

const ALERTS: [&str; 3] = ["A", "B", "C"];

#[test]
fn overlap_equals_the_oracle() {
    let counts = Cell::new([0; 6]);
    let evaluators = (
        weighted(0.9, keyed(&["p1", "p2"], prometheus(), 0..4)),
        weighted(0.9, keyed(&["t1", "t2"], ruler(), 0..3)),
    );
    generate::runner(CASES)
        .run(
            &(rules(), known(), evaluators, generated()),
            |(rules, known, (prometheuses, rulers), generated)| {
                let known = known.get();
                let mut all =
                    Evaluators::of(prometheuses.as_ref(), rulers.as_ref(), &generated, known);
                // In any order: reverse order gives the same result.
                for (key, facts) in rules.iter().chain(rules.iter().rev()) {
                    let runs = |kind, at: &Key| match kind {
                        kind::PROMETHEUS => prometheuses.as_ref().is_none_or(|all| {
                            all.get(at)
                                .is_some_and(|p| p.replicas * p.shards > 0 && p.is_managed)
                        }),
                        _ => rulers.as_ref().is_none_or(|all| {
                            all.get(at)
                                .is_some_and(|r| r.replicas > 0 && r.has_queriers)
                        }),
                    };
                    let mut evaluating = BTreeSet::new();
                    let mut alerts = BTreeSet::new();
                    for map in generated.values() {
                        let Some(GeneratedFor { kind, key: at, uid }) = &map.evaluator else {
                            continue;
                        };
                        let live = match *kind {
                            kind::PROMETHEUS => prometheuses
                                .as_ref()
                                .map(|all| all.get(at).map(|it| &it.uid)),
                            _ => rulers.as_ref().map(|all| all.get(at).map(|it| &it.uid)),
                        };
                        // Either unknown, or equal.
                        let is_same = live.is_none_or(|live| {
                            live.is_some_and(|live| live.is_empty() || live == uid)
                        });
                        for (file, names) in &map.files {
                            let is_it = *file == format!("{}-{}-.yaml", key.namespace, key.name);
                            if is_it && is_same && runs(*kind, at) {
                                evaluating.insert((*kind, at.clone()));
                                let has = |alert: &&&str| names.contains(RuleName::Alert(alert));
                                alerts.extend(ALERTS.iter().filter(has));
                            }
                        }
                    }
                    let mut sure = BTreeSet::new();
                    let mut perhaps = false;
                    let mut hold = |kind, holder: &Key, pair: Pair| {
                        let at = (kind, holder.clone());
                        if evaluating.contains(&at) || !runs(kind, holder) {
                            return;
                        }
                        let holding = self::holder(&holder.namespace, &pair);
                        match answer(&known, &holding, &key.namespace, &facts.labels) {
                            Answer::Selected => _ = sure.insert(at),
                            Answer::Unknown => perhaps = true,
                            Answer::NotSelected => {}
                        }
                    };
                    for (holder, facts) in prometheuses.iter().flatten() {
                        let pair = (
                            facts.rule_selector.clone(),
                            facts.rule_namespace_selector.clone(),
                        );
                        hold(kind::PROMETHEUS, holder, pair);
                    }
                    for (holder, facts) in rulers.iter().flatten() {
                        let pair = (
                            facts.rule_selector.clone(),
                            facts.rule_namespace_selector.clone(),
                        );
                        hold(kind::THANOS_RULER, holder, pair);
                    }
                    let found = all.of_rule(key, facts);
                    let owned = |all: Vec<(OptionalKind, &Key)>| -> Vec<(OptionalKind, Key)> {
                        all.into_iter()
                            .map(|(kind, key)| (kind, key.clone()))
                            .collect()
                    };
                    let found_alerts = ALERTS
                        .iter()
                        .filter(|a| found.rules.contains(RuleName::Alert(a)));
                    assert_eq!(found_alerts.collect::<BTreeSet<_>>(), alerts);
                    assert_eq!(found.may_be_selected, perhaps);
                    assert_eq!(
                        owned(found.selected_by),
                        sure.iter().cloned().collect::<Vec<_>>()
                    );
                    let by = owned(found.evaluated_by);
                    assert_eq!(by, evaluating.iter().cloned().collect::<Vec<_>>());
                    let which = match (by.len(), sure.len(), perhaps) {
                        (0, 0, false) => 0,
                        (0, 0, true) => 1,
                        (0, ..) => 2,
                        (1, 0, _) => 3,
                        (1, ..) => 4,
                        _ => 5,
                    };
                    count(&counts, which);
                }
                Ok(())
            },
        )
        .unwrap();
    assert_covered(&counts);
}
