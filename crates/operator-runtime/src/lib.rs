//! The reconcile loop of every controller: observe, probe, plan, apply, patch foreign objects, prune,
//! status. Knows neither Thanos nor Prometheus Operator: a controller declares its optional kinds.

pub mod access;
mod adopt;
pub mod apply;
pub mod args;
mod backoff;
pub mod cache;
pub mod cli;
pub mod client;
pub mod conditions;
pub mod detect;
mod digest;
pub mod error;
mod events;
pub mod fit;
mod logging;
pub mod metrics;
pub mod owned_objects;
pub mod ownership;
pub mod plan;
pub mod probe;
pub mod rbac;
mod reconcile;
pub mod reconciler;
mod refresh;
pub mod related;
mod run;
mod server;
pub mod store;
mod supervise;
mod unknown_fields;
mod version;
mod watch;
mod watches;

pub use access::{Access, AccessCheck};
pub use conditions::{Conditions, Required};
pub use error::Invalid;
pub use plan::{ForeignDelete, ForeignPatch, ObjectKey, Plan, Planned, Precondition};
pub use probe::{Probe, ProbeResults, Read, Sample};
pub use reconciler::{
    Cluster, EventRule, Gauge, NormalEvent, Outcome, OwnedKind, Reconciler, RelatedOf,
    StatusFields, Verdict, WarningEvent, Work, observe_to_end,
};
pub use related::{PartialCache, Related, Spec};
pub use run::{Leader, WhileLeading, run};
pub use store::Store;
