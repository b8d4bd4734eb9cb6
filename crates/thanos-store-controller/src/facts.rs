//! Facts of StatefulSets of stores, in addition to those of any StatefulSet.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_api::names::{annotation, label};
use thanos_controller_common::facts::{SetFacts, SetObject};

/// StatefulSet of a shard.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ShardObject(SetObject);

/// Facts of the StatefulSet of a shard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShardFacts {
    /// Facts of any StatefulSet.
    pub set: SetFacts,
    /// Whether this controller applies it, and not the Go operator.
    pub applied: bool,
    /// Whether it is a group: several pods with the same blocks, of which queriers use one.
    pub group: bool,
    /// Number of shards over which the blocks are distributed.
    pub shards: i32,
}

impl Extract for ShardObject {
    type Facts = ShardFacts;

    fn into_parts(self) -> (ObjectMeta, ShardFacts) {
        let Self(object) = self;
        let shards = match object.annotations().get(annotation::SHARDS) {
            Some(shards) => shards.parse().ok(),
            // A StatefulSet of the Go operator.
            None => object.args().find_map(modulus),
        };
        let is_group = object.labels().contains_key(label::ENDPOINT_GROUP);
        let (identity, set) = object.into_parts();
        let applied = set.applied_by.as_deref() == Some(crate::NAME);
        let facts = ShardFacts {
            applied,
            group: match applied {
                true => is_group,
                false => set.replicas > 1,
            },
            shards: shards.unwrap_or(1),
            set,
        };
        (identity, facts)
    }
}

/// The modulus in a relabeling argument.
fn modulus(arg: &str) -> Option<i32> {
    let config = arg.strip_prefix("--selector.relabel-config=")?;
    let rest = config.split_once("modulus:")?.1.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests;
