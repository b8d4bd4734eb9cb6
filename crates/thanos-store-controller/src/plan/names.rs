//! Names of the objects of a ThanosStore named `cr`. Names without the number of shards equal those
//! of the Go operator.

use thanos_workload::names::child_of_stateful_set;

/// StatefulSet of a single shard, and objects shared by all shards: ServiceAccount, ServiceMonitor,
/// NetworkPolicy.
#[must_use]
pub fn store(cr: &str) -> String {
    child_of_stateful_set(&["thanos-store", cr])
}

/// Shard of a generation with plain names.
#[must_use]
pub fn shard(cr: &str, shard: i32) -> String {
    child_of_stateful_set(&["thanos-store", cr, "shard", &shard.to_string()])
}

/// Shard of a generation that is created beside another one.
#[must_use]
pub fn counted_shard(cr: &str, shard: i32, shards: i32) -> String {
    let (shard, shards) = (shard.to_string(), shards.to_string());
    child_of_stateful_set(&["thanos-store", cr, "shard", &shard, "of", &shards])
}

/// Secret volume of the object storage configuration.
pub const OBJECT_STORAGE: &str = "object-storage";
