//! Names of the objects of a ThanosReceive named `cr`. Those of the Go operator are the same.

use thanos_workload::names::{child, child_of_stateful_set};
use thanos_workload::ports;

/// The Deployment of routers, and its objects.
#[must_use]
pub fn router(cr: &str) -> String {
    child(&["thanos-receive-router", cr])
}

/// The StatefulSet of a hashring, and its objects.
#[must_use]
pub fn ingester(cr: &str, ring: &str) -> String {
    child_of_stateful_set(&["thanos-receive-ingester", cr, ring])
}

/// What the ingesters of all hashrings share: ServiceAccount, monitor, policy.
#[must_use]
pub fn ingesters(cr: &str) -> String {
    child(&["thanos-receive-ingester", cr])
}

/// The address of a member of a hashring, as routers take it.
#[must_use]
pub fn address(cr: &str, namespace: &str, ring: &str, member: i32) -> String {
    let set = ingester(cr, ring);
    format!(
        "{set}-{member}.{set}.{namespace}.svc:{}",
        ports::GRPC_NUMBER
    )
}

/// The claim of a pod.
#[must_use]
pub fn claim(set: &str, member: i32) -> String {
    format!("{}-{set}-{member}", thanos_workload::stateful::DATA_VOLUME)
}

/// The file with the hashrings.
pub const HASHRINGS_FILE: &str = "hashrings.json";
/// The file with the limits.
pub const LIMITS_FILE: &str = "limits.yaml";
/// What is recorded beside them, which routers do not read.
pub const RECORD_FILE: &str = "record.json";
/// The volume of these files.
pub const HASHRINGS: &str = "hashrings";
/// The volume of the object storage configuration.
pub const OBJECT_STORAGE: &str = "object-storage";
