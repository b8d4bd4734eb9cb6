//! Replica labels of the queriers. No IO.

use std::collections::BTreeSet;

use thanos_api::v1alpha1::ThanosQuerySpec;

/// Default replica labels: of Prometheus Operator's Prometheus, of Thanos by convention, of rulers,
/// and of Prometheus Operator's ThanosRuler.
pub const DEFAULT: [&str; 4] = [
    "prometheus_replica",
    "replica",
    "rule_replica",
    "thanos_ruler_replica",
];

/// Target labels. They are never learned, since deduplication by one of them would merge series of
/// different targets.
const OF_TARGETS: [&str; 9] = [
    "cluster",
    "container",
    "endpoint",
    "instance",
    "job",
    "namespace",
    "node",
    "pod",
    "service",
];

/// Whether a label may be learned.
#[must_use]
pub fn learnable(label: &str) -> bool {
    !label.is_empty() && !OF_TARGETS.contains(&label)
}

/// Labels of the queriers: those of the spec in their order, then the learned ones, sorted.
#[must_use]
pub fn effective(spec: &ThanosQuerySpec, learned: &[String]) -> Vec<String> {
    let mut labels: Vec<String> = match &spec.replica_labels {
        Some(labels) => labels.clone(),
        None => DEFAULT.map(str::to_owned).to_vec(),
    };
    if spec.learn_replica_labels.unwrap_or(true) {
        let learned: BTreeSet<&String> = learned.iter().filter(|l| learnable(l)).collect();
        labels.extend(learned.into_iter().cloned());
    }
    let mut seen = BTreeSet::new();
    labels.retain(|label| seen.insert(label.clone()));
    labels
}
