//! Renders the rules of one object into rule files. Pure.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use kube_facts::Key;
use promop_compat::model::{RuleName, RuleNames};
use thanos_api::v1alpha1::RejectedRule;
use thanos_rules::{Checked, Dialect, Rejection, RuleKind};
use xxhash_rust::xxh3::xxh3_64;

use super::SHADOW;
use super::pack::{CAPACITY, FILE};

/// Options for rendering the rules of an object. Equal options and texts give equal files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RenderOptions {
    /// The dialect of the Thanos version.
    pub dialect: Dialect,
    /// All alerts are shadowed, even without another evaluator.
    pub shadowed: bool,
    /// The rules that another evaluator has: their alerts are shadowed, and recording rules are left out.
    pub elsewhere: Elsewhere,
    /// Label and value of the tenant to enforce.
    pub tenant: Option<(String, String)>,
}

/// Which rules of an object another evaluator also has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elsewhere {
    /// None.
    Nothing,
    /// All of them.
    Everything,
    /// Those with these names.
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

/// The format of the text of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `spec.groups` of a PrometheusRule, as JSON.
    Spec,
    /// A rule file.
    File,
}

/// The rules of one object.
#[derive(Clone, Debug)]
pub struct RuleSource {
    /// The object, as Kind namespace/name.
    pub subject: String,
    /// Name prefix of its files, unique to the object.
    pub stem: String,
    /// Its text.
    pub text: Arc<str>,
    /// The format of the text.
    pub format: Format,
    /// Options for rendering.
    pub options: RenderOptions,
}

/// The rendered rules of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The content of each file. The index is part of its name.
    pub files: Vec<String>,
    /// The groups in the files: index of the file, name, number of rules.
    pub mounted: Vec<(usize, String, usize)>,
    /// Number of shadowed alerting rules in the files.
    pub shadowed: usize,
    /// Number of recording rules that are left out.
    pub left_out: usize,
    /// Number of rules that no other evaluator has, if another one evaluates the object.
    pub uncovered: usize,
    /// The rejected groups with the reasons.
    pub rejected: Vec<(String, Vec<Rejection>)>,
    /// The digest of the files.
    pub digest: u64,
}

impl Rendered {
    /// Number of mounted rules.
    #[must_use]
    pub fn evaluated(&self) -> usize {
        self.mounted.iter().map(|(_, _, rules)| rules).sum()
    }

    /// The name of the file with an index.
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

