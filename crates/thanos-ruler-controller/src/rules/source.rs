//! The rules of one object, and what becomes of them. Pure.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use kube_facts::Key;
use promop_compat::model::{RuleName, RuleNames};
use thanos_api::v1alpha1::RejectedRule;
use thanos_rules::{Checked, Dialect, Kind, Rejection};
use xxhash_rust::xxh3::xxh3_64;

use super::SHADOW;
use super::pack::{CAPACITY, FILE};

/// What becomes of the rules of an object. Equal treatments of equal texts give equal files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RenderOptions {
    /// What Thanos accepts.
    pub dialect: Dialect,
    /// Its alerts are not sent, whoever else evaluates them.
    pub shadowed: bool,
    /// The rules that Prometheus Operator has another evaluator evaluate: their alerts are not sent, and
    /// recording rules are left out.
    pub elsewhere: Elsewhere,
    /// The label and the value to which everything is kept.
    pub tenant: Option<(String, String)>,
}

/// Which rules of an object another evaluator has as well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elsewhere {
    /// None.
    Nothing,
    /// All of them.
    Everything,
    /// Those of these names.
    Named(RuleNames),
}

impl Elsewhere {
    fn has(&self, rule: RuleName<'_>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Named(names) => names.contains(rule),
        }
    }
}

/// How the text of an object is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `spec.groups` of a PrometheusRule, as JSON.
    Spec,
    /// A rule file.
    File,
}

/// The rules of one object.
#[derive(Clone, Debug)]
pub struct Source {
    /// The object, as Kind namespace/name.
    pub subject: String,
    /// What its files are named after. No two objects share it.
    pub stem: String,
    /// Its text.
    pub text: Arc<str>,
    /// How that is to be read.
    pub format: Format,
    /// What becomes of it.
    pub treatment: RenderOptions,
}

/// What became of the rules of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The files, without what they are named after: their numbers.
    pub files: Vec<String>,
    /// The groups in them: number of the file, name, number of rules.
    pub mounted: Vec<(usize, String, usize)>,
    /// How many of the rules in them are alerts that are not sent.
    pub shadowed: usize,
    /// How many recording rules are left out.
    pub left_out: usize,
    /// How many of the rules in them no other evaluator has, though it was said to have some of the
    /// object.
    pub uncovered: usize,
    /// The groups that are not mounted, with what is wrong with each.
    pub rejected: Vec<(String, Vec<Rejection>)>,
    /// The digest of the files.
    pub digest: u64,
}

impl Outcome {
    /// How many rules are mounted.
    #[must_use]
    pub fn evaluated(&self) -> usize {
        self.mounted.iter().map(|(_, _, rules)| rules).sum()
    }

    /// The name of one of the files.
    #[must_use]
    pub fn file_name(stem: &str, number: usize) -> String {
        match number {
            0 => format!("{stem}.yaml"),
            _ => format!("{stem}-{number}.yaml"),
        }
    }

    /// Its files by name.
    pub fn named(&self, stem: &str) -> impl Iterator<Item = (String, String)> {
        let files = self.files.iter().enumerate();
        files.map(move |(i, content)| (Self::file_name(stem, i), content.clone()))
    }

    /// What is wrong, as the status tells it.
    pub fn told(&self, subject: &str) -> impl Iterator<Item = RejectedRule> {
        self.rejected.iter().flat_map(move |(group, reasons)| {
            reasons.iter().map(move |rejection| RejectedRule {
                subject: subject.to_owned(),
                group: group.clone(),
                rule: rejection.rule.clone().unwrap_or_default(),
                message: rejection.reason.clone(),
            })
        })
    }
}

