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

use super::source::Rendered;
use crate::names::RULES_FOLDER;
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

/// The Unix time of the last successful reload by the clock of the ruler's node; 0 before the first.
const SUCCESS_TIME: &str = "thanos_rule_config_last_reload_success_timestamp_seconds";

/// Last log message of a ruler that fails to load rules at startup.
const LOAD_ERROR: &str = "error loading rules";

/// The rules that rulers are expected to load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The sum of the digests of all groups.
    groups: u64,
    /// The reload must be later than this, if it is set: then the mounted rules changed. `None` where no
    /// change is known, or where it is so long ago that every node has renewed its files.
    ///
    /// Clocks of nodes differ: a ruler whose clock is behind counts as loaded when this is unset, and one
    /// whose clock is ahead may count as loaded too early if only texts changed. The same holds for a
    /// reload of the content before, if the node read that just before the change. In both cases a reload
    /// that fails follows if the new content cannot be loaded, for which
    /// `HeldBack` remembers two versions.
    pub after: Option<Timestamp>,
}

impl Expected {
    /// Adds the groups in the mounted files of an object. `is_mounted` is given the name of a file.
    pub(crate) fn add(
        &mut self,
        stem: &str,
        rendered: &Rendered,
        is_mounted: impl Fn(&str) -> bool,
    ) {
        for (file, digest) in groups(stem, rendered) {
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
pub(crate) fn groups(stem: &str, rendered: &Rendered) -> impl Iterator<Item = (String, u64)> {
    rendered.mounted.iter().map(move |(file, name, rules)| {
        let file = Rendered::file_name(stem, *file);
        let digest = group(&format!("{RULES_FOLDER}/{file}"), name, *rules as f64);
        (file, digest)
    })
}

/// Which rules a ruler has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// It has loaded exactly what is mounted.
    All,
    /// It has loaded other rules or none, and reloads as soon as its files are updated.
    NotYet,
    /// Its last reload failed; the previously loaded rules stay in effect.
    Failed,
    /// It is unreachable, does not report whether its last reload succeeded, or was not probed yet.
    Silent,
}

fn url(pod: &PodFacts) -> Option<String> {
    let port = u16::try_from(ports::HTTP_NUMBER).ok()?;
    let address = std::net::SocketAddr::new(pod.ip?, port);
    (pod.state == PodState::Running).then(|| format!("http://{address}/metrics"))
}

/// What a ruler reports.
struct Report<'a> {
    /// Whether its last reload succeeded.
    success: bool,
    /// The digest of what it has loaded.
    digest: &'a str,
    /// When it loaded that.
    at: f64,
    /// The digests of the groups of that, if the last reload failed.
    groups: std::str::Split<'a, char>,
}

fn report<'a>(pod: &PodFacts, answers: &'a ProbeResults) -> Option<Report<'a>> {
    let mut fields = first_line(pod, answers)?.split(' ');
    Some(Report {
        success: match fields.next()? {
            "1" => true,
            "0" => false,
            _ => return None,
        },
        digest: fields.next()?,
        at: fields.next().and_then(|at| at.parse().ok()).unwrap_or(0.0),
        groups: fields,
    })
}

/// Whether a ruler has loaded the expected rules.
#[must_use]
pub fn loaded(pod: &PodFacts, answers: &ProbeResults, expected: &Expected) -> Loaded {
    let Some(report) = report(pod, answers) else {
        return Loaded::Silent;
    };
    let is_expected = report.digest == expected.digest() && expected.is_met_at(report.at);
    match report.success {
        true if is_expected => Loaded::All,
        // A starting ruler has not loaded rules yet; it exits if that fails.
        false if report.at > 0.0 => Loaded::Failed,
        _ => Loaded::NotYet,
    }
}

/// Whether a ruler is reachable and does not report whether its last reload succeeded.
#[must_use]
pub fn is_unclear(pod: &PodFacts, answers: &ProbeResults) -> bool {
    first_line(pod, answers).is_some_and(str::is_empty)
}

fn first_line<'a>(pod: &PodFacts, answers: &'a ProbeResults) -> Option<&'a str> {
    let answer = answers.answer(&url(pod)?)?.ok()?;
    Some(answer.lines().next().unwrap_or_default())
}

/// The lines about sends to Alertmanagers in the probe result of a ruler; `None` without a result.
pub(crate) fn send_lines<'a>(
    pod: &PodFacts,
    answers: &'a ProbeResults,
) -> Option<impl Iterator<Item = &'a str>> {
    Some(answers.answer(&url(pod)?)?.ok()?.lines().skip(1))
}

/// Which rules all rulers of a ThanosRuler have loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllLoaded {
    /// Every running ruler has loaded all rules.
    Loaded,
    /// The last reload of every ruler failed. The digests of the groups that one of them has loaded.
    Failed(BTreeSet<u64>),
    /// No ruler runs: each exits at startup because rules do not load.
    Ended,
    /// Rulers differ, or their state is unknown.
    Unclear,
}

/// Whether all rulers have loaded the expected rules.
#[must_use]
pub fn all_loaded(
    pods: &BTreeMap<String, &PodFacts>,
    answers: &ProbeResults,
    expected: &Expected,
) -> AllLoaded {
    let present = pods
        .values()
        .filter(|pod| pod.state != PodState::Terminating);
    let (ended, others): (Vec<&PodFacts>, Vec<&PodFacts>) =
        present.copied().partition(|pod| ended_by_rules(pod));
    let of = |pod: &PodFacts| loaded(pod, answers, expected);
    let mut ready = others.iter().filter(|pod| pod.ready).peekable();
    match others.first() {
        None if ended.is_empty() => AllLoaded::Unclear,
        None => AllLoaded::Ended,
        // If another ruler loads the same rules, they are not the cause.
        Some(first) if others.iter().all(|pod| of(pod) == Loaded::Failed) => {
            let groups = report(first, answers).map(|report| report.groups);
            let groups = groups.into_iter().flatten();
            AllLoaded::Failed(
                groups
                    .filter_map(|g| u64::from_str_radix(g, 16).ok())
                    .collect(),
            )
        }
        Some(_) if !ended.is_empty() || ready.peek().is_none() => AllLoaded::Unclear,
        Some(_) if ready.all(|pod| of(pod) == Loaded::All) => AllLoaded::Loaded,
        Some(_) => AllLoaded::Unclear,
    }
}

/// Whether rules made a ruler exit at startup.
fn ended_by_rules(pod: &PodFacts) -> bool {
    let ended = pod.ended.as_ref();
    !pod.ready && ended.is_some_and(|ended| ended.termination_message.contains(LOAD_ERROR))
}

/// The probe of a ruler; `None` if it cannot be probed.
#[must_use]
pub fn probe(pod: &PodFacts, answers: &ProbeResults, expected: &Expected) -> Option<Probe> {
    Some(Probe {
        url: url(pod)?,
        every: match loaded(pod, answers, expected) {
            Loaded::All => LOADED_EVERY,
            _ => LOADING_EVERY,
        },
        read: READ,
    })
}

/// The probe result. First line: whether the last reload succeeded, the digest of the loaded rules, the
/// time of that reload, and the digest of each group if the last reload failed. Other lines: sends to
/// Alertmanagers.
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

/// First field of a line about sends.
const SEND: &str = "send";

/// The parts of a line that the summary needs: there can be many thousands of groups.
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
        let fields = lines.lines().filter_map(|line| line.split_once(' '));
        fields
            .filter(move |(first, _)| *first == what)
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