    /// The rejected rules for the status.
    pub fn rejected_rules(&self, subject: &str) -> impl Iterator<Item = RejectedRule> {
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

/// Renders the rules of one object.
#[must_use]
pub fn render(source: &RuleSource) -> Rendered {
    let mut rendered = Rendered::default();
    let groups = match source.format {
        Format::Spec => {
            let value = serde_json::from_str(&source.text).unwrap_or_default();
            thanos_rules::read_spec(&value)
        }
        Format::File => match thanos_rules::read_file(&source.text) {
            Ok(groups) => groups,
            Err(rejection) => {
                rendered.rejected.push((String::new(), vec![rejection]));
                return rendered;
            }
        },
    };
    let dialect = &source.options.dialect;
    let checked = groups.into_iter().map(|read| {
        let checked = read
            .group
            .and_then(|group| thanos_rules::check(&group, dialect));
        (read.name, checked)
    });
    let mut file = Vec::new();
    let mut size = 0;
    for (name, group) in checked {
        match group.and_then(|group| render_group(group, &source.options, &mut rendered)) {
            Err(rejections) => rendered.rejected.push((name, rejections)),
            Ok(None) => {}
            Ok(Some(group)) => {
                if size + group.size() > FILE {
                    rendered.close(&mut file);
                    size = 0;
                }
                size += group.size();
                file.push(group);
            }
        }
    }
    rendered.close(&mut file);
    rendered.digest = xxh3_64(rendered.files.join("\0").as_bytes());
    rendered
}

/// One group; `None` if all of its rules are left out.
fn render_group(
    mut group: Checked,
    options: &RenderOptions,
    rendered: &mut Rendered,
) -> Result<Option<Checked>, Vec<Rejection>> {
    if let Some((label, value)) = &options.tenant {
        group = thanos_rules::enforce(&group, &options.dialect, label, value)?;
    }
    let elsewhere = &options.elsewhere;
    if *elsewhere != Elsewhere::Nothing {
        let rules = group.rules();
        let left_out =
            |rule: &RuleName<'_>| matches!(rule, RuleName::Record(_)) && elsewhere.has(*rule);
        let names = rules.map(|(kind, name)| rule_name(kind, name));
        let (covered, uncovered): (Vec<_>, Vec<_>) = names.partition(|rule| elsewhere.has(*rule));
        rendered.uncovered += uncovered.len();
        rendered.left_out += covered.iter().filter(|rule| left_out(rule)).count();
        let omits = |name: &str| elsewhere.has(RuleName::Record(name));
        group = match thanos_rules::without_records(&group, omits) {
            Some(group) => group,
            None => return Ok(None),
        };
    }
    let shadows = |name: &str| options.shadowed || elsewhere.has(RuleName::Alert(name));
    let alerts = group
        .rules()
        .filter(|(kind, name)| *kind == RuleKind::Alert && shadows(name));
    let shadowed = alerts.count();
    if shadowed > 0 {
        rendered.shadowed += shadowed;
        group = thanos_rules::add_shadow_label(&group, SHADOW.0, SHADOW.1, shadows);
    }
    Ok(Some(group))
}

fn rule_name(kind: RuleKind, name: &str) -> RuleName<'_> {
    match kind {
        RuleKind::Alert => RuleName::Alert(name),
        RuleKind::Record => RuleName::Record(name),
    }
}

impl Rendered {
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
                    "the group has {} KiB, the limit is {} KiB; split it into several groups",
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

/// Rendered rules by object and options, kept as long as a store contains the text.
#[derive(Debug, Default)]
pub struct RenderCache(BTreeMap<(Key, RenderOptions), Kept>);

#[derive(Debug)]
struct Kept {
    /// The store owns the text.
    text: Weak<str>,
    rendered: Arc<Rendered>,
}

impl RenderCache {
    /// The rendered rules of the object `key`, if they were rendered from this text.
    #[must_use]
    pub fn get(&self, key: &Key, source: &RuleSource) -> Option<Arc<Rendered>> {
        let kept = self.0.get(&(key.clone(), source.options.clone()))?;
        let text = kept.text.upgrade()?;
        Arc::ptr_eq(&text, &source.text).then(|| kept.rendered.clone())
    }

    /// Adds rendered rules, and drops those whose text is in no store any more.
    pub fn insert(&mut self, all: impl IntoIterator<Item = (Key, RuleSource, Rendered)>) {
        for (key, source, rendered) in all {
            let kept = Kept {
                text: Arc::downgrade(&source.text),
                rendered: Arc::new(rendered),
            };
            self.0.insert((key, source.options), kept);
        }
        self.tidy();
    }

    /// Drops rendered rules whose text is in no store any more.
    pub fn tidy(&mut self) {
        self.0.retain(|_, kept| kept.text.strong_count() > 0);
    }
}

/// The name prefix of the files of an object. The UID makes it unique: a namespace and a name joined by a
/// dash are not.
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

    fn options() -> RenderOptions {
        RenderOptions {
            dialect: Dialect::default(),
            shadowed: false,
            elsewhere: Elsewhere::Nothing,
            tenant: None,
        }
    }

