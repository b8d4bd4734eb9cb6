//! Computes the step of resharding. No IO and no state: every step follows from the observed
//! objects, so a restarted controller continues, and a step is reverted when its precondition no
//! longer holds.

use std::collections::BTreeMap;

use thanos_api::v1alpha1::ReshardingStep as Step;
use thanos_controller_common::facts::SetFacts;
use thanos_controller_common::listing::Listing;

use crate::facts::ShardFacts;
use crate::generation::Generation;

/// Resharding in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reshard {
    /// Number of shards of the old generation.
    pub from: i32,
    /// Number of shards of the new generation.
    pub to: i32,
    /// Current step.
    pub step: Step,
    /// Condition that ends the step.
    pub message: String,
    /// Names of the old StatefulSets.
    pub old: Vec<String>,
}

/// Addresses of each StatefulSet in the form that queriers list.
pub type Addresses = BTreeMap<String, Vec<String>>;

/// Inputs of the decision.
#[derive(Clone, Copy, Debug)]
pub struct ReshardInputs<'a> {
    /// Name of the ThanosStore.
    pub cr: &'a str,
    /// StatefulSets by name.
    pub sets: &'a BTreeMap<String, ShardFacts>,
    /// Desired generation.
    pub desired: Generation,
    /// Addresses by which queriers should use each StatefulSet: those of its ready pods.
    pub addresses: &'a Addresses,
    /// Addresses by which queriers may still use each StatefulSet.
    pub listed: &'a Addresses,
    /// Endpoints listed by the queriers.
    pub listing: &'a Listing,
}

/// Current step; `None` if there is only one generation.
#[must_use]
pub fn reshard(inputs: &ReshardInputs<'_>) -> Option<Reshard> {
    let new = inputs.desired.names(inputs.cr);
    let old: Vec<String> = inputs
        .sets
        .keys()
        .filter(|name| !new.contains(name))
        .cloned()
        .collect();
    let from = old
        .iter()
        .filter_map(|name| inputs.sets.get(name))
        .map(|set| set.shards)
        .max()?;
    let (step, message) = step(inputs, &new, &old);
    Some(Reshard {
        from,
        to: inputs.desired.shards,
        step,
        message,
        old,
    })
}

fn step(inputs: &ReshardInputs<'_>, new: &[String], old: &[String]) -> (Step, String) {
    let set = |name: &String| inputs.sets.get(name).map(|shard| &shard.set);
    let is_complete = |name: &&String| set(name).is_some_and(SetFacts::is_complete);
    let complete = new.iter().filter(is_complete).count();
    if let Some(first) = new.iter().find(|name| !is_complete(name)) {
        let ready = set(first).map_or(0, |set| set.counts.available_replicas);
        let message = format!(
            "{complete} of {} new shards are available; waiting for StatefulSet {first} ({ready} available pods)",
            new.len()
        );
        return (Step::Starting, message);
    }
    let of = |all: &Addresses, names: &[String]| -> Vec<String> {
        let all = names.iter().filter_map(|name| all.get(name));
        all.flatten().cloned().collect()
    };
    let (new, old) = (of(inputs.addresses, new), of(inputs.listed, old));
    if let Some(querier) = inputs.listing.not_joined(&old, &new) {
        return (
            Step::Joining,
            querier.waited_for("list every pod of the new shards"),
        );
    }
    if let Some(querier) = inputs.listing.not_left(&old) {
        return (Step::Withdrawing, querier.waited_for("drop the old shards"));
    }
    (Step::Removing, "no querier uses the old shards".to_owned())
}

#[cfg(test)]
mod tests;
