//! Who evaluates a rule besides us: the Prometheuses and ThanosRulers of Prometheus Operator that
//! select it.

use std::collections::BTreeMap;

use crate::caps::Kind;
use crate::digest::Wanted;
use crate::model::{Key, PrometheusFacts, RuleFacts, ThanosRulerFacts};
use crate::namespaces::{Membership, Namespaces};
use crate::selection::Selectors;
use crate::selector;

/// Who evaluates a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluated<'a> {
    /// These, by kind and key. Where there are some, others that cannot be told do not matter.
    By(Vec<(Kind, &'a Key)>),
    /// Nobody.
    Nowhere,
    /// Nobody for certain, and perhaps somebody.
    Unknown(Unknown<'a>),
}

/// Why it cannot be told who evaluates a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown<'a> {
    /// Whether this one does depends on the labels of namespaces, which may not be read.
    Namespaces(Kind, &'a Key),
    /// Resources of this kind exist, and may not be read.
    Kind(Kind),
}

/// All that evaluate rules: those that have pods, and whose selectors are well formed. (Prometheus
/// Operator refuses a resource with a malformed one as a whole.)
#[derive(Clone, Debug)]
pub struct Evaluators<'a> {
    all: Vec<Evaluator<'a>>,
    namespaces: Namespaces<'a>,
    unreadable: Option<Kind>,
    /// The namespace of the last rule, for which each evaluator knows whether it looks there. Views
    /// are sorted by namespace, so this is seldom found out anew.
    namespace: Option<String>,
}

#[derive(Clone, Debug)]
struct Evaluator<'a> {
    kind: Kind,
    key: &'a Key,
    selectors: Selectors<'a>,
    wanted: Wanted,
    looks: Membership,
}

impl<'a> Evaluators<'a> {
    /// Those among these resources. `None` is a kind that exists and may not be read; the view of a
    /// kind that does not exist is empty.
    #[must_use]
    pub fn of(
        prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
        rulers: Option<&'a BTreeMap<Key, ThanosRulerFacts>>,
        namespaces: Namespaces<'a>,
    ) -> Self {
        let by_prometheus = prometheuses
            .into_iter()
            .flatten()
            .filter_map(|(key, facts)| {
                Evaluator::new(Kind::Prometheus, key, of_prometheus(&key.namespace, facts)?)
            });
        let by_ruler = rulers.into_iter().flatten().filter_map(|(key, facts)| {
            Evaluator::new(Kind::ThanosRuler, key, of_ruler(&key.namespace, facts)?)
        });
        let unreadable = [
            (Kind::Prometheus, prometheuses.is_none()),
            (Kind::ThanosRuler, rulers.is_none()),
        ];
        Self {
            all: by_prometheus.chain(by_ruler).collect(),
            namespaces,
            unreadable: unreadable
                .into_iter()
                .find_map(|(kind, unreadable)| unreadable.then_some(kind)),
            namespace: None,
        }
    }

    /// Who evaluates one rule. Cheapest for rules in the order of their keys.
    pub fn of_rule(&mut self, key: &Key, facts: &RuleFacts) -> Evaluated<'a> {
        self.enter(&key.namespace);
        let of = |looks: Membership| {
            let there = self.all.iter().filter(move |it| it.looks == looks);
            there.filter(|it| it.wants(facts))
        };
        let by: Vec<_> = of(Membership::In).map(|it| (it.kind, it.key)).collect();
        if !by.is_empty() {
            return Evaluated::By(by);
        }
        let perhaps = of(Membership::Unevaluable).map(|it| Unknown::Namespaces(it.kind, it.key));
        let mut unknown = perhaps.chain(self.unreadable.map(Unknown::Kind));
        unknown
            .next()
            .map_or(Evaluated::Nowhere, Evaluated::Unknown)
    }

    /// Whether it depends on the labels of namespaces who evaluates what.
    #[must_use]
    pub fn read_namespaces(&self) -> bool {
        self.all.iter().any(|it| it.selectors.read_namespaces())
    }

    fn enter(&mut self, namespace: &str) {
        if self.namespace.as_deref() != Some(namespace) {
            self.namespace = Some(namespace.to_owned());
            let place = self.namespaces.place(namespace);
            for evaluator in &mut self.all {
                evaluator.looks = evaluator.selectors.look_in(&place);
            }
        }
    }
}

impl<'a> Evaluator<'a> {
    fn new(kind: Kind, key: &'a Key, selectors: Selectors<'a>) -> Option<Self> {
        selectors.are_well_formed().then_some(Self {
            kind,
            key,
            selectors,
            wanted: Wanted::by(selectors.objects?),
            looks: Membership::Out,
        })
    }

    fn wants(&self, facts: &RuleFacts) -> bool {
        // Cheapest first: the labels lie anywhere.
        facts.digest.may_have(self.wanted)
            && selector::selects(self.selectors.objects, &facts.labels)
    }
}

/// Whether a change of one Prometheus can change who evaluates what.
#[must_use]
pub fn prometheus_affects(old: Option<&PrometheusFacts>, new: Option<&PrometheusFacts>) -> bool {
    let selectors = |facts: Option<_>| facts.and_then(|facts| of_prometheus("", facts));
    selectors(old) != selectors(new)
}

/// Whether a change of one ThanosRuler of Prometheus Operator can change who evaluates what.
#[must_use]
pub fn ruler_affects(old: Option<&ThanosRulerFacts>, new: Option<&ThanosRulerFacts>) -> bool {
    let selectors = |facts: Option<_>| facts.and_then(|facts| of_ruler("", facts));
    selectors(old) != selectors(new)
}

/// What a Prometheus in namespace `own` selects, if it has pods and selects anything.
fn of_prometheus<'a>(own: &'a str, facts: &'a PrometheusFacts) -> Option<Selectors<'a>> {
    let has_pods = facts.replicas > 0 && facts.shards > 0;
    has_pods.then_some(Selectors {
        own,
        objects: Some(facts.rule_selector.as_ref()?),
        namespaces: facts.rule_namespace_selector.as_ref(),
    })
}

/// What a ThanosRuler in namespace `own` selects, if it has pods and selects anything.
fn of_ruler<'a>(own: &'a str, facts: &'a ThanosRulerFacts) -> Option<Selectors<'a>> {
    let has_pods = facts.replicas > 0 && facts.has_queriers;
    has_pods.then_some(Selectors {
        own,
        objects: Some(facts.rule_selector.as_ref()?),
        namespaces: facts.rule_namespace_selector.as_ref(),
    })
}

#[cfg(test)]
#[path = "overlap_tests.rs"]
mod tests;
