//! Prometheuses and ThanosRulers of Prometheus Operator that evaluate a rule as well. The evidence
//! is the rule files that Prometheus Operator generates: rules in them are evaluated, while a
//! selector only shows what may be evaluated soon. No IO.

use std::collections::{BTreeMap, HashMap};

use crate::kind;
use crate::model::{
    GeneratedFor, GeneratedRulesFacts, PrometheusFacts, RuleFacts, RuleNames, ThanosRulerFacts,
};
use crate::selection::Selectors;
use kube_facts::Key;
use kube_facts::namespaces::{Membership, Namespaces};
use kube_facts::optional::OptionalKind;
use kube_facts::selector;

/// A Prometheus, or a ThanosRuler of Prometheus Operator.
pub type Evaluator<'a> = (OptionalKind, &'a Key);

/// Other evaluators of a PrometheusRule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap<'a> {
    /// Evaluators whose rule files contain it.
    pub evaluated_by: Vec<Evaluator<'a>>,
    /// Rules in these files.
    pub rules: RuleNames,
    /// Evaluators that select it, but whose rule files do not contain it.
    pub selected_by: Vec<Evaluator<'a>>,
    /// Whether another evaluator may select it, depending on namespace labels that are not
    /// readable.
    pub may_be_selected: bool,
}

impl Overlap<'_> {
    /// Whether Prometheus Operator may add it to the rule files of another evaluator.
    #[must_use]
    pub fn may_follow(&self) -> bool {
        self.may_be_selected || !self.selected_by.is_empty()
    }
}

/// All other evaluators.
#[derive(Clone, Debug)]
pub struct Evaluators<'a> {
    selecting: Vec<Selecting<'a>>,
    /// Owner of each rule file, by file name.
    files: HashMap<&'a str, Vec<(Evaluator<'a>, &'a RuleNames)>>,
    namespaces: Namespaces<'a>,
    /// Namespace of the last rule, with the selection of each evaluator there. Stores are sorted by
    /// namespace, so it is seldom recomputed.
    namespace: Option<String>,
}

#[derive(Clone, Debug)]
struct Selecting<'a> {
    evaluator: Evaluator<'a>,
    selectors: Selectors<'a>,
    membership: Membership,
}

impl<'a> Evaluators<'a> {
    /// Evaluators among these resources. If a kind is not readable (`None`), every resource with
    /// rule files counts; the store of a missing CRD is empty.
    #[must_use]
    pub fn of(
        prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
        rulers: Option<&'a BTreeMap<Key, ThanosRulerFacts>>,
        generated: &'a BTreeMap<Key, GeneratedRulesFacts>,
        namespaces: Namespaces<'a>,
    ) -> Self {
        let runs = |it: &GeneratedFor| match it.kind {
            kind::PROMETHEUS => prometheuses.is_none_or(|all| {
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
                Selecting::new(kind::PROMETHEUS, key, of_prometheus(&key.namespace, facts)?)
            });
        let by_ruler = rulers.into_iter().flatten().filter_map(|(key, facts)| {
            Selecting::new(kind::THANOS_RULER, key, of_ruler(&key.namespace, facts)?)
        });
        Self {
            selecting: by_prometheus.chain(by_ruler).collect(),
            files,
            namespaces,
            namespace: None,
        }
    }

    /// Other evaluators of one rule. Cheapest for rules in the order of their keys.
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
                it.membership = it.selectors.membership_in(&place);
            }
        }
    }
}

impl<'a> Selecting<'a> {
    /// `None` if it selects nothing, or if a selector is malformed: Prometheus Operator rejects the
    /// whole resource then.
    fn new(kind: OptionalKind, key: &'a Key, selectors: Selectors<'a>) -> Option<Self> {
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

/// Whether a resource is the owner of a ConfigMap, and not a recreated one with the same name. A
/// resource from a file may have no UID.
fn is_same(uid: &str, owner: &str) -> bool {
    uid.is_empty() || uid == owner
}

/// Whether a change of one Prometheus can affect the overlap.
#[must_use]
pub fn prometheus_affects(old: Option<&PrometheusFacts>, new: Option<&PrometheusFacts>) -> bool {
    prometheus_inputs(old) != prometheus_inputs(new)
}

/// Relevant facts; `None` if it has no pods.
fn prometheus_inputs(facts: Option<&PrometheusFacts>) -> Option<(&str, Option<Selectors<'_>>)> {
    let facts = facts.filter(|facts| prometheus_runs(facts))?;
    Some((&facts.uid, of_prometheus("", facts)))
}

/// Whether a change of one ThanosRuler of Prometheus Operator can affect the overlap.
#[must_use]
pub fn ruler_affects(old: Option<&ThanosRulerFacts>, new: Option<&ThanosRulerFacts>) -> bool {
    ruler_inputs(old) != ruler_inputs(new)
}

fn ruler_inputs(facts: Option<&ThanosRulerFacts>) -> Option<(&str, Option<Selectors<'_>>)> {
    let facts = facts.filter(|facts| ruler_runs(facts))?;
    Some((&facts.uid, of_ruler("", facts)))
}

/// Whether a Prometheus has pods according to its spec, and these load its rule files, which they
/// do only if Prometheus Operator writes the configuration.
fn prometheus_runs(facts: &PrometheusFacts) -> bool {
    facts.replicas > 0 && facts.shards > 0 && facts.is_managed
}

/// Whether a ThanosRuler of Prometheus Operator has pods according to its spec. Prometheus Operator
/// creates none without queriers.
fn ruler_runs(facts: &ThanosRulerFacts) -> bool {
    facts.replicas > 0 && facts.has_queriers
}

/// Selection of a Prometheus in namespace `own`, if it has pods and selectors.
fn of_prometheus<'a>(own: &'a str, facts: &'a PrometheusFacts) -> Option<Selectors<'a>> {
    let objects = Some(facts.rule_selector.as_ref()?);
    prometheus_runs(facts).then_some(Selectors {
        own,
        objects,
        namespaces: facts.rule_namespace_selector.as_ref(),
    })
}

/// Selection of a ThanosRuler in namespace `own`, if it has pods and selectors.
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