/// Decides what becomes of the rules of one object.
#[must_use]
pub fn treat(source: &Source) -> Outcome {
    let mut outcome = Outcome::default();
    let groups = match source.format {
        Format::Spec => {
            let value = serde_json::from_str(&source.text).unwrap_or_default();
            thanos_rules::read_spec(&value)
        }
        Format::File => match thanos_rules::read_file(&source.text) {
            Ok(groups) => groups,
            Err(rejection) => {
                outcome.rejected.push((String::new(), vec![rejection]));
                return outcome;
            }
        },
    };
    let dialect = &source.treatment.dialect;
    let checked = groups.into_iter().map(|read| {
        let checked = read
            .group
            .and_then(|group| thanos_rules::check(&group, dialect));
        (read.name, checked)
    });
    let mut file = Vec::new();
    let mut size = 0;
    for (name, group) in checked {
        match group.and_then(|group| treated(group, &source.treatment, &mut outcome)) {
            Err(rejections) => outcome.rejected.push((name, rejections)),
            Ok(None) => {}
            Ok(Some(group)) => {
                if size + group.size() > FILE {
                    outcome.close(&mut file);
                    size = 0;
                }
                size += group.size();
                file.push(group);
            }
        }
    }
    outcome.close(&mut file);
    outcome.digest = xxh3_64(outcome.files.join("\0").as_bytes());
    outcome
}

/// One group; nothing if no rule of it is left.
fn treated(
    mut group: Checked,
    treatment: &RenderOptions,
    outcome: &mut Outcome,
) -> Result<Option<Checked>, Vec<Rejection>> {
    if let Some((label, value)) = &treatment.tenant {
        group = thanos_rules::enforce(&group, &treatment.dialect, label, value)?;
    }
    let elsewhere = &treatment.elsewhere;
    if *elsewhere != Elsewhere::Nothing {
        let rules = group.rules();
        let left_out =
            |rule: &RuleName<'_>| matches!(rule, RuleName::Record(_)) && elsewhere.has(*rule);
        let names = rules.map(|(kind, name)| rule_name(kind, name));
        let (covered, uncovered): (Vec<_>, Vec<_>) = names.partition(|rule| elsewhere.has(*rule));
        outcome.uncovered += uncovered.len();
        outcome.left_out += covered.iter().filter(|rule| left_out(rule)).count();
        let omits = |name: &str| elsewhere.has(RuleName::Record(name));
        group = match thanos_rules::without_records(&group, omits) {
            Some(group) => group,
            None => return Ok(None),
        };
    }
    let shadows = |name: &str| treatment.shadowed || elsewhere.has(RuleName::Alert(name));
    let alerts = group
        .rules()
        .filter(|(kind, name)| *kind == Kind::Alert && shadows(name));
    let shadowed = alerts.count();
    if shadowed > 0 {
        outcome.shadowed += shadowed;
        group = thanos_rules::add_shadow_label(&group, SHADOW.0, SHADOW.1, shadows);
    }
    Ok(Some(group))
}

fn rule_name(kind: Kind, name: &str) -> RuleName<'_> {
    match kind {
        Kind::Alert => RuleName::Alert(name),
        Kind::Record => RuleName::Record(name),
    }
}

impl Outcome {
    /// Writes the groups of one file.
    fn close(&mut self, groups: &mut Vec<Checked>) {
        let groups = std::mem::take(groups);
        if groups.is_empty() {
            return;
        }
        let reject = |rejection: Rejection| {
            let names = groups.iter().map(|group| group.name().to_owned());
            names
                .map(|name| (name, vec![rejection.clone()]))
                .collect::<Vec<_>>()
        };
        match thanos_rules::write(&groups) {
            Ok(content) if content.len() > CAPACITY => {
                let reason = format!(
                    "the group has {} KiB, and a ConfigMap takes {}; divide it into several groups",
                    content.len() / 1024,
                    CAPACITY / 1024,
                );
                let rejection = Rejection { rule: None, reason };
                self.rejected.extend(reject(rejection));
            }
            Ok(content) => {
                let file = self.files.len();
                let mounted = |g: &Checked| (file, g.name().to_owned(), g.rules().count());
                self.mounted.extend(groups.iter().map(mounted));
                self.files.push(content);
            }
            Err(rejection) => self.rejected.extend(reject(rejection)),
        }
    }
}

