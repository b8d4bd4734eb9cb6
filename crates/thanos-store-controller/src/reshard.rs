//! The way from one number of shards to another. Pure, and without a memory of its own: every step
//! follows from what is there, so that a controller that starts anew goes on where another stopped,
//! and a step is taken back when what it relied on is no longer so.

use std::collections::BTreeMap;

use thanos_api::v1alpha1::ReshardingStep as Step;
use thanos_controller_common::facts::SetFacts;
use thanos_controller_common::listing::Listing;

use crate::facts::ShardFacts;
use crate::generation::Generation;

/// A change of the number of shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reshard {
    /// Number of shards of the old generation.
    pub from: i32,
    /// Number of shards of the new one.
    pub to: i32,
    /// What is done now.
    pub step: Step,
    /// What it waits for.
    pub message: String,
    /// Names of the old StatefulSets.
    pub old: Vec<String>,
}

/// The addresses of each StatefulSet, as queriers list them.
pub type Addresses = BTreeMap<String, Vec<String>>;

/// What the decision is made of.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Name of the ThanosStore.
    pub cr: &'a str,
    /// Its StatefulSets, by name.
    pub sets: &'a BTreeMap<String, ShardFacts>,
    /// The generation that it is to have.
    pub desired: Generation,
    /// Where queriers are to ask each StatefulSet: the addresses of its ready pods.
    pub addresses: &'a Addresses,
    /// Where they may still ask it: every address that it may be listed by.
    pub listed: &'a Addresses,
    /// What the queriers say.
    pub listing: &'a Listing,
}

/// The step that is to be done; `None` if there is only one generation.
#[must_use]
pub fn reshard(it: &Situation<'_>) -> Option<Reshard> {
    let new = it.desired.names(it.cr);
    let old: Vec<String> = it
        .sets
        .keys()
        .filter(|name| !new.contains(name))
        .cloned()
        .collect();
    let from = old
        .iter()
        .filter_map(|name| it.sets.get(name))
        .map(|set| set.shards)
        .max()?;
    let (step, message) = step(it, &new, &old);
    Some(Reshard {
        from,
        to: it.desired.shards,
        step,
        message,
        old,
    })
}

fn step(it: &Situation<'_>, new: &[String], old: &[String]) -> (Step, String) {
    let set = |name: &String| it.sets.get(name).map(|shard| &shard.set);
    let is_complete = |name: &&String| set(name).is_some_and(SetFacts::is_complete);
    let complete = new.iter().filter(is_complete).count();
    if let Some(first) = new.iter().find(|name| !is_complete(name)) {
        let ready = set(first).map_or(0, |set| set.counts.available_replicas);
        let message = format!(
            "{complete} of {} new shards are available; waits for StatefulSet {first}, which has {ready} available pods",
            new.len()
        );
        return (Step::Starting, message);
    }
    let of = |all: &Addresses, names: &[String]| -> Vec<String> {
        let all = names.iter().filter_map(|name| all.get(name));
        all.flatten().cloned().collect()
    };
    let (new, old) = (of(it.addresses, new), of(it.listed, old));
    if let Some(querier) = it.listing.not_joined(&old, &new) {
        return (
            Step::Joining,
            querier.waited_for("know every pod of the new shards"),
        );
    }
    if let Some(querier) = it.listing.not_left(&old) {
        return (
            Step::Withdrawing,
            querier.waited_for("forget the old shards"),
        );
    }
    (Step::Removing, "nobody asks the old shards".to_owned())
}

#[cfg(test)]
mod tests;
