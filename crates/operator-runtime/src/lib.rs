//! The reconcile loop of every controller: observe, probe, plan, apply, patch foreign objects, prune,
//! status. Independent of Thanos kinds.

pub mod access;
mod adopt;
mod apply;
pub mod args;
mod backoff;
pub mod cache;
pub mod cli;
mod client;
pub mod conditions;
mod digest;
pub mod error;
mod events;
mod fit;
mod logging;
pub mod metrics;
pub mod monitored;
pub mod owned_objects;
mod ownership;
pub mod plan;
mod preconditions;
pub mod preflight;
pub mod probe;
pub mod rbac;
mod reconcile;
pub mod reconciler;
mod refresh;
pub mod related;
pub mod render;
mod run;
mod self_monitor;
mod server;
pub mod store;
mod supervise;
mod unknown_fields;
mod version;
pub mod watches;

pub use access::{Access, AccessCheck};
pub use conditions::{Conditions, Required};
pub use error::Invalid;
pub use monitored::{Monitored, Monitoring};
pub use plan::{ForeignDelete, ForeignPatch, ObjectKey, Plan, Planned, Precondition};
pub use probe::{Probe, ProbeResults, Read, Sample};
pub use reconciler::{
    Cluster, EventRule, Gauge, NormalEvent, Outcome, OwnedKind, Reconciler, Verdict, WarningEvent,
    Work, observe_to_end,
};
pub use related::{PartialCache, Related, Spec};
pub use run::run;
pub use store::Store;
