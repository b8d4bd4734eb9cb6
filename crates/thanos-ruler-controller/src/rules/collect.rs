//! All rules of one ThanosRuler: which objects are selected, who else evaluates them, and the files
//! that come of it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube_facts::namespaces::Namespaces;
use kube_facts::selector;
use kube_facts::{Key, Labels};
use promop_compat::model::RuleFacts;
use promop_compat::nearest::Candidate;
use promop_compat::rules::{self, Evaluator, Evaluators, Overlap};
use promop_compat::selection::Unusable;
use thanos_api::names::legacy;
use thanos_api::v1alpha1::{MissedRule, RejectedRule, RuleCounts, RuleMode, RuleOverlap};
use thanos_rules::Dialect;
use xxhash_rust::xxh3::xxh3_64;

use super::held::{HeldBack, Piece, Pieces};
use super::loaded::Expected;
use super::pack::{self, FILES, Files, Packed, RULES, pack};
use super::source::{Elsewhere, Format, Outcome, Outcomes, RenderOptions, Source, stem};
use super::waiting::{Decisions, Waiting};
use crate::facts::RuleFileFacts;
use crate::spec_inputs::SpecInputs;

/// Labels of ConfigMaps in which the Go operator keeps copies of what it selected.
const COPIES: [&str; 2] = [legacy::DERIVED_RULES, legacy::COPIED_RULES];

/// The filter of a ruler's log that shows which rule it fails to load.
pub(crate) const LOAD_ERRORS: &str = "grep 'loading groups failed'";

/// All that rules are collected from.
pub(crate) struct World<'a> {
    /// PrometheusRules; `None` if nobody knows which there are.
    pub rules: Option<&'a BTreeMap<Key, RuleFacts>>,
    /// ConfigMaps with rule files, in the namespace of the ThanosRuler; `None` if they may not be read.
    pub files: Option<Vec<(&'a Key, &'a RuleFileFacts)>>,
    /// Who else evaluates rules.
    pub evaluators: Evaluators<'a>,
    /// Whether PrometheusRules that may soon be evaluated elsewhere are shadowed.
    pub decisions: Decisions<'a>,
    /// Namespaces.
    pub namespaces: Namespaces<'a>,
    /// What Thanos accepts.
    pub dialect: Dialect,
    /// What became of objects, as far as they were judged.
    pub outcomes: &'a Outcomes,
    /// What is held back.
    pub held: &'a HeldBack,
}

/// What came of all rules of one ThanosRuler.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The files of PrometheusRules; `None` if nobody knows all of them.
    pub rules: Option<Packed>,
    /// The files of ConfigMaps; `None` if they may not be read.
    pub files: Option<Packed>,
    /// What is still to be judged; until it is, nothing else here is complete.
    pub unjudged: Vec<(Key, Source)>,
    /// What rulers will have loaded.
    pub expected: Expected,
    /// What is mounted of each object.
    pub mounted: Pieces,
    /// The objects whose rules are held back.
    pub held: BTreeSet<String>,
    /// How many there are.
    pub counts: RuleCounts,
    /// What is refused, all of it.
    pub rejected: Vec<RejectedRule>,
    /// The PrometheusRules of which something is refused, by what the status calls them: namespace and
    /// name, and UID.
    pub refused: BTreeMap<String, (Key, String)>,
    /// PrometheusRules that are evaluated elsewhere as well, all of them.
    pub overlaps: Vec<RuleOverlap>,
    /// PrometheusRules that others select and do not evaluate, or not all of them: active here.
    pub missed: Vec<Missed>,
    /// What was decided on PrometheusRules without evidence, for the next reconcile.
    pub waiting: Waiting,
    /// When the first of these decisions ends.
    pub waiting_ends: Option<Timestamp>,
    /// The tenants of rules.
    pub tenants: BTreeSet<String>,
    /// Why `spec.ruleSelector` selects nothing, whatever there is.
    pub unusable: Option<Unusable>,
    /// What `spec.ruleSelector` nearly selects, if it selects nothing.
    pub nearest: Vec<Candidate>,
    /// Some selected PrometheusRule is not held as a whole, and must be listed again.
    pub incomplete: bool,
}

