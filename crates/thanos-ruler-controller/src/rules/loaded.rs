//! Whether rulers have loaded what is mounted, as their own metrics say. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use operator_runtime::{Answers, Inquiry};
use thanos_controller::facts::{PodFacts, PodState};
use thanos_workload::ports;
use xxhash_rust::xxh3::xxh3_64;

use super::source::Outcome;
use crate::plan::files::RULES_FOLDER;

/// How often a ruler is asked that has not loaded everything yet.
const LOADING_EVERY: Duration = Duration::from_secs(3);

/// How often one is asked that has.
const LOADED_EVERY: Duration = Duration::from_secs(120);

/// The number of rules of each group of each file.
const RULES: &str = "thanos_rule_loaded_rules{";

/// Whether the last reload succeeded.
const SUCCESS: &str = "thanos_rule_config_last_reload_successful ";

/// What a ruler says at its end that could not load rules.
const REFUSED: &str = "error loading rules";

/// The groups that rulers will have loaded: the number of rules of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(BTreeMap<String, Vec<(String, usize)>>);

impl Expected {
    /// Adds the files of an object.
    pub(crate) fn add(&mut self, stem: &str, outcome: &Outcome) {
        for (file, group, rules) in &outcome.mounted {
            let groups = self.0.entry(Outcome::file_name(stem, *file)).or_default();
            groups.push((group.clone(), *rules));
        }
    }

    /// Leaves out a file that is not mounted. Returns its groups.
    pub(crate) fn remove(&mut self, file: &str) -> Vec<(String, usize)> {
        self.0.remove(file).unwrap_or_default()
    }

    /// The digest of all of them.
    #[must_use]
    pub fn digest(&self) -> String {
        let all = self.0.iter().flat_map(|(file, groups)| {
            let line = move |(group, rules): &(String, usize)| {
                line(&format!("{RULES_FOLDER}/{file}"), group, *rules as f64)
            };
            groups.iter().map(line)
        });
        digest(all.collect())
    }
}

fn line(file: &str, group: &str, rules: f64) -> String {
    format!("{file}\n{group}\n{rules}")
}

/// The digests of the groups of an object, as a ruler tells them whose reload failed.
pub(crate) fn lines(stem: &str, outcome: &Outcome) -> impl Iterator<Item = u64> {
    outcome.mounted.iter().map(move |(file, group, rules)| {
        let file = Outcome::file_name(stem, *file);
        let line = line(&format!("{RULES_FOLDER}/{file}"), group, *rules as f64);
        xxh3_64(line.as_bytes())
    })
}

fn digest(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    format!("{:016x}", xxh3_64(lines.join("\n").as_bytes()))
}

/// What a ruler says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It has loaded exactly what is mounted.
    All,
    /// It has loaded something else, and will reload as soon as its files are renewed.
    NotYet,
    /// Its last reload failed: it goes on with the rules it had.
    Failed {
        /// These have the names of what is mounted.
        same: bool,
    },
    /// It does not answer, or was not asked yet.
    Silent,
}

fn url(pod: &PodFacts) -> Option<String> {
    let port = u16::try_from(ports::HTTP_NUMBER).ok()?;
    let address = std::net::SocketAddr::new(pod.ip?, port);
    (pod.state == PodState::Running).then(|| format!("http://{address}/metrics"))
}

/// What a ruler says that should have loaded what has the digest `expected`.
#[must_use]
pub fn loaded(pod: &PodFacts, answers: &Answers, expected: &str) -> Loaded {
    let mut words = answer(pod, answers).unwrap_or_default().split(' ');
    match (words.next(), words.next()) {
        (Some("0"), Some(digest)) => Loaded::Failed {
            same: digest == expected,
        },
        (Some(_), Some(digest)) if digest == expected => Loaded::All,
        (Some(_), Some(_)) => Loaded::NotYet,
        _ => Loaded::Silent,
    }
}

fn answer<'a>(pod: &PodFacts, answers: &'a Answers) -> Option<&'a str> {
    answers.answer(&url(pod)?)?.ok()
}

/// What all rulers of a ThanosRuler say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Everything is loaded by all that run.
    Loaded,
    /// Nobody could load it: all go on with the rules they had.
    Failed {
        /// These have the names of what is mounted.
        same: bool,
        /// The digests of the groups that one of them goes on with.
        loaded: Vec<u64>,
    },
    /// Nobody runs: rules that do not load end all of them at their start.
    Ended,
    /// They differ, or nobody knows.
    Unclear,
}

