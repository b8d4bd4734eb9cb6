//! What is read of the StatefulSets of stores, besides what is read of any.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_api::names::{annotation, label};
use thanos_controller_common::facts::{SetFacts, SetObject};

/// The StatefulSet of a shard.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ShardObject(SetObject);

/// What decisions need to know of the StatefulSet of a shard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShardFacts {
    /// What is known of any StatefulSet.
    pub set: SetFacts,
    /// Whether this controller applies it; a former one does otherwise.
    pub applied: bool,
    /// Whether queriers ask one pod of several that hold the same blocks.
    pub group: bool,
    /// Into how many shards the blocks are divided.
    pub shards: i32,
}

impl Extract for ShardObject {
    type Facts = ShardFacts;

    fn into_parts(self) -> (ObjectMeta, ShardFacts) {
        let Self(object) = self;
        let shards = match object.annotations().get(annotation::SHARDS) {
            Some(told) => told.parse().ok(),
            // One of the Go operator.
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

/// The modulus in an argument that divides blocks.
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
