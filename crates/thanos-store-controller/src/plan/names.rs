//! Names of the objects of a ThanosStore named `cr`. Those without a number of shards are the Go
//! operator's.

use thanos_workload::names::child_of_stateful_set;

/// The StatefulSet of the only shard, and what all shards share: ServiceAccount, monitor, policy.
#[must_use]
pub fn store(cr: &str) -> String {
    child_of_stateful_set(&["thanos-store", cr])
}

/// A shard.
#[must_use]
pub fn shard(cr: &str, shard: i32) -> String {
    child_of_stateful_set(&["thanos-store", cr, "shard", &shard.to_string()])
}

/// A shard of a generation that was made beside another one.
#[must_use]
pub fn counted_shard(cr: &str, shard: i32, shards: i32) -> String {
    let (shard, shards) = (shard.to_string(), shards.to_string());
    child_of_stateful_set(&["thanos-store", cr, "shard", &shard, "of", &shards])
}

/// The Secret volume of the object storage configuration.
pub const OBJECT_STORAGE: &str = "object-storage";
