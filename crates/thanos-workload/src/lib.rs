//! Builds what all Thanos workloads share, as typed Kubernetes objects: flags, names, labels, pods,
//! Services, budgets, ServiceMonitors. Pure, no IO.

pub mod cache;
pub mod checks;
pub mod digest;
pub mod flags;
pub mod image;
pub mod inherited;
pub mod integration;
pub mod labels;
pub mod monitor;
pub mod names;
pub mod pdb;
pub mod pod;
pub mod policy;
pub mod probes;
pub mod quantity;
pub mod query_api;
pub mod redact;
pub mod reloader;
pub mod remote_write;
mod scheduling;
mod security;
pub mod service;
pub mod stateful;
pub mod store_api;
#[cfg(feature = "testing")]
pub mod testing;
mod unique;
pub mod volumes;
pub mod workload;

/// Names and numbers of Thanos' ports.
pub mod ports {
    /// Name of the port for HTTP API, UI, probes and metrics.
    pub const HTTP: &str = "http";
    /// Number of the HTTP port of queriers, query frontends and rulers.
    pub const HTTP_NUMBER: i32 = 9090;
    /// Number of the HTTP port of stores, receivers and bridges.
    pub const HTTP_NUMBER_STORE: i32 = 10902;
    /// Name of the port for the StoreAPI and the other gRPC APIs.
    pub const GRPC: &str = "grpc";
    /// Number of the gRPC port.
    pub const GRPC_NUMBER: i32 = 10901;
    /// Name of the port for remote write.
    pub const REMOTE_WRITE: &str = "remote-write";
    /// Number of the remote write port.
    pub const REMOTE_WRITE_NUMBER: i32 = 19291;
    /// Name of the port for replication by Cap'n Proto.
    pub const CAPNPROTO: &str = "capnproto";
    /// Number of the Cap'n Proto port.
    pub const CAPNPROTO_NUMBER: i32 = 19391;
}

/// An invalid field of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, such as `spec.additionalArgs[1]`.
    pub field: String,
    /// Problem and remedy, in one sentence.
    pub message: String,
}

impl FieldError {
    /// An error at `field`. Credentials of URLs are removed from `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: redact::urls(&message.into()),
        }
    }
}
