//! Names and labels of the objects of a ThanosStore named `cr`. Names without the number of shards equal those
//! of the Go operator.

use thanos_api::names::label;
use thanos_workload::labels::{Identity, Map};
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

/// Name of the program and of its container.
pub const PROGRAM: &str = "thanos-store";

const COMPONENT: &str = "object-storage-gateway";

/// Identity of a shard. `shard` is its index, if there are several.
#[must_use]
pub fn identity(cr: &str, name: &str, shard: Option<i32>) -> Identity {
    let mut extra = vec![(label::STORE_API, label::TRUE.to_owned())];
    extra.extend(shard.map(|shard| (label::SHARD, shard.to_string())));
    Identity {
        name: name.to_owned(),
        program: PROGRAM,
        component: COMPONENT,
        owner: cr.to_owned(),
        extra,
    }
}

/// Labels shared by the pods of all shards.
#[must_use]
pub fn shared_labels(cr: &str) -> Map {
    let mut labels = identity(cr, &store(cr), None).selector_labels();
    labels.remove(label::INSTANCE);
    labels
}
