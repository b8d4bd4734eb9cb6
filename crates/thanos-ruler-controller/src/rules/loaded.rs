//! Whether rulers have loaded the mounted rules, as their own metrics report. Pure.
//!
//! A ruler reports whether its last reload succeeded, when the last successful one was, and the number of
//! rules of each group of each file. It does not report the text of a rule: that a text was loaded follows
//! from a reload later than the change. See [`Expected::after`] for what that leaves open.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use operator_runtime::{Probe, ProbeResults, Read, Sample};
use thanos_controller_common::facts::{PodFacts, PodState};
use thanos_workload::ports;
use xxhash_rust::xxh3::xxh3_64;

use super::source::Outcome;
use crate::plan::files::RULES_FOLDER;
use crate::sends;

/// How often a ruler is probed that has not loaded everything yet.
const LOADING_EVERY: Duration = Duration::from_secs(3);

/// How often one is probed that has.
const LOADED_EVERY: Duration = Duration::from_secs(120);

/// The number of rules of each group of each file. Thanos writes it anew at each successful reload and at
/// no other time.
const RULES: &str = "thanos_rule_loaded_rules";

/// Whether the last reload succeeded. Rulers export it from their start; the others only of groups.
pub const SUCCESS: &str = "thanos_rule_config_last_reload_successful";

/// The Unix time of the last successful reload by the clock of the ruler's node; 0 until the first.
const SUCCESS_TIME: &str = "thanos_rule_config_last_reload_success_timestamp_seconds";

/// What a ruler logs last that could not load rules at its start.
const LOAD_ERROR: &str = "error loading rules";

/// What rulers will have loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The digests of all groups, added up.
    groups: u64,
    /// The reload must be later than this, if it is set: then the mounted rules changed. `None` where no
    /// change is known, or where it is so long ago that every node has renewed its files.
    ///
    /// Clocks of nodes differ: a ruler whose clock is behind counts as loaded when this is unset, and one
    /// whose clock is ahead may count as loaded too early if only texts changed. The same holds for a
    /// reload of the content before, if the node read that just before the change. In both cases a reload
    /// that fails follows if the new content cannot be loaded, for which
    /// [`HeldBack`](super::held::HeldBack) remembers two versions.
    pub after: Option<Timestamp>,
}

impl Expected {
    /// Adds the groups in the mounted files of an object. `is_mounted` is given the name of a file.
    pub(crate) fn add(&mut self, stem: &str, outcome: &Outcome, is_mounted: impl Fn(&str) -> bool) {
        for (file, digest) in groups(stem, outcome) {
            if is_mounted(&file) {
                self.groups = self.groups.wrapping_add(digest);
            }
        }
    }

    /// The digest of all groups.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("{:016x}", self.groups)
    }

    /// Whether a successful reload at this time is late enough.
    fn is_met_at(&self, reloaded: f64) -> bool {
        let is_before = |after: Timestamp| reloaded <= after.as_millisecond() as f64 / 1000.0;
        !self.after.is_some_and(is_before)
    }
}

/// The digest of a group: of the path of its file, its name and its number of rules.
fn group(file: &str, name: &str, rules: f64) -> u64 {
    xxh3_64(format!("{file}\n{name}\n{rules}").as_bytes())
}

/// The digests of the groups of an object, each with the name of its file.
pub(crate) fn groups(stem: &str, outcome: &Outcome) -> impl Iterator<Item = (String, u64)> {
    outcome.mounted.iter().map(move |(file, name, rules)| {
        let file = Outcome::file_name(stem, *file);
        let digest = group(&format!("{RULES_FOLDER}/{file}"), name, *rules as f64);
        (file, digest)
    })
}

/// What a ruler reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It has loaded exactly what is mounted.
    All,
    /// It has loaded something else or nothing, and will reload as soon as its files are renewed.
    NotYet,
    /// Its last reload failed: it goes on with the rules it had.
    Failed,
    /// It does not answer, does not report whether its last reload succeeded, or was not probed yet.
    Silent,
}

fn url(pod: &PodFacts) -> Option<String> {
    let port = u16::try_from(ports::HTTP_NUMBER).ok()?;
    let address = std::net::SocketAddr::new(pod.ip?, port);
    (pod.state == PodState::Running).then(|| format!("http://{address}/metrics"))
}

/// The report of a ruler.
struct StatusInputs<'a> {
    /// Whether its last reload succeeded.
    success: bool,
    /// The digest of what it has loaded.
    digest: &'a str,
    /// When it loaded that.
    at: f64,
    /// The digests of the groups of that, if the last reload failed.
    groups: std::str::Split<'a, char>,
}

fn status_inputs<'a>(pod: &PodFacts, answers: &'a ProbeResults) -> Option<StatusInputs<'a>> {
    let mut termination_message = answer(pod, answers)?.split(' ');
    Some(StatusInputs {
        success: match termination_message.next()? {
            "1" => true,
            "0" => false,
            _ => return None,
        },
        digest: termination_message.next()?,
        at: termination_message
            .next()
            .and_then(|at| at.parse().ok())
            .unwrap_or(0.0),
        groups: termination_message,
    })
}