/// A PrometheusRule that another evaluator selects and does not evaluate, or not all of it.
#[derive(Clone, Debug)]
pub struct Missed {
    /// As the status has it.
    pub status: MissedRule,
    /// Namespace and name.
    pub key: Key,
    /// UID.
    pub uid: String,
}

/// Collects all rules.
pub(crate) fn collect(spec_inputs: &SpecInputs<'_>, mut world: World<'_>) -> Collected {
    let mut all = Collected {
        rules: None,
        files: None,
        unjudged: Vec::new(),
        expected: Expected::default(),
        mounted: Pieces::new(),
        held: BTreeSet::new(),
        counts: RuleCounts::default(),
        rejected: Vec::new(),
        refused: BTreeMap::new(),
        overlaps: Vec::new(),
        missed: Vec::new(),
        waiting: Waiting::default(),
        waiting_ends: None,
        tenants: BTreeSet::new(),
        unusable: None,
        nearest: Vec::new(),
        incomplete: false,
    };
    if let Some(rules) = world.rules {
        let files = prometheus_rules(spec_inputs, rules, &mut world, &mut all);
        let packed = all.packed(files, RULES);
        all.rules = Some(packed);
    }
    if let Some(maps) = &world.files {
        let files = config_maps(spec_inputs, maps, &world, &mut all);
        let packed = all.packed(files, FILES);
        all.files = Some(packed);
    }
    let packed = [&all.rules, &all.files].into_iter().flatten();
    let no_room = packed.flat_map(|packed| &packed.left).map(String::as_str);
    let no_room: BTreeSet<&str> = no_room.collect();
    for Piece { stem, outcome } in all.mounted.values() {
        all.expected
            .add(stem, outcome, |file| !no_room.contains(file));
    }
    all.waiting = world.decisions.next;
    all.waiting_ends = world.decisions.ends;
    all
}

/// The files of the PrometheusRules that are selected.
fn prometheus_rules<'a>(
    spec_inputs: &SpecInputs<'_>,
    rules: &'a BTreeMap<Key, RuleFacts>,
    world: &mut World<'a>,
    all: &mut Collected,
) -> Files {
    let [by_selector, by_config] = spec_inputs.prometheus_rules();
    let selected = rules::select(rules, &world.namespaces, &by_selector);
    all.unusable = selected.unusable;
    all.nearest = selected.nearest;
    let more = rules::select(rules, &world.namespaces, &by_config);
    let both: BTreeMap<&Key, &RuleFacts> =
        selected.objects.into_iter().chain(more.objects).collect();
    let mut files = Files::new();
    for (key, facts) in both {
        all.counts.prometheus_rules += 1;
        let Some(text) = &facts.groups else {
            all.incomplete = true;
            continue;
        };
        let subject = format!("PrometheusRule {key}");
        let known = all.rejected.len();
        let Some(tenant) = all.tenant(spec_inputs, &subject, &facts.labels) else {
            all.refused
                .insert(subject, (key.clone(), facts.uid.clone()));
            continue;
        };
        let mut source = Source {
            subject,
            stem: stem(key, &facts.uid),
            text: text.clone(),
            format: Format::Spec,
            treatment: treatment(spec_inputs, world.dialect, tenant),
        };
        let overlap = world.evaluators.of_rule(key, facts);
        all.overlaps.extend(overlapping(key, &overlap.evaluated_by));
        let outcome = match spec_inputs.mode() {
            RuleMode::Active => {
                world.decisions.is_active(&facts.uid);
                all.outcome(world.outcomes, key, &source)
            }
            RuleMode::Shadow | RuleMode::ShadowOverlapping => {
                all.shadowed(world, key, facts, &overlap, &mut source)
            }
        };
        let Some(outcome) = outcome else {
            continue;
        };
        all.take(spec_inputs, world.held, &source, outcome, &mut files);
        if all.rejected.len() > known {
            let refused = (key.clone(), facts.uid.clone());
            all.refused.insert(source.subject, refused);
        }
    }
    files
}