/// What rulers say that should have loaded what has the digest `expected`.
#[must_use]
pub fn said(pods: &BTreeMap<String, &PodFacts>, answers: &Answers, expected: &str) -> Said {
    let there = pods.values().filter(|pod| pod.state != PodState::Going);
    let (ended, others): (Vec<&PodFacts>, Vec<&PodFacts>) =
        there.copied().partition(|pod| ended_by_rules(pod));
    let of = |pod: &PodFacts| loaded(pod, answers, expected);
    let has_failed = |loaded: Loaded| matches!(loaded, Loaded::Failed { .. });
    let ready: Vec<_> = others.iter().filter(|pod| pod.ready).collect();
    match others.first() {
        None if ended.is_empty() => Said::Unclear,
        None => Said::Ended,
        // One that cannot load what another can has some other trouble.
        Some(first) if others.iter().all(|pod| has_failed(of(pod))) => {
            let words = answer(first, answers).unwrap_or_default().split(' ');
            let loaded = words
                .skip(2)
                .filter_map(|w| u64::from_str_radix(w, 16).ok());
            Said::Failed {
                same: others
                    .iter()
                    .all(|p| of(p) == Loaded::Failed { same: true }),
                loaded: loaded.collect(),
            }
        }
        Some(_) if ended.is_empty() && !ready.is_empty() => {
            match ready.iter().all(|pod| of(pod) == Loaded::All) {
                true => Said::Loaded,
                false => Said::Unclear,
            }
        }
        Some(_) => Said::Unclear,
    }
}

/// Whether a ruler could not start because of rules.
fn ended_by_rules(pod: &PodFacts) -> bool {
    let words = pod.ended.as_ref().map(|ended| ended.words.as_str());
    !pod.ready && words.is_some_and(|words| words.contains(REFUSED))
}

/// How a ruler is asked; `None` if it cannot be.
#[must_use]
pub fn inquiry(pod: &PodFacts, answers: &Answers, expected: &str) -> Option<Inquiry> {
    Some(Inquiry {
        url: url(pod)?,
        every: match loaded(pod, answers, expected) {
            Loaded::All => LOADED_EVERY,
            _ => LOADING_EVERY,
        },
        keep,
    })
}

/// Of the metrics: whether the last reload succeeded, the digest of what is loaded, and if it did not,
/// the digest of each group.
fn keep(body: &str) -> String {
    let success = body.lines().find_map(|line| line.strip_prefix(SUCCESS));
    let success = success.unwrap_or("?");
    let groups = body.lines().filter_map(|text| {
        let (labels, value) = text.strip_prefix(RULES)?.rsplit_once("} ")?;
        let label = |name: &str| {
            let start = labels.find(&format!("{name}=\""))? + name.len() + 2;
            unescaped(&labels[start..])
        };
        let rules: f64 = value.parse().ok()?;
        Some(line(&label("file")?, &label("group")?, rules))
    });
    let groups: Vec<String> = groups.collect();
    let of_group = |group: &String| format!(" {:016x}", xxh3_64(group.as_bytes()));
    let each: String = match success {
        "0" => groups.iter().map(of_group).collect(),
        _ => String::new(),
    };
    format!("{success} {}{each}", digest(groups))
}

