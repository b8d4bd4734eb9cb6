//! Which Prometheuses and ThanosRulers of Prometheus Operator evaluate a rule besides us. The
//! evidence is the rule files that Prometheus Operator generates for them: what is in one is
//! evaluated, and a selector says only what may be evaluated soon.

use std::collections::{BTreeMap, HashMap};

use crate::caps::Kind;
use crate::model::{
    GeneratedFor, GeneratedRulesFacts, PrometheusFacts, RuleFacts, RuleNames, ThanosRulerFacts,
};
use crate::selection::Selectors;
use kube_facts::Key;
use kube_facts::namespaces::{Membership, Namespaces};
use kube_facts::selector;

/// A Prometheus, or a ThanosRuler of Prometheus Operator.
pub type Evaluator<'a> = (Kind, &'a Key);

/// Who else evaluates a PrometheusRule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap<'a> {
    /// Those whose rule files have a file of it.
    pub evaluated_by: Vec<Evaluator<'a>>,
    /// The rules of these files.
    pub rules: RuleNames,
    /// Those that select it, and whose rule files do not have it.
    pub selected_by: Vec<Evaluator<'a>>,
    /// Whether one more may select it: that depends on labels of namespaces that may not be read.
    pub may_be_selected: bool,
}

impl Overlap<'_> {
    /// Whether Prometheus Operator may add it to the rule files of one more.
    #[must_use]
    pub fn may_follow(&self) -> bool {
        self.may_be_selected || !self.selected_by.is_empty()
    }
}

/// All that can evaluate rules besides us.
#[derive(Clone, Debug)]
pub struct Evaluators<'a> {
    selecting: Vec<Selecting<'a>>,
    /// Who has which rule file, by its name.
    files: HashMap<&'a str, Vec<(Evaluator<'a>, &'a RuleNames)>>,
    namespaces: Namespaces<'a>,
    /// The namespace of the last rule, for which each evaluator knows whether it selects there. Views
    /// are sorted by namespace, so this is seldom computed anew.
    namespace: Option<String>,
}

#[derive(Clone, Debug)]
struct Selecting<'a> {
    evaluator: Evaluator<'a>,
    selectors: Selectors<'a>,
    membership: Membership,
}

impl<'a> Evaluators<'a> {
    /// Those among these resources. Of a kind that may not be read (`None`) every resource counts
    /// that has rule files; the view of a kind that does not exist is empty.
    #[must_use]
    pub fn of(
        prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
        rulers: Option<&'a BTreeMap<Key, ThanosRulerFacts>>,
        generated: &'a BTreeMap<Key, GeneratedRulesFacts>,
        namespaces: Namespaces<'a>,
    ) -> Self {
        let runs = |it: &GeneratedFor| match it.kind {
            Kind::Prometheus => prometheuses.is_none_or(|all| {
                let facts = all.get(&it.key).filter(|facts| prometheus_runs(facts));
                facts.is_some_and(|facts| is_same(&facts.uid, &it.uid))
            }),
            _ => rulers.is_none_or(|all| {
                let facts = all.get(&it.key).filter(|facts| ruler_runs(facts));
                facts.is_some_and(|facts| is_same(&facts.uid, &it.uid))
            }),
        };
        let mut files: HashMap<&str, Vec<(Evaluator<'_>, &RuleNames)>> = HashMap::new();
        for facts in generated.values() {
            if let Some(it) = facts.evaluator.as_ref().filter(|it| runs(it)) {
                for (name, rules) in &facts.files {
                    let has = ((it.kind, &it.key), rules);
                    files.entry(name).or_default().push(has);
                }
            }
        }
        let by_prometheus = prometheuses
            .into_iter()
            .flatten()
            .filter_map(|(key, facts)| {
                Selecting::new(Kind::Prometheus, key, of_prometheus(&key.namespace, facts)?)
            });
        let by_ruler = rulers.into_iter().flatten().filter_map(|(key, facts)| {
            Selecting::new(Kind::ThanosRuler, key, of_ruler(&key.namespace, facts)?)
        });
        Self {
            selecting: by_prometheus.chain(by_ruler).collect(),
            files,
            namespaces,
            namespace: None,
        }
    }

    /// Who else evaluates one rule. Cheapest for rules in the order of their keys.
    pub fn of_rule(&mut self, key: &Key, facts: &RuleFacts) -> Overlap<'a> {
        self.enter(&key.namespace);
        let Key { namespace, name } = key;
        let file = format!("{namespace}-{name}-{}.yaml", facts.uid);
        let found = self.files.get(file.as_str()).into_iter();
        let mut overlap = Overlap {
            evaluated_by: Vec::new(),
            rules: RuleNames::of([]),
            selected_by: Vec::new(),
            may_be_selected: false,
        };
        for (evaluator, rules) in found.flatten() {
            overlap.rules = match overlap.evaluated_by.is_empty() {
                true => (*rules).clone(),
                false => overlap.rules.union(rules),
            };
            overlap.evaluated_by.push(*evaluator);
        }
        overlap.evaluated_by.sort_unstable();
        overlap.evaluated_by.dedup();
        for it in &self.selecting {
            if it.membership == Membership::Out
                || overlap.evaluated_by.contains(&it.evaluator)
                || !it.selects(facts)
            {
                continue;
            }
            match it.membership {
                Membership::In => overlap.selected_by.push(it.evaluator),
                _ => overlap.may_be_selected = true,
            }
        }
        overlap
    }

