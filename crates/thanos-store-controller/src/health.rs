//! Whether the stores read their bucket, as their pods and nodes say. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use operator_runtime::{Probe, ProbeResults, Read, Sample};
use thanos_api::names::Reason;
use thanos_controller_common::facts::{PodFacts, PodState};
use thanos_controller_common::pod_failures::{self, again};
use thanos_controller_common::volumes::Answer;
use thanos_workload::ports;

/// How often a store is asked that is not ready or not well. It gives up after 30 s, or is well again
/// as soon as its bucket is.
const TROUBLED_EVERY: Duration = Duration::from_secs(5);

/// How often a store that is well is asked: as often as it looks for blocks.
const WELL_EVERY: Duration = Duration::from_secs(180);

/// Counters of attempts to list the bucket, and to learn of its blocks; and what came of the last.
/// A store that is ready exports all of them.
const METRICS: &[&str] = &[
    "thanos_objstore_bucket_operations_total",
    "thanos_objstore_bucket_operation_failures_total",
    "thanos_blocks_meta_syncs_total",
    "thanos_blocks_meta_sync_failures_total",
    "thanos_blocks_meta_synced",
    "thanos_bucket_store_blocks_loaded",
];

/// What a store logs when it gives up reading its bucket. Why, is further up, and not in what its
/// node keeps of the log.
const GAVE_UP: [&str; 2] = ["bucket store initial sync", "sync block"];

/// How a store is asked; `None` if it cannot be.
#[must_use]
pub fn inquiry(pod: &PodFacts, answers: &ProbeResults) -> Option<Probe> {
    let url = url(pod)?;
    let said = answers.answer(&url).and_then(Result::ok);
    let pod_failures = said.and_then(|metrics| Progress::of(metrics).pod_failures(pod.ready));
    Some(Probe {
        url,
        every: match pod.ready && pod_failures.is_none() {
            true => WELL_EVERY,
            false => TROUBLED_EVERY,
        },
        read: READ,
    })
}

/// What is read: how reading the bucket goes.
const READ: Read = Read::Metrics {
    names: METRICS,
    line: |line| Some(line.to_owned()),
    keep: |lines| lines.trim_end().to_owned(),
};

fn url(pod: &PodFacts) -> Option<String> {
    let port = u16::try_from(ports::HTTP_NUMBER_STORE).ok()?;
    let address = std::net::SocketAddr::new(pod.ip?, port);
    (pod.state == PodState::Running).then(|| format!("http://{address}/metrics"))
}

/// Everything that the answer is made of.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// Namespace of the ThanosStore.
    pub namespace: &'a str,
    /// The pods by name.
    pub pods: &'a BTreeMap<String, &'a PodFacts>,
    /// What nodes say of volumes that they cannot mount, by UID of the pod.
    pub unmounted: &'a BTreeMap<&'a str, &'a str>,
    /// What the stores say.
    pub answers: &'a ProbeResults,
    /// What is missing of the Secrets, if they may be watched.
    pub missing: Option<&'a str>,
}

/// The condition `ObjectStorageReady`.
#[must_use]
pub fn verdict(signs: &Signs<'_>) -> Answer {
    if let Some(missing) = signs.missing {
        return (Some(false), Reason::SecretMissing, missing.to_owned());
    }
    let mut failures = signs
        .pods
        .iter()
        .filter_map(|(name, pod)| pod_failures(signs, name, pod));
    if let Some((reason, message)) = failures.next() {
        return (Some(false), reason, message);
    }
    let starting: Vec<&str> = signs
        .pods
        .iter()
        .filter(|(_, pod)| !pod.ready && pod.state != PodState::Terminating)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut unclear = signs.pods.iter().filter_map(|(name, pod)| {
        let missing = Progress::of(said(signs, pod)?).missing()?;
        pod.ready.then_some((name, missing))
    });
    if let Some((name, missing)) = unclear.next() {
        let message = format!(
            "{name} does not export {missing}, so whether it reads its bucket is not known; set \
             spec.version to a version of Thanos that does"
        );
        return (None, Reason::Syncing, message);
    }
    match starting.first() {
        None if signs.pods.is_empty() => (None, Reason::Syncing, "there is no pod yet".to_owned()),
        None => (Some(true), Reason::Synced, String::new()),
        Some(first) => {
            let message = format!("{} pods are not ready yet, such as {first}", starting.len());
            (None, Reason::Syncing, message)
        }
    }
}

