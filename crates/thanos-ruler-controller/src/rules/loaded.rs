//! Whether rulers have loaded what is mounted, as their own metrics say. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use operator_runtime::{Answers, Inquiry, Read, Sample};
use thanos_controller::facts::{PodFacts, PodState};
use thanos_workload::ports;
use xxhash_rust::xxh3::xxh3_64;

use super::pack::Files;
use super::source::Outcome;
use crate::plan::files::RULES_FOLDER;
use crate::sends;

/// How often a ruler is asked that has not loaded everything yet.
const LOADING_EVERY: Duration = Duration::from_secs(3);

/// How often one is asked that has.
const LOADED_EVERY: Duration = Duration::from_secs(120);

/// The number of rules of each group of each file.
const RULES: &str = "thanos_rule_loaded_rules";

/// The interval of each group of each file.
const INTERVALS: &str = "prometheus_rule_group_interval_seconds";

/// Whether the last reload succeeded. Rulers export it from their start; the others only of groups.
pub const SUCCESS: &str = "thanos_rule_config_last_reload_successful";

/// What a ruler says at its end that could not load rules.
const REFUSED: &str = "error loading rules";

/// The group without rules that tells which files a ruler has loaded: there is one in each ConfigMap,
/// and its interval is the digest of the others.
const SEAL: &str = "thanos-operator-digest";

/// The digest of the files of one ConfigMap as a number of seconds, so many that Prometheus has the
/// number as it is, and nobody waits for it: 17 years or more. Ten of them are longer than from 1970
/// until now, so the alert `ThanosRuleNoEvaluationFor10Intervals` of thanos-mixin does not fire.
fn interval(files: &Files) -> u64 {
    const LEAST: u64 = 1 << 29;
    let mut bytes = Vec::new();
    for (name, content) in files {
        bytes.extend(xxh3_64(name.as_bytes()).to_le_bytes());
        bytes.extend(xxh3_64(content.as_bytes()).to_le_bytes());
    }
    LEAST + xxh3_64(&bytes) % LEAST
}

/// What rulers will have loaded: the interval of each group that tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected(Vec<String>);

impl Expected {
    /// Adds to the files of each ConfigMap the group that tells that they are loaded. `what` is what
    /// the ConfigMaps hold, as in their names.
    pub(crate) fn seal(&mut self, what: &str, slots: &mut [Files]) {
        for (i, files) in slots.iter_mut().enumerate() {
            if files.is_empty() {
                continue;
            }
            let (name, interval) = (format!("digest-{what}-{i}.yaml"), interval(files));
            self.0.push(seal(&name, interval as f64));
            let content =
                format!("groups:\n- name: {SEAL}\n  interval: {interval}s\n  rules: []\n");
            files.insert(name, content);
        }
    }

    /// The digest of all of them.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(self.0.clone())
    }
}

fn seal(file: &str, interval: f64) -> String {
    format!("{file} {interval}")
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
    Failed,
    /// It does not answer, does not say whether its last reload succeeded, or was not asked yet.
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
        // What it tells is partly of what it could not load.
        (Some("0"), Some(_)) => Loaded::Failed,
        (Some("1"), Some(digest)) if digest == expected => Loaded::All,
        (Some("1"), Some(_)) => Loaded::NotYet,
        _ => Loaded::Silent,
    }
}

/// Whether a ruler answers without saying whether its last reload succeeded.
#[must_use]
pub fn is_unclear(pod: &PodFacts, answers: &Answers) -> bool {
    answer(pod, answers).is_some_and(str::is_empty)
}

fn answer<'a>(pod: &PodFacts, answers: &'a Answers) -> Option<&'a str> {
    let answer = answers.answer(&url(pod)?)?.ok()?;
    Some(answer.lines().next().unwrap_or_default())
}

/// What a ruler says of its sends to Alertmanagers; `None` if it says nothing.
pub(crate) fn said_of_sends<'a>(
    pod: &PodFacts,
    answers: &'a Answers,
) -> Option<impl Iterator<Item = &'a str>> {
    Some(answers.answer(&url(pod)?)?.ok()?.lines().skip(1))
}

/// What all rulers of a ThanosRuler say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Everything is loaded by all that run.
    Loaded,
    /// Nobody could load it: all go on with the rules they had. The digests of the groups of one of them.
    Failed(Vec<u64>),
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
    let ready: Vec<_> = others.iter().filter(|pod| pod.ready).collect();
    match others.first() {
        None if ended.is_empty() => Said::Unclear,
        None => Said::Ended,
        // One that cannot load what another can has some other trouble.
        Some(first) if others.iter().all(|pod| of(pod) == Loaded::Failed) => {
            let words = answer(first, answers).unwrap_or_default().split(' ');
            let loaded = words
                .skip(2)
                .filter_map(|w| u64::from_str_radix(w, 16).ok());
            Said::Failed(loaded.collect())
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
        read: READ,
    })
}

/// What is read, in the first line: whether the last reload succeeded, the digest of what is loaded, and if
/// it did not, the digest of each group. In the others: what counts of sends to Alertmanagers.
const READ: Read = Read::Metrics {
    names: &[
        RULES,
        INTERVALS,
        SUCCESS,
        sends::FAILED,
        sends::SENT,
        sends::REQUESTS,
    ],
    line: shorten,
    keep: summary,
};

/// What begins a line about sends.
const SEND: &str = "send";

/// Of a line as much as the summary needs: there can be one of each of many thousands of groups.
fn shorten(text: &str) -> Option<String> {
    let sample = Sample::parse(text)?;
    let value = sample.value;
    if sample.name == SUCCESS {
        return Some(format!("success {value}"));
    }
    if let Some(line) = sends::shorten(&sample) {
        return Some(format!("{SEND} {line}"));
    }
    if sample.name == INTERVALS {
        let path = sample.label("rule_group")?;
        let (file, group) = path.rsplit_once(';')?;
        return (group == SEAL).then(|| format!("interval {}", seal(last(file), value)));
    }
    let (file, group) = (sample.label("file")?, sample.label("group")?);
    let digest = xxh3_64(line(&file, &group, value).as_bytes());
    let loaded = if group == SEAL { last(&file) } else { "" };
    Some(format!("group {digest:016x} {loaded}"))
}

fn summary(lines: &str) -> String {
    let of = |what: &'static str| {
        let words = lines.lines().filter_map(|line| line.split_once(' '));
        words
            .filter(move |(it, _)| *it == what)
            .map(|(_, rest)| rest)
    };
    let Some(success) = of("success").next() else {
        return String::new();
    };
    let groups = || of("group").filter_map(|rest| rest.split_once(' '));
    let sealed: BTreeSet<&str> = groups().map(|(_, file)| file).collect();
    // Prometheus tells intervals of groups that it has read, also if others kept it from loading them.
    let seals = of("interval").filter(|seal| {
        let file = seal.rsplit_once(' ').map(|(file, _)| file);
        file.is_some_and(|file| sealed.contains(file))
    });
    let each: String = match success {
        "0" => groups().map(|(digest, _)| format!(" {digest}")).collect(),
        _ => String::new(),
    };
    let loaded = digest(seals.map(str::to_owned).collect());
    let sends = sends::summary(of(SEND));
    format!("{success} {loaded}{each}{sends}")
}

/// The name of a file.
fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests;