    fn of(groups: &Value, options: &RenderOptions) -> Rendered {
        render(&RuleSource {
            subject: "PrometheusRule n/x".into(),
            stem: "n-x-u".into(),
            text: groups.to_string().into(),
            format: Format::Spec,
            options: options.clone(),
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
    fn bad_group_is_rejected_and_others_stay_loaded() {
        let rendered = of(&groups(), &options());
        assert_eq!((rendered.mounted.len(), rendered.evaluated()), (2, 3));
        assert_eq!(rendered.files.len(), 1);
        assert!(rendered.files[0].contains("a:b") && !rendered.files[0].contains("Odd"));
        let rejected: Vec<RejectedRule> = rendered.rejected_rules("PrometheusRule n/x").collect();
        assert_eq!(rejected.len(), 1);
        assert_eq!(rejected[0].group, "bad");
        assert_eq!(rejected[0].rule, "Odd");
    }

    #[test]
    fn overlapping_alerts_are_shadowed_and_overlapping_records_left_out() {
        let counts = |rendered: &Rendered| {
            let Rendered {
                shadowed,
                left_out,
                uncovered,
                ..
            } = rendered;
            (rendered.evaluated(), *shadowed, *left_out, *uncovered)
        };
        let elsewhere = |elsewhere| {
            let options = RenderOptions {
                elsewhere,
                ..options()
            };
            of(&groups(), &options)
        };
        let rendered = elsewhere(Elsewhere::Everything);
        assert_eq!(counts(&rendered), (1, 1, 2, 0));
        let shadow = "\"thanos_shadow\": \"true\"";
        assert!(rendered.files[0].contains(shadow), "{}", rendered.files[0]);

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
        assert_eq!(named(&all).files, rendered.files);
        assert_eq!(counts(&named(&all)), (1, 1, 2, 0));
        assert_eq!(counts(&named(&all[..2])), (1, 0, 2, 1));
        assert_eq!(counts(&named(&all[1..])), (2, 1, 1, 1));
        assert_eq!(counts(&named(&[RuleName::Alert("a:b")])), (3, 0, 0, 3));

        let shadowed = RenderOptions {
            shadowed: true,
            ..options()
        };
        assert_eq!(counts(&of(&groups(), &shadowed)), (3, 1, 0, 0));
    }

    #[test]
    fn a_rule_that_selects_another_tenant_is_rejected() {
        let tenant = |value: &str| RenderOptions {
            tenant: Some(("tenant_id".into(), value.into())),
            ..options()
        };
        let groups =
            json!([{"name": "g", "rules": [{"record": "r", "expr": "sum(up{tenant_id=\"b\"})"}]}]);
        assert!(of(&groups, &tenant("a")).files.is_empty());
        assert_eq!(of(&groups, &tenant("b")).evaluated(), 1);
    }

    #[test]
    fn large_objects_are_split_and_oversized_groups_are_rejected() {
        let group = |name: &str, bytes: usize| json!({"name": name, "rules": [{"alert": "A", "expr": "up", "annotations": {"d": "x".repeat(bytes)}}]});
        let rendered = of(
            &json!([
                group("a", FILE / 2),
                group("b", FILE / 2),
                group("c", 2 << 20)
            ]),
            &options(),
        );
        assert_eq!((rendered.files.len(), rendered.mounted.len()), (2, 2));
        let names: Vec<String> = rendered.named("s").map(|(name, _)| name).collect();
        assert_eq!(names, ["s.yaml", "s-1.yaml"]);
        let rejected: Vec<RejectedRule> = rendered.rejected_rules("x").collect();
        assert_eq!(rejected.len(), 1);
        let message = &rejected[0].message;
        assert!(message.contains("2048 KiB"), "{message}");
    }

    #[test]
    fn rendered_rules_are_cached_as_long_as_their_text() {
        let (mut cache, key) = (RenderCache::default(), Key::new("n", "x"));
        let source = |text: &Arc<str>| RuleSource {
            subject: String::new(),
            stem: String::new(),
            text: text.clone(),
            format: Format::Spec,
            options: options(),
        };
        let text: Arc<str> = groups().to_string().into();
        assert_eq!(cache.get(&key, &source(&text)), None);
        let rendered = render(&source(&text));
        cache.insert([(key.clone(), source(&text), rendered.clone())]);
        assert_eq!(cache.get(&key, &source(&text)).as_deref(), Some(&rendered));
        let shadowed = RuleSource {
            options: RenderOptions {
                shadowed: true,
                ..options()
            },
            ..source(&text)
        };
        assert_eq!(cache.get(&key, &shadowed), None);
        let other: Arc<str> = "[]".into();
        assert_eq!(cache.get(&key, &source(&other)), None);
        drop((text, shadowed));
        cache.tidy();
        assert!(cache.0.is_empty());
    }

    #[test]
    fn file_names_are_valid_and_unique() {
        let long = Key::new("n".repeat(63), "ä".repeat(120));
        let name = format!("{}-9999.yaml", stem(&long, &"u".repeat(36)));
        assert!(name.len() <= 253, "{}", name.len());
        assert_ne!(
            stem(&Key::new("a-b", "c"), "1"),
            stem(&Key::new("a", "b-c"), "2")
        );
    }
}