fn pod_failures(signs: &Signs<'_>, name: &str, pod: &PodFacts) -> Option<(Reason, String)> {
    let unmounted = signs.unmounted.get(pod.uid.as_str()).copied();
    gave_up(signs.namespace, name, pod)
        .or_else(|| pod_failures::pod_failures(name, pod, unmounted))
        .or_else(|| unreadable(signs, name, pod))
}

fn gave_up(namespace: &str, name: &str, pod: &PodFacts) -> Option<(Reason, String)> {
    let ended = pod.ended.as_ref().filter(|_| !pod.ready)?;
    let says_so = GAVE_UP
        .iter()
        .any(|mark| ended.termination_message.contains(mark));
    if !says_so || pod.state == PodState::Terminating {
        return None;
    }
    // The run that ended is the previous one as soon as there is another.
    let previous = if pod.restarts == 0 { "" } else { " --previous" };
    let message = format!(
        "{name} cannot read its bucket{}; kubectl -n {namespace} logs {name}{previous} | \
         grep 'initial sync' says why: wrong credentials, no connection, or no such bucket",
        again(pod)
    );
    Some((Reason::BucketUnreadable, message))
}

fn unreadable(signs: &Signs<'_>, name: &str, pod: &PodFacts) -> Option<(Reason, String)> {
    let why = Progress::of(said(signs, pod)?).pod_failures(pod.ready)?;
    let namespace = signs.namespace;
    let message = format!("{name} {why}; kubectl -n {namespace} logs {name} says why");
    Some((Reason::BucketUnreadable, message))
}

/// What a store answered last.
fn said<'a>(signs: &Signs<'a>, pod: &PodFacts) -> Option<&'a str> {
    signs.answers.answer(&url(pod)?)?.ok()
}

/// How reading the bucket goes, as far as metrics say: what is missing is not zero.
#[derive(Debug, Default)]
struct Progress {
    /// In the order of [`METRICS`].
    sums: [Option<f64>; METRICS.len()],
}

impl Progress {
    fn of(metrics: &str) -> Self {
        let mut progress = Self::default();
        for sample in metrics.lines().filter_map(Sample::parse) {
            let Some(i) = METRICS.iter().position(|name| *name == sample.name) else {
                continue;
            };
            // Of operations, those that list.
            if sample.label("operation").is_none_or(|name| name == "iter") {
                let sum = progress.sums[i].get_or_insert(0.0);
                *sum += sample.value;
            }
        }
        progress
    }

    /// A metric that is missing, if one is.
    fn missing(&self) -> Option<&'static str> {
        let mut all = METRICS.iter().zip(&self.sums);
        all.find(|(_, sum)| sum.is_none()).map(|(name, _)| *name)
    }

    /// Why it does not go well, if it does not.
    fn pod_failures(&self, ready: bool) -> Option<String> {
        let [listed, unlisted, syncs, failed_syncs, seen, loaded] = self.sums;
        if !ready {
            let (listed, unlisted) = listed.zip(unlisted)?;
            let failed = unlisted > 0.0 && unlisted >= listed;
            return failed.then(|| format!("cannot list its bucket ({unlisted} attempts)"));
        }
        let (syncs, failed) = syncs.zip(failed_syncs)?;
        // A sync that fails sets back what the last one saw.
        let has_lost = |(loaded, seen): (f64, f64)| loaded > 0.0 && seen < 1.0 && failed > 0.0;
        let lost = loaded.zip(seen).is_some_and(has_lost);
        let never = syncs > 0.0 && failed >= syncs;
        (lost || never).then(|| {
            "cannot read its bucket any more: it knows the blocks it knew, and queries for them fail"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests;