/// What a ruler reports of what is expected.
#[must_use]
pub fn loaded(pod: &PodFacts, answers: &ProbeResults, expected: &Expected) -> Loaded {
    let Some(status_inputs) = status_inputs(pod, answers) else {
        return Loaded::Silent;
    };
    let is_expected =
        status_inputs.digest == expected.digest() && expected.is_met_at(status_inputs.at);
    match status_inputs.success {
        true if is_expected => Loaded::All,
        // One that starts has not reloaded yet; if that fails, it ends.
        false if status_inputs.at > 0.0 => Loaded::Failed,
        _ => Loaded::NotYet,
    }
}

/// Whether a ruler answers without reporting whether its last reload succeeded.
#[must_use]
pub fn is_unclear(pod: &PodFacts, answers: &ProbeResults) -> bool {
    answer(pod, answers).is_some_and(str::is_empty)
}

fn answer<'a>(pod: &PodFacts, answers: &'a ProbeResults) -> Option<&'a str> {
    let answer = answers.answer(&url(pod)?)?.ok()?;
    Some(answer.lines().next().unwrap_or_default())
}

/// What a ruler says of its sends to Alertmanagers; `None` if it says nothing.
pub(crate) fn said_of_sends<'a>(
    pod: &PodFacts,
    answers: &'a ProbeResults,
) -> Option<impl Iterator<Item = &'a str>> {
    Some(answers.answer(&url(pod)?)?.ok()?.lines().skip(1))
}

/// What all rulers of a ThanosRuler report together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Everything is loaded by all that run.
    Loaded,
    /// The last reload of each failed: all go on with the rules they had. The digests of the groups of one
    /// of them.
    Failed(BTreeSet<u64>),
    /// None runs: rules that do not load end each of them at its start.
    Ended,
    /// They differ, or it is not known.
    Unclear,
}

/// What rulers report of what is expected.
#[must_use]
pub fn said(
    pods: &BTreeMap<String, &PodFacts>,
    answers: &ProbeResults,
    expected: &Expected,
) -> Said {
    let there = pods
        .values()
        .filter(|pod| pod.state != PodState::Terminating);
    let (ended, others): (Vec<&PodFacts>, Vec<&PodFacts>) =
        there.copied().partition(|pod| ended_by_rules(pod));
    let of = |pod: &PodFacts| loaded(pod, answers, expected);
    let mut ready = others.iter().filter(|pod| pod.ready).peekable();
    match others.first() {
        None if ended.is_empty() => Said::Unclear,
        None => Said::Ended,
        // One that cannot load what another can has some other problem.
        Some(first) if others.iter().all(|pod| of(pod) == Loaded::Failed) => {
            let groups = status_inputs(first, answers).map(|status_inputs| status_inputs.groups);
            let groups = groups.into_iter().flatten();
            Said::Failed(
                groups
                    .filter_map(|g| u64::from_str_radix(g, 16).ok())
                    .collect(),
            )
        }
        Some(_) if !ended.is_empty() || ready.peek().is_none() => Said::Unclear,
        Some(_) if ready.all(|pod| of(pod) == Loaded::All) => Said::Loaded,
        Some(_) => Said::Unclear,
    }
}

/// Whether a ruler could not start because of rules.
fn ended_by_rules(pod: &PodFacts) -> bool {
    let termination_message = pod
        .ended
        .as_ref()
        .map(|ended| ended.termination_message.as_str());
    !pod.ready
        && termination_message
            .is_some_and(|termination_message| termination_message.contains(LOAD_ERROR))
}

/// The probe of a ruler; `None` if it cannot be probed.
#[must_use]
pub fn inquiry(pod: &PodFacts, answers: &ProbeResults, expected: &Expected) -> Option<Probe> {
    Some(Probe {
        url: url(pod)?,
        every: match loaded(pod, answers, expected) {
            Loaded::All => LOADED_EVERY,
            _ => LOADING_EVERY,
        },
        read: READ,
    })
}

/// What is read, in the first line: whether the last reload succeeded, the digest of what is loaded, since
/// when it is, and if the last reload failed, the digest of each group. In the others: what counts of sends
/// to Alertmanagers.
const READ: Read = Read::Metrics {
    names: &[
        RULES,
        SUCCESS,
        SUCCESS_TIME,
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
    match sample.name {
        SUCCESS => return Some(format!("success {value}")),
        SUCCESS_TIME => return Some(format!("at {value}")),
        _ => {}
    }
    if let Some(line) = sends::shorten(&sample) {
        return Some(format!("{SEND} {line}"));
    }
    let digest = group(&sample.label("file")?, &sample.label("group")?, value);
    Some(format!("group {digest:016x}"))
}

fn summary(lines: &str) -> String {
    let of = |what: &'static str| {
        let termination_message = lines.lines().filter_map(|line| line.split_once(' '));
        termination_message
            .filter(move |(it, _)| *it == what)
            .map(|(_, rest)| rest)
    };
    let Some(success) = of("success").next() else {
        return String::new();
    };
    let at = of("at").next().unwrap_or("0");
    let digests = of("group").filter_map(|group| u64::from_str_radix(group, 16).ok());
    let digest = digests.fold(0, u64::wrapping_add);
    let each: String = match success {
        "0" => of("group").map(|group| format!(" {group}")).collect(),
        _ => String::new(),
    };
    let sends = sends::summary(of(SEND));
    format!("{success} {digest:016x} {at}{each}{sends}")
}

#[cfg(test)]
mod tests;