/// What became of objects, by object and treatment, as long as a view holds the text that was judged.
#[derive(Debug, Default)]
pub struct Outcomes(BTreeMap<(Key, RenderOptions), Kept>);

#[derive(Debug)]
struct Kept {
    /// Dropped as soon as no view holds the object any more.
    text: Weak<str>,
    outcome: Arc<Outcome>,
}

impl Outcomes {
    /// What became of the rules of the object `key`, if this text was judged.
    #[must_use]
    pub fn get(&self, key: &Key, source: &Source) -> Option<Arc<Outcome>> {
        let kept = self.0.get(&(key.clone(), source.treatment.clone()))?;
        let text = kept.text.upgrade()?;
        Arc::ptr_eq(&text, &source.text).then(|| kept.outcome.clone())
    }

    /// Keeps what became of an object, and drops what no view holds any more.
    pub fn keep(&mut self, judged: impl IntoIterator<Item = (Key, Source, Outcome)>) {
        for (key, source, outcome) in judged {
            let kept = Kept {
                text: Arc::downgrade(&source.text),
                outcome: Arc::new(outcome),
            };
            self.0.insert((key, source.treatment), kept);
        }
        self.tidy();
    }

    /// Drops what no view holds any more.
    pub fn tidy(&mut self) {
        self.0.retain(|_, kept| kept.text.strong_count() > 0);
    }
}