/// The files of the ConfigMaps that are selected. Nobody else knows of them.
fn config_maps(
    spec_inputs: &SpecInputs<'_>,
    maps: &[(&Key, &RuleFileFacts)],
    world: &World<'_>,
    all: &mut Collected,
) -> Files {
    let mut files = Files::new();
    for (key, facts) in maps {
        let copied = COPIES.iter().any(|label| facts.labels.contains_key(*label));
        if copied || !selector::matches(spec_inputs.files(), &facts.labels) {
            continue;
        }
        all.counts.config_maps += 1;
        let subject = format!("ConfigMap {key}");
        let Some(tenant) = all.tenant(spec_inputs, &subject, &facts.labels) else {
            continue;
        };
        for (name, text) in &facts.data {
            let hash = xxh3_64(name.as_bytes()) as u32;
            let source = Source {
                subject: format!("{subject} {name}"),
                stem: format!("{}-{hash:08x}", stem(key, &facts.uid)),
                text: text.clone(),
                format: Format::File,
                treatment: treatment(spec_inputs, world.dialect, tenant.clone()),
            };
            // No namespace has a slash in its name: no PrometheusRule is at this key.
            let at = Key::new(format!("{}/{name}", key.namespace), key.name.as_str());
            if let Some(outcome) = all.outcome(world.outcomes, &at, &source) {
                all.take(spec_inputs, world.held, &source, outcome, &mut files);
            }
        }
    }
    files
}

fn treatment(
    spec_inputs: &SpecInputs<'_>,
    dialect: Dialect,
    tenant: Option<(String, String)>,
) -> RenderOptions {
    RenderOptions {
        dialect,
        shadowed: spec_inputs.mode() == RuleMode::Shadow,
        elsewhere: Elsewhere::Nothing,
        tenant,
    }
}

