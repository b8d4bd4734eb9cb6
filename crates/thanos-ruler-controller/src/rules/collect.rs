//! All rules of one ThanosRuler: selected objects, other evaluators of each, and the rule files. Pure.

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
use super::source::{Elsewhere, Format, RenderCache, RenderOptions, Rendered, RuleSource, stem};
use super::waiting::{Decisions, Waiting};
use crate::facts::RuleFileFacts;
use crate::spec_inputs::SpecInputs;

/// Labels of ConfigMaps in which the Go operator keeps copies of selected rules.
const COPIES: [&str; 2] = [legacy::DERIVED_RULES, legacy::COPIED_RULES];

/// Filter of a ruler's log that shows which rule fails to load.
pub(crate) const LOAD_ERRORS: &str = "grep 'loading groups failed'";

/// Inputs of [`collect`].
pub(crate) struct CollectInputs<'a> {
    /// PrometheusRules; `None` while unreadable.
    pub rules: Option<&'a BTreeMap<Key, RuleFacts>>,
    /// ConfigMaps with rule files in the namespace of the ThanosRuler; `None` while unreadable.
    pub files: Option<Vec<(&'a Key, &'a RuleFileFacts)>>,
    /// Other evaluators of rules.
    pub evaluators: Evaluators<'a>,
    /// Whether PrometheusRules that another evaluator may soon evaluate are shadowed.
    pub decisions: Decisions<'a>,
    /// Namespaces.
    pub namespaces: Namespaces<'a>,
    /// The dialect of the Thanos version.
    pub dialect: Dialect,
    /// Rendered rules of each object.
    pub rendered: &'a RenderCache,
    /// Rules that are held back.
    pub held: &'a HeldBack,
}

/// All rules of one ThanosRuler.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The files of PrometheusRules; `None` while some are unknown.
    pub rules: Option<Packed>,
    /// The files of ConfigMaps; `None` while unreadable.
    pub files: Option<Packed>,
    /// Objects to render. Unless empty, all other fields are incomplete.
    pub unrendered: Vec<(Key, RuleSource)>,
    /// The rules that rulers are expected to load.
    pub expected: Expected,
    /// The mounted rules of each object.
    pub mounted: Pieces,
    /// The objects whose rules are held back.
    pub held: BTreeSet<String>,
    /// Counts for the status.
    pub counts: RuleCounts,
    /// All rejected rules.
    pub rejected: Vec<RejectedRule>,
    /// Key and UID of each PrometheusRule with rejected rules, by its subject in the status.
    pub rejected_objects: BTreeMap<String, (Key, String)>,
    /// All PrometheusRules that another evaluator also evaluates.
    pub overlaps: Vec<RuleOverlap>,
    /// PrometheusRules that another evaluator selects and does not evaluate completely: active here.
    pub missed: Vec<Missed>,
    /// Decisions without evidence, for the next reconcile.
    pub waiting: Waiting,
    /// Time at which the first of these decisions ends.
    pub waiting_ends: Option<Timestamp>,
    /// The tenants of rules.
    pub tenants: BTreeSet<String>,
    /// Why `spec.ruleSelector` cannot be evaluated.
    pub unusable: Option<Unusable>,
    /// The PrometheusRules closest to `spec.ruleSelector`, if it selects none.
    pub nearest: Vec<Candidate>,
    /// The cache of a selected PrometheusRule is partial; it must be listed again.
    pub incomplete: bool,
}

/// A PrometheusRule that another evaluator selects and does not evaluate completely.
#[derive(Clone, Debug)]
pub struct Missed {
    /// Its entry in the status.
    pub status: MissedRule,
    /// Namespace and name.
    pub key: Key,
    /// UID.
    pub uid: String,
}