/// The name of the files of an object, which no other object has: a uid is nobody else's, and a
/// namespace and a name joined by a dash could be.
#[must_use]
pub fn stem(key: &Key, uid: &str) -> String {
    // A key of a ConfigMap has 253 characters at most.
    const NAMES: usize = 200;
    let names = format!("{}-{}", key.namespace, key.name);
    let names = &names[..names.floor_char_boundary(NAMES)];
    format!("{names}-{uid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn treatment() -> RenderOptions {
        RenderOptions {
            dialect: Dialect::default(),
            shadowed: false,
            elsewhere: Elsewhere::Nothing,
            tenant: None,
        }
    }

    fn of(groups: &Value, treatment: &RenderOptions) -> Outcome {
        treat(&Source {
            subject: "PrometheusRule n/x".into(),
            stem: "n-x-u".into(),
            text: groups.to_string().into(),
            format: Format::Spec,
            treatment: treatment.clone(),
        })
    }

    fn groups() -> Value {
        json!([
            {"name": "good", "rules": [
                {"record": "a:b", "expr": "sum(up)"}, {"alert": "Down", "expr": "up == 0"},
            ]},
            {"name": "bad", "rules": [{"alert": "Odd", "expr": "sum("}]},
            {"name": "recorded", "rules": [{"record": "c:d", "expr": "vector(1)"}]},
        ])
    }

    #[test]
    fn good_groups_live_beside_bad_ones() {
        let outcome = of(&groups(), &treatment());
        assert_eq!((outcome.mounted.len(), outcome.evaluated()), (2, 3));
        assert_eq!(outcome.files.len(), 1);
        assert!(outcome.files[0].contains("a:b") && !outcome.files[0].contains("Odd"));
        let told: Vec<RejectedRule> = outcome.told("PrometheusRule n/x").collect();
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].group.as_str(), told[0].rule.as_str()),
            ("bad", "Odd")
        );
    }

    #[test]
    fn what_is_evaluated_elsewhere_sends_and_records_nothing() {
        let counts = |outcome: &Outcome| {
            let Outcome {
                shadowed,
                left_out,
                uncovered,
                ..
            } = outcome;
            (outcome.evaluated(), *shadowed, *left_out, *uncovered)
        };
        let elsewhere = |elsewhere| {
            let treatment = RenderOptions {
                elsewhere,
                ..treatment()
            };
            of(&groups(), &treatment)
        };
        let outcome = elsewhere(Elsewhere::Everything);
        assert_eq!(counts(&outcome), (1, 1, 2, 0));
        let shadow = "\"thanos_shadow\": \"true\"";
        assert!(outcome.files[0].contains(shadow), "{}", outcome.files[0]);

        // Rule by rule: what the other evaluator lacks is active here.
        let named = |names: &[RuleName<'_>]| {
            let names = RuleNames::of(names.iter().copied());
            elsewhere(Elsewhere::Named(names))
        };
        let all = [
            RuleName::Record("a:b"),
            RuleName::Record("c:d"),
            RuleName::Alert("Down"),
        ];
        assert_eq!(named(&all).files, outcome.files);
        assert_eq!(counts(&named(&all)), (1, 1, 2, 0));
        assert_eq!(counts(&named(&all[..2])), (1, 0, 2, 1));
        assert_eq!(counts(&named(&all[1..])), (2, 1, 1, 1));
        assert_eq!(counts(&named(&[RuleName::Alert("a:b")])), (3, 0, 0, 3));

        let shadowed = RenderOptions {
            shadowed: true,
            ..treatment()
        };
        assert_eq!(counts(&of(&groups(), &shadowed)), (3, 1, 0, 0));
    }

    #[test]
    fn a_rule_that_cannot_be_kept_to_its_tenant_is_not_mounted() {
        let tenant = |value: &str| RenderOptions {
            tenant: Some(("tenant_id".into(), value.into())),
            ..treatment()
        };
        let groups =
            json!([{"name": "g", "rules": [{"record": "r", "expr": "sum(up{tenant_id=\"b\"})"}]}]);
        assert!(of(&groups, &tenant("a")).files.is_empty());
        assert_eq!(of(&groups, &tenant("b")).evaluated(), 1);
    }

    #[test]
    fn what_is_large_is_divided_and_what_is_too_large_is_told_by_size() {
        let group = |name: &str, bytes: usize| json!({"name": name, "rules": [{"alert": "A", "expr": "up", "annotations": {"d": "x".repeat(bytes)}}]});
        let outcome = of(
            &json!([
                group("a", FILE / 2),
                group("b", FILE / 2),
                group("c", 2 << 20)
            ]),
            &treatment(),
        );
        assert_eq!((outcome.files.len(), outcome.mounted.len()), (2, 2));
        let names: Vec<String> = outcome.named("s").map(|(name, _)| name).collect();
        assert_eq!(names, ["s.yaml", "s-1.yaml"]);
        let told: Vec<RejectedRule> = outcome.told("x").collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].message.contains("2048 KiB"), "{}", told[0].message);
    }

    #[test]
    fn outcomes_are_kept_as_long_as_their_text() {
        let (mut outcomes, key) = (Outcomes::default(), Key::new("n", "x"));
        let source = |text: &Arc<str>| Source {
            subject: String::new(),
            stem: String::new(),
            text: text.clone(),
            format: Format::Spec,
            treatment: treatment(),
        };
        let text: Arc<str> = groups().to_string().into();
        assert_eq!(outcomes.get(&key, &source(&text)), None);
        let outcome = treat(&source(&text));
        outcomes.keep([(key.clone(), source(&text), outcome.clone())]);
        assert_eq!(
            outcomes.get(&key, &source(&text)).as_deref(),
            Some(&outcome)
        );
        let shadowed = Source {
            treatment: RenderOptions {
                shadowed: true,
                ..treatment()
            },
            ..source(&text)
        };
        assert_eq!(outcomes.get(&key, &shadowed), None);
        let other: Arc<str> = "[]".into();
        assert_eq!(outcomes.get(&key, &source(&other)), None);
        drop((text, shadowed));
        outcomes.tidy();
        assert!(outcomes.0.is_empty());
    }

    #[test]
    fn names_of_files_fit() {
        let long = Key::new("n".repeat(63), "ä".repeat(120));
        let name = format!("{}-9999.yaml", stem(&long, &"u".repeat(36)));
        assert!(name.len() <= 253, "{}", name.len());
        assert_ne!(
            stem(&Key::new("a-b", "c"), "1"),
            stem(&Key::new("a", "b-c"), "2")
        );
    }
}
