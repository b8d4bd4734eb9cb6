//! What every Thanos workload has in common: flags, names, labels, pods, Services, budgets,
//! monitors. Pure: typed Kubernetes objects come out, nothing is read or written.

pub mod cache;
pub mod checks;
pub mod digest;
pub mod duration;
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

/// Names and numbers of the ports of Thanos.
pub mod ports {
    /// Name of the port that serves the HTTP API, the UI, probes and metrics.
    pub const HTTP: &str = "http";
    /// Its number on queriers, query frontends and rulers.
    pub const HTTP_NUMBER: i32 = 9090;
    /// Its number on stores, receivers and bridges.
    pub const HTTP_NUMBER_STORE: i32 = 10902;
    /// Name of the port that serves the StoreAPI and its siblings.
    pub const GRPC: &str = "grpc";
    /// Its number.
    pub const GRPC_NUMBER: i32 = 10901;
    /// Name of the port that takes samples by remote write.
    pub const REMOTE_WRITE: &str = "remote-write";
    /// Its number.
    pub const REMOTE_WRITE_NUMBER: i32 = 19291;
    /// Name of the port that takes samples from routers by Cap'n Proto.
    pub const CAPNPROTO: &str = "capnproto";
    /// Its number.
    pub const CAPNPROTO_NUMBER: i32 = 19391;
}

/// A field of a spec that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, as in `spec.additionalArgs[1]`.
    pub field: String,
    /// What is wrong and what to do, as one sentence.
    pub message: String,
}

impl FieldError {
    /// An error at `field`, described by `message`, without the credentials of URLs.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: redact::urls(&message.into()),
        }
    }
}