/// Collects all rules.
pub(crate) fn collect(spec_inputs: &SpecInputs<'_>, mut inputs: CollectInputs<'_>) -> Collected {
    let mut all = Collected {
        rules: None,
        files: None,
        unrendered: Vec::new(),
        expected: Expected::default(),
        mounted: Pieces::new(),
        held: BTreeSet::new(),
        counts: RuleCounts::default(),
        rejected: Vec::new(),
        rejected_objects: BTreeMap::new(),
        overlaps: Vec::new(),
        missed: Vec::new(),
        waiting: Waiting::default(),
        waiting_ends: None,
        tenants: BTreeSet::new(),
        unusable: None,
        nearest: Vec::new(),
        incomplete: false,
    };
    if let Some(rules) = inputs.rules {
        let files = prometheus_rules(spec_inputs, rules, &mut inputs, &mut all);
        let packed = all.packed(files, RULES);
        all.rules = Some(packed);
    }
    if let Some(maps) = &inputs.files {
        let files = config_maps(spec_inputs, maps, &inputs, &mut all);
        let packed = all.packed(files, FILES);
        all.files = Some(packed);
    }
    let packed = [&all.rules, &all.files].into_iter().flatten();
    let no_room = packed.flat_map(|packed| &packed.left).map(String::as_str);
    let no_room: BTreeSet<&str> = no_room.collect();
    for Piece { stem, rendered } in all.mounted.values() {
        all.expected
            .add(stem, rendered, |file| !no_room.contains(file));
    }
    all.waiting = inputs.decisions.next;
    all.waiting_ends = inputs.decisions.ends;
    all
}

/// The files of the selected PrometheusRules.
fn prometheus_rules<'a>(
    spec_inputs: &SpecInputs<'_>,
    rules: &'a BTreeMap<Key, RuleFacts>,
    inputs: &mut CollectInputs<'a>,
    all: &mut Collected,
) -> Files {
    let [by_selector, by_config] = spec_inputs.prometheus_rules();
    let selected = rules::select(rules, &inputs.namespaces, &by_selector);
    all.unusable = selected.unusable;
    all.nearest = selected.nearest;
    let more = rules::select(rules, &inputs.namespaces, &by_config);
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
            all.rejected_objects
                .insert(subject, (key.clone(), facts.uid.clone()));
            continue;
        };
        let mut source = RuleSource {
            subject,
            stem: stem(key, &facts.uid),
            text: text.clone(),
            format: Format::Spec,
            options: options(spec_inputs, inputs.dialect, tenant),
        };
        let overlap = inputs.evaluators.of_rule(key, facts);
        all.overlaps.extend(overlapping(key, &overlap.evaluated_by));
        let rendered = match spec_inputs.mode() {
            RuleMode::Active => {
                inputs.decisions.is_active(&facts.uid);
                all.rendered(inputs.rendered, key, &source)
            }
            RuleMode::Shadow | RuleMode::ShadowOverlapping => {
                all.shadowed(inputs, key, facts, &overlap, &mut source)
            }
        };
        let Some(rendered) = rendered else {
            continue;
        };
        all.take(spec_inputs, inputs.held, &source, rendered, &mut files);
        if all.rejected.len() > known {
            let rejected = (key.clone(), facts.uid.clone());
            all.rejected_objects.insert(source.subject, rejected);
        }
    }
    files
}

/// The files of the selected ConfigMaps. No other evaluator reads them.
fn config_maps(
    spec_inputs: &SpecInputs<'_>,
    maps: &[(&Key, &RuleFileFacts)],
    inputs: &CollectInputs<'_>,
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
            let source = RuleSource {
                subject: format!("{subject} {name}"),
                stem: format!("{}-{hash:08x}", stem(key, &facts.uid)),
                text: text.clone(),
                format: Format::File,
                options: options(spec_inputs, inputs.dialect, tenant.clone()),
            };
            // Names of namespaces contain no slash, so no PrometheusRule has this key.
            let at = Key::new(format!("{}/{name}", key.namespace), key.name.as_str());
            if let Some(rendered) = all.rendered(inputs.rendered, &at, &source) {
                all.take(spec_inputs, inputs.held, &source, rendered, &mut files);
            }
        }
    }
    files
}

fn options(
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
    format!("{} {key}", kind.name)
}

impl Collected {
    /// The rendered rules of an object; `None` while they are not in the cache.
    fn rendered(
        &mut self,
        cache: &RenderCache,
        key: &Key,
        source: &RuleSource,
    ) -> Option<Arc<Rendered>> {
        let rendered = cache.get(key, source);
        if rendered.is_none() {
            self.unrendered.push((key.clone(), source.clone()));
        }
        rendered
    }