fn overlapping(key: &Key, by: &[Evaluator<'_>]) -> Option<RuleOverlap> {
    Some(RuleOverlap {
        prometheus_rule: key.to_string(),
        evaluated_by: named(by.first()?),
        others: match by.len() {
            0 | 1 => None,
            more => Some(count(more - 1)),
        },
    })
}

fn named((kind, key): &Evaluator<'_>) -> String {
    format!("{} {key}", kind.name())
}

impl Collected {
    /// What became of an object; nothing while it is not judged.
    fn outcome(&mut self, outcomes: &Outcomes, key: &Key, source: &Source) -> Option<Arc<Outcome>> {
        let outcome = outcomes.get(key, source);
        if outcome.is_none() {
            self.unjudged.push((key.clone(), source.clone()));
        }
        outcome
    }

    /// What became of a PrometheusRule whose rules are shadowed where another evaluator has them.
    fn shadowed(
        &mut self,
        world: &mut World<'_>,
        key: &Key,
        facts: &RuleFacts,
        overlap: &Overlap<'_>,
        source: &mut Source,
    ) -> Option<Arc<Outcome>> {
        if overlap.evaluated_by.is_empty() && !overlap.may_follow() {
            world.decisions.is_active(&facts.uid);
            return self.outcome(world.outcomes, key, source);
        }
        source.treatment.elsewhere = match overlap.evaluated_by.is_empty() {
            true => Elsewhere::Nothing,
            false => Elsewhere::Named(overlap.rules.clone()),
        };
        let outcome = self.outcome(world.outcomes, key, source)?;
        if outcome.uncovered == 0 && !overlap.evaluated_by.is_empty() {
            return Some(outcome);
        }
        if world.decisions.shadows(&facts.uid) {
            source.treatment.elsewhere = Elsewhere::Everything;
            return self.outcome(world.outcomes, key, source);
        }
        // In shadow mode nothing is active.
        if !source.treatment.shadowed {
            self.missed
                .extend(missed(key, facts, overlap, outcome.uncovered));
        }
        Some(outcome)
    }

    /// The tenant of an object, if there are tenants; nothing if it has none, which is told.
    fn tenant(
        &mut self,
        spec_inputs: &SpecInputs<'_>,
        subject: &str,
        labels: &Labels,
    ) -> Option<Option<(String, String)>> {
        let Some((label, specifier)) = spec_inputs.tenancy() else {
            return Some(None);
        };
        let Some(tenant) = labels.get(specifier).filter(|tenant| !tenant.is_empty()) else {
            self.reject(
                subject,
                format!("it has no label {specifier}, which names its tenant; add it"),
            );
            return None;
        };
        self.tenants.insert(tenant.clone());
        Some(Some((label.to_owned(), tenant.clone())))
    }

    fn reject(&mut self, subject: &str, message: String) {
        self.counts.rejected += 1;
        self.rejected.push(RejectedRule {
            subject: subject.to_owned(),
            message,
            ..Default::default()
        });
    }

    fn take(
        &mut self,
        spec_inputs: &SpecInputs<'_>,
        held: &HeldBack,
        source: &Source,
        outcome: Arc<Outcome>,
        files: &mut Files,
    ) {
        self.counts.rejected += count(outcome.rejected.len());
        self.rejected.extend(outcome.told(&source.subject));
        let piece = if held.holds(&source.subject, &outcome) {
            let previous = held.previous(&source.subject);
            self.hold_back(spec_inputs, &source.subject, &outcome, previous.is_some());
            previous
        } else {
            Some(Piece {
                stem: source.stem.clone(),
                outcome,
            })
        };
        let Some(piece) = piece.filter(|piece| !piece.outcome.files.is_empty()) else {
            return;
        };
        let (counts, outcome) = (&mut self.counts, &piece.outcome);
        counts.groups += count(outcome.mounted.len());
        counts.evaluated += count(outcome.evaluated());
        counts.shadowed += count(outcome.shadowed);
        counts.left_out += count(outcome.left_out);
        files.extend(outcome.named(&piece.stem));
        self.mounted.insert(source.subject.clone(), piece);
    }

    fn hold_back(
        &mut self,
        spec_inputs: &SpecInputs<'_>,
        subject: &str,
        outcome: &Outcome,
        has_previous: bool,
    ) {
        let stays = match has_previous {
            true => "its previous rules stay mounted",
            false => "none of its rules are mounted",
        };
        self.counts.rejected += count(outcome.mounted.len()) - 1;
        self.reject(
            subject,
            format!(
                "held back with all rules that changed since the last successful load, because rulers \
                 fail to load them; {stays}. Fix or remove the object that the log of a ruler names: {} | {LOAD_ERRORS}",
                spec_inputs.log_command()
            ),
        );
        self.held.insert(subject.to_owned());
    }

    fn packed(&mut self, files: Files, slots: usize) -> Packed {
        let total: usize = files.values().map(String::len).sum();
        let packed = pack(files, slots);
        for name in &packed.left {
            let rules = self.rules_in(name);
            self.counts.groups -= count(rules.len());
            self.counts.evaluated -= count(rules.iter().sum());
            self.counts.rejected += count(rules.len()) - 1;
            self.reject(
                &format!("file {name}"),
                format!(
                    "there is no room for it: all selected rules have {} KiB, and rulers take {}; \
                     narrow the selectors, or divide the rules over several ThanosRulers",
                    total / 1024,
                    slots * pack::CAPACITY / 1024
                ),
            );
        }
        packed
    }

    /// The number of rules of each group in a file.
    fn rules_in(&self, name: &str) -> Vec<usize> {
        let groups = self.mounted.values().flat_map(|piece| {
            let groups = piece.outcome.mounted.iter();
            let file = |number| Outcome::file_name(&piece.stem, number);
            groups.filter_map(move |(number, _, rules)| (file(*number) == name).then_some(*rules))
        });
        groups.collect()
    }
}

/// What the status says of a PrometheusRule that others do not evaluate, or not all of it.
fn missed(key: &Key, facts: &RuleFacts, overlap: &Overlap<'_>, uncovered: usize) -> Option<Missed> {
    let (by, lacks) = match (overlap.evaluated_by.first(), overlap.selected_by.first()) {
        (Some(by), _) => (by, format!("lack {uncovered} of the rules, which are")),
        (None, Some(by)) => (
            by,
            "do not contain the PrometheusRule, so its rules are".to_owned(),
        ),
        // Nothing is known to select it.
        (None, None) => return None,
    };
    let message = format!("the rule files of {} {lacks} active here", named(by));
    Some(Missed {
        status: MissedRule {
            prometheus_rule: key.to_string(),
            selected_by: named(by),
            message,
        },
        key: key.clone(),
        uid: facts.uid.clone(),
    })
}

/// A count as the API writes it.
pub(crate) fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