/// The value of a label, up to its closing quote.
fn unescaped(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(success: u8, groups: &[(&str, &str, usize)]) -> String {
        let mut text = format!("# HELP x\n{SUCCESS}{success}\n");
        for (file, group, rules) in groups {
            text += &format!(
                "{RULES}file=\"{RULES_FOLDER}/{file}\",group=\"{group}\",strategy=\"abort\"}} {rules}\n"
            );
        }
        text
    }

    fn expected() -> Expected {
        let outcome = Outcome {
            mounted: vec![
                (0, "a".into(), 2),
                (0, "b\"c".into(), 1),
                (1, "d".into(), 3),
            ],
            ..Default::default()
        };
        let mut expected = Expected::default();
        expected.add("n-x-u", &outcome);
        expected
    }

    const ALL: [(&str, &str, usize); 3] = [
        ("n-x-u-1.yaml", "d", 3),
        ("n-x-u.yaml", "b\\\"c", 1),
        ("n-x-u.yaml", "a", 2),
    ];

    fn says(metrics: &str) -> Loaded {
        let pod = PodFacts {
            ip: Some("10.0.0.1".parse().unwrap()),
            state: PodState::Running,
            ..Default::default()
        };
        let mut answers = Answers::default();
        answers.remember(&url(&pod).unwrap(), Ok(keep(metrics)));
        loaded(&pod, &answers, &expected().digest())
    }

    #[test]
    fn a_ruler_has_loaded_what_is_mounted_and_nothing_else() {
        assert_eq!(says(&metrics(1, &ALL)), Loaded::All);
        assert_eq!(says(&metrics(1, &ALL[1..])), Loaded::NotYet);
        let failed = |same| Loaded::Failed { same };
        assert_eq!(says(&metrics(0, &ALL[1..])), failed(false));
        assert_eq!(says(&metrics(0, &ALL)), failed(true));
        let more = [("else.yaml", "a", 1)];
        assert_eq!(
            says(&metrics(1, &[&ALL[..], &more].concat())),
            Loaded::NotYet
        );
        assert_eq!(says(&metrics(1, &[])), Loaded::NotYet);
        assert_eq!(says(""), Loaded::NotYet);
    }

    fn all_say(pods: &[(PodFacts, &str)]) -> Said {
        let mut answers = Answers::default();
        let mut named = BTreeMap::new();
        for (i, (pod, metrics)) in pods.iter().enumerate() {
            if let Some(url) = url(pod).filter(|_| !metrics.is_empty()) {
                answers.remember(&url, Ok(keep(metrics)));
            }
            named.insert(format!("x-{i}"), pod);
        }
        said(&named, &answers, &expected().digest())
    }

    fn running(number: u8) -> PodFacts {
        PodFacts {
            ip: Some(std::net::Ipv4Addr::new(10, 0, 0, number).into()),
            ready: true,
            state: PodState::Running,
            ..Default::default()
        }
    }

    fn ended(words: &str) -> PodFacts {
        PodFacts {
            state: PodState::Running,
            ended: Some(thanos_controller::facts::Ended {
                how: "exit code 1".into(),
                words: words.into(),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn only_what_all_rulers_say_is_the_fault_of_rules() {
        let (good, bad) = (metrics(1, &ALL), metrics(0, &ALL[1..]));
        let (good, bad) = (good.as_str(), bad.as_str());
        let by_rules =
            "err=\"reloading rules failed: error loading rules, previous rule set restored\"";

        assert_eq!(
            all_say(&[(running(1), good), (running(2), good)]),
            Said::Loaded
        );
        let starts = PodFacts::default();
        assert_eq!(all_say(&[(running(1), good), (starts, "")]), Said::Loaded);
        assert_eq!(
            all_say(&[(running(1), good), (running(2), bad)]),
            Said::Unclear
        );
        assert_eq!(
            all_say(&[(running(1), bad), (running(2), "")]),
            Said::Unclear
        );
        assert_eq!(all_say(&[]), Said::Unclear);
        assert_eq!(all_say(&[(ended("no space left"), "")]), Said::Unclear);
        assert_eq!(all_say(&[(ended(by_rules), "")]), Said::Ended);
        assert_eq!(
            all_say(&[(running(1), good), (ended(by_rules), "")]),
            Said::Unclear
        );

        let outcome = Outcome {
            mounted: vec![(0, "b\"c".into(), 1), (0, "a".into(), 2)],
            ..Default::default()
        };
        let mut kept: Vec<u64> = lines("n-x-u", &outcome).collect();
        kept.sort_unstable();
        for pods in [
            vec![(running(1), bad)],
            vec![(running(1), bad), (ended(by_rules), "")],
        ] {
            let Said::Failed { same, mut loaded } = all_say(&pods) else {
                panic!("{:?}", all_say(&pods));
            };
            loaded.sort_unstable();
            assert_eq!((same, &loaded), (false, &kept));
        }
        let same = metrics(0, &ALL);
        let said = all_say(&[(running(1), &same)]);
        assert!(matches!(said, Said::Failed { same: true, .. }), "{said:?}");
    }
}
