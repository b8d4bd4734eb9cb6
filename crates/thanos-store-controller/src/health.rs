//! Computes whether the stores can read their bucket, from pod status, Events and probed metrics.
//! No IO.

use std::collections::BTreeMap;
use std::time::Duration;

use operator_runtime::{Probe, ProbeResults, Read, Sample};
use thanos_api::names::Reason;
use thanos_controller_common::facts::{PodFacts, PodState};
use thanos_controller_common::pod_failures::{self, restarts};
use thanos_controller_common::volumes::ConditionState;
use thanos_workload::ports;

/// Probe interval of a store that is not ready or failing. It exits after 30 s, or recovers as soon
/// as its bucket does.
const FAILING_INTERVAL: Duration = Duration::from_secs(5);

/// Probe interval of a healthy store, which equals its sync interval.
const HEALTHY_INTERVAL: Duration = Duration::from_secs(180);

/// Counters of bucket listings and of block syncs, and the results of the last sync. A ready store
/// exports all of them.
const METRICS: &[&str] = &[
    "thanos_objstore_bucket_operations_total",
    "thanos_objstore_bucket_operation_failures_total",
    "thanos_blocks_meta_syncs_total",
    "thanos_blocks_meta_sync_failures_total",
    "thanos_blocks_meta_synced",
    "thanos_bucket_store_blocks_loaded",
];

/// Messages of a store that exits because it cannot read its bucket. The cause is earlier in the
/// log than the part that the kubelet keeps.
const GAVE_UP: [&str; 2] = ["bucket store initial sync", "sync block"];

/// Probe of a store; `None` if it cannot be probed.
#[must_use]
pub fn probe(pod: &PodFacts, answers: &ProbeResults) -> Option<Probe> {
    let url = url(pod)?;
    let probed = answers.answer(&url).and_then(Result::ok);
    let failure = probed.and_then(|metrics| Progress::of(metrics).failure(pod.ready));
    Some(Probe {
        url,
        every: match pod.ready && failure.is_none() {
            true => HEALTHY_INTERVAL,
            false => FAILING_INTERVAL,
        },
        read: READ,
    })
}

/// Metrics that are kept from a probe.
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

/// Inputs of the condition.
#[derive(Clone, Copy, Debug)]
pub struct HealthInputs<'a> {
    /// Namespace of the ThanosStore.
    pub namespace: &'a str,
    /// Pods by name.
    pub pods: &'a BTreeMap<String, &'a PodFacts>,
    /// FailedMount messages by UID of the pod.
    pub unmounted: &'a BTreeMap<&'a str, &'a str>,
    /// Probe results of the stores.
    pub answers: &'a ProbeResults,
    /// Missing Secret or key, if Secrets are watched.
    pub missing: Option<&'a str>,
}

/// The condition `ObjectStorageReady`.
#[must_use]
pub fn condition(inputs: &HealthInputs<'_>) -> ConditionState {
    if let Some(missing) = inputs.missing {
        return (Some(false), Reason::SecretMissing, missing.to_owned());
    }
    let mut failures = inputs
        .pods
        .iter()
        .filter_map(|(name, pod)| pod_failures(inputs, name, pod));
    if let Some((reason, message)) = failures.next() {
        return (Some(false), reason, message);
    }
    let starting: Vec<&str> = inputs
        .pods
        .iter()
        .filter(|(_, pod)| !pod.ready && pod.state != PodState::Terminating)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut unclear = inputs.pods.iter().filter_map(|(name, pod)| {
        let missing = Progress::of(probed(inputs, pod)?).missing()?;
        pod.ready.then_some((name, missing))
    });
    if let Some((name, missing)) = unclear.next() {
        let message = format!(
            "{name} does not export {missing}, so it is unknown whether it can read its bucket; set spec.version to a Thanos version that exports it"
        );
        return (None, Reason::Syncing, message);
    }
    match starting.first() {
        None if inputs.pods.is_empty() => (None, Reason::Syncing, "no pod exists yet".to_owned()),
        None => (Some(true), Reason::Synced, String::new()),
        Some(first) => {
            let message = format!("{} pods are not ready yet, such as {first}", starting.len());
            (None, Reason::Syncing, message)
        }
    }
}