    fn enter(&mut self, namespace: &str) {
        if self.namespace.as_deref() != Some(namespace) {
            self.namespace = Some(namespace.to_owned());
            let place = self.namespaces.place(namespace);
            for it in &mut self.selecting {
                it.membership = it.selectors.look_in(&place);
            }
        }
    }
}

impl<'a> Selecting<'a> {
    /// `None` if it selects nothing, or if a selector is malformed: Prometheus Operator rejects the
    /// whole resource then.
    fn new(kind: Kind, key: &'a Key, selectors: Selectors<'a>) -> Option<Self> {
        let selects = selectors.objects.is_some() && selectors.are_well_formed();
        selects.then_some(Self {
            evaluator: (kind, key),
            selectors,
            membership: Membership::Out,
        })
    }

    fn selects(&self, facts: &RuleFacts) -> bool {
        selector::selects(self.selectors.objects, &facts.labels)
    }
}

/// Whether a resource is the owner of a ConfigMap, and not one of the same name that was deleted. One from
/// a file may have no UID.
fn is_same(uid: &str, owner: &str) -> bool {
    uid.is_empty() || uid == owner
}

/// Whether a change of one Prometheus can change who evaluates what.
#[must_use]
pub fn prometheus_affects(old: Option<&PrometheusFacts>, new: Option<&PrometheusFacts>) -> bool {
    prometheus_inputs(old) != prometheus_inputs(new)
}

/// What decisions depend on; `None` if it has no pods.
fn prometheus_inputs(facts: Option<&PrometheusFacts>) -> Option<(&str, Option<Selectors<'_>>)> {
    let facts = facts.filter(|facts| prometheus_runs(facts))?;
    Some((&facts.uid, of_prometheus("", facts)))
}

/// Whether a change of one ThanosRuler of Prometheus Operator can change who evaluates what.
#[must_use]
pub fn ruler_affects(old: Option<&ThanosRulerFacts>, new: Option<&ThanosRulerFacts>) -> bool {
    ruler_inputs(old) != ruler_inputs(new)
}

fn ruler_inputs(facts: Option<&ThanosRulerFacts>) -> Option<(&str, Option<Selectors<'_>>)> {
    let facts = facts.filter(|facts| ruler_runs(facts))?;
    Some((&facts.uid, of_ruler("", facts)))
}

/// Whether a Prometheus has pods, as its spec says, and these load its rule files: only where Prometheus
/// Operator writes the configuration does it name them.
fn prometheus_runs(facts: &PrometheusFacts) -> bool {
    facts.replicas > 0 && facts.shards > 0 && facts.is_managed
}

/// Whether a ThanosRuler of Prometheus Operator has pods, as its spec says. Without queriers
/// Prometheus Operator creates none.
fn ruler_runs(facts: &ThanosRulerFacts) -> bool {
    facts.replicas > 0 && facts.has_queriers
}

/// What a Prometheus in namespace `own` selects, if it has pods and selects anything.
fn of_prometheus<'a>(own: &'a str, facts: &'a PrometheusFacts) -> Option<Selectors<'a>> {
    let objects = Some(facts.rule_selector.as_ref()?);
    prometheus_runs(facts).then_some(Selectors {
        own,
        objects,
        namespaces: facts.rule_namespace_selector.as_ref(),
    })
}

/// What a ThanosRuler in namespace `own` selects, if it has pods and selects anything.
fn of_ruler<'a>(own: &'a str, facts: &'a ThanosRulerFacts) -> Option<Selectors<'a>> {
    let objects = Some(facts.rule_selector.as_ref()?);
    ruler_runs(facts).then_some(Selectors {
        own,
        objects,
        namespaces: facts.rule_namespace_selector.as_ref(),
    })
}

#[cfg(test)]
#[path = "overlap_tests.rs"]
mod tests;
