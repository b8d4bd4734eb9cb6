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
    Failed,
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
    let Some(Ok(said)) = url(pod).and_then(|url| answers.answer(&url)) else {
        return Loaded::Silent;
    };
    match said.split_once(' ') {
        Some((_, digest)) if digest == expected => Loaded::All,
        Some(("0", _)) => Loaded::Failed,
        Some(_) => Loaded::NotYet,
        None => Loaded::Silent,
    }
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

/// Of the metrics: whether the last reload succeeded, and the digest of what is loaded.
fn keep(body: &str) -> String {
    let success = body.lines().find_map(|line| line.strip_prefix(SUCCESS));
    let groups = body.lines().filter_map(|text| {
        let (labels, value) = text.strip_prefix(RULES)?.rsplit_once("} ")?;
        let label = |name: &str| {
            let start = labels.find(&format!("{name}=\""))? + name.len() + 2;
            unescaped(&labels[start..])
        };
        let rules: f64 = value.parse().ok()?;
        Some(line(&label("file")?, &label("group")?, rules))
    });
    let digest = digest(groups.collect());
    format!("{} {digest}", success.unwrap_or("?"))
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
        assert_eq!(says(&metrics(0, &ALL[1..])), Loaded::Failed);
        let more = [("else.yaml", "a", 1)];
        assert_eq!(
            says(&metrics(1, &[&ALL[..], &more].concat())),
            Loaded::NotYet
        );
        assert_eq!(says(&metrics(1, &[])), Loaded::NotYet);
        assert_eq!(says(""), Loaded::NotYet);
    }
}