fn pod_failures(inputs: &HealthInputs<'_>, name: &str, pod: &PodFacts) -> Option<(Reason, String)> {
    let unmounted = inputs.unmounted.get(pod.uid.as_str()).copied();
    gave_up(inputs.namespace, name, pod)
        .or_else(|| pod_failures::pod_failures(name, pod, unmounted))
        .or_else(|| unreadable(inputs, name, pod))
}

fn gave_up(namespace: &str, name: &str, pod: &PodFacts) -> Option<(Reason, String)> {
    let ended = pod.ended.as_ref().filter(|_| !pod.ready)?;
    let says_so = GAVE_UP
        .iter()
        .any(|mark| ended.termination_message.contains(mark));
    if !says_so || pod.state == PodState::Terminating {
        return None;
    }
    // After a restart, the failed run is the previous one.
    let previous = if pod.restarts == 0 { "" } else { " --previous" };
    let message = format!(
        "{name} cannot read its bucket{}. Find the cause (credentials, connection or bucket name) with: kubectl -n {namespace} logs {name}{previous} | grep 'initial sync'",
        restarts(pod)
    );
    Some((Reason::BucketUnreadable, message))
}

fn unreadable(inputs: &HealthInputs<'_>, name: &str, pod: &PodFacts) -> Option<(Reason, String)> {
    let cause = Progress::of(probed(inputs, pod)?).failure(pod.ready)?;
    let namespace = inputs.namespace;
    let message =
        format!("{name} {cause}. Find the cause with: kubectl -n {namespace} logs {name}");
    Some((Reason::BucketUnreadable, message))
}

/// Last probe result of a store.
fn probed<'a>(inputs: &HealthInputs<'a>, pod: &PodFacts) -> Option<&'a str> {
    inputs.answers.answer(&url(pod)?)?.ok()
}

/// Progress of reading the bucket. A missing metric is not zero.
#[derive(Debug, Default)]
struct Progress {
    /// Sums in the order of [`METRICS`].
    sums: [Option<f64>; METRICS.len()],
}

impl Progress {
    fn of(metrics: &str) -> Self {
        let mut progress = Self::default();
        for sample in metrics.lines().filter_map(Sample::parse) {
            let Some(i) = METRICS.iter().position(|name| *name == sample.name) else {
                continue;
            };
            // Only list operations.
            if sample.label("operation").is_none_or(|name| name == "iter") {
                let sum = progress.sums[i].get_or_insert(0.0);
                *sum += sample.value;
            }
        }
        progress
    }

    /// First missing metric.
    fn missing(&self) -> Option<&'static str> {
        let mut all = METRICS.iter().zip(&self.sums);
        all.find(|(_, sum)| sum.is_none()).map(|(name, _)| *name)
    }

    /// Failure of reading the bucket.
    fn failure(&self, ready: bool) -> Option<String> {
        let [listed, unlisted, syncs, failed_syncs, seen, loaded] = self.sums;
        if !ready {
            let (listed, unlisted) = listed.zip(unlisted)?;
            let failed = unlisted > 0.0 && unlisted >= listed;
            return failed.then(|| format!("cannot list its bucket ({unlisted} attempts)"));
        }
        let (syncs, failed) = syncs.zip(failed_syncs)?;
        // A failed sync resets the number of synced blocks.
        let has_lost = |(loaded, seen): (f64, f64)| loaded > 0.0 && seen < 1.0 && failed > 0.0;
        let lost = loaded.zip(seen).is_some_and(has_lost);
        let never = syncs > 0.0 && failed >= syncs;
        (lost || never)
            .then(|| "can no longer read its bucket, and queries for its blocks fail".to_owned())
    }
}

#[cfg(test)]
mod tests;