    /// The rendered rules of a PrometheusRule, shadowed where another evaluator has them.
    fn shadowed(
        &mut self,
        inputs: &mut CollectInputs<'_>,
        key: &Key,
        facts: &RuleFacts,
        overlap: &Overlap<'_>,
        source: &mut RuleSource,
    ) -> Option<Arc<Rendered>> {
        if overlap.evaluated_by.is_empty() && !overlap.may_follow() {
            inputs.decisions.is_active(&facts.uid);
            return self.rendered(inputs.rendered, key, source);
        }
        source.options.elsewhere = match overlap.evaluated_by.is_empty() {
            true => Elsewhere::Nothing,
            false => Elsewhere::Named(overlap.rules.clone()),
        };
        let rendered = self.rendered(inputs.rendered, key, source)?;
        if rendered.uncovered == 0 && !overlap.evaluated_by.is_empty() {
            return Some(rendered);
        }
        if inputs.decisions.shadows(&facts.uid) {
            source.options.elsewhere = Elsewhere::Everything;
            return self.rendered(inputs.rendered, key, source);
        }
        // In shadow mode no rule is active.
        if !source.options.shadowed {
            self.missed
                .extend(missed(key, facts, overlap, rendered.uncovered));
        }
        Some(rendered)
    }

    /// The tenant label of an object, `Some(None)` without tenancy. An object without tenant is rejected.
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
                format!("the object lacks the label {specifier}, which names its tenant; add it"),
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
        source: &RuleSource,
        rendered: Arc<Rendered>,
        files: &mut Files,
    ) {
        self.counts.rejected += count(rendered.rejected.len());
        self.rejected
            .extend(rendered.rejected_rules(&source.subject));
        let piece = if held.holds(&source.subject, &rendered) {
            let previous = held.previous(&source.subject);
            self.hold_back(spec_inputs, &source.subject, &rendered, previous.is_some());
            previous
        } else {
            Some(Piece {
                stem: source.stem.clone(),
                rendered,
            })
        };
        let Some(piece) = piece.filter(|piece| !piece.rendered.files.is_empty()) else {
            return;
        };
        let (counts, rendered) = (&mut self.counts, &piece.rendered);
        counts.groups += count(rendered.mounted.len());
        counts.evaluated += count(rendered.evaluated());
        counts.shadowed += count(rendered.shadowed);
        counts.left_out += count(rendered.left_out);
        files.extend(rendered.named(&piece.stem));
        self.mounted.insert(source.subject.clone(), piece);
    }

    fn hold_back(
        &mut self,
        spec_inputs: &SpecInputs<'_>,
        subject: &str,
        rendered: &Rendered,
        has_previous: bool,
    ) {
        let stays = match has_previous {
            true => "its previous rules stay mounted",
            false => "none of its rules are mounted",
        };
        self.counts.rejected += count(rendered.mounted.len()) - 1;
        self.reject(
            subject,
            format!(
                "held back with all rules that changed since the last successful load, because rulers \
                 fail to load them; {stays}. Fix or remove the object that the log of a ruler names: \
                 {} | {LOAD_ERRORS}",
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
                    "no room: all selected rules have {} KiB, the limit is {} KiB; narrow the \
                     selectors, or split the rules among several ThanosRulers",
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
            let groups = piece.rendered.mounted.iter();
            let file = |number| Rendered::file_name(&piece.stem, number);
            groups.filter_map(move |(number, _, rules)| (file(*number) == name).then_some(*rules))
        });
        groups.collect()
    }
}

/// The status entry of a PrometheusRule that another evaluator does not evaluate completely.
fn missed(key: &Key, facts: &RuleFacts, overlap: &Overlap<'_>, uncovered: usize) -> Option<Missed> {
    let (by, lacks) = match (overlap.evaluated_by.first(), overlap.selected_by.first()) {
        (Some(by), _) if uncovered == 1 => (by, "lack 1 of its rules, which is".to_owned()),
        (Some(by), _) => (by, format!("lack {uncovered} of its rules, which are")),
        (None, Some(by)) => (
            by,
            "do not contain the PrometheusRule, so its rules are".to_owned(),
        ),
        // No other evaluator is known to select it.
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

/// A count in the type of the API.
pub(crate) fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
