//! The loop that every controller runs: observe, plan, apply, prune, status. Knows no Thanos kind.

pub mod access;
mod apply;
pub mod args;
mod backoff;
mod client;
pub mod component;
pub mod conditions;
mod digest;
pub mod error;
mod events;
pub mod feed;
pub mod hub;
pub mod ledger;
mod logging;
pub mod metrics;
pub mod monitored;
mod pass;
pub mod plan;
pub mod rbac;
mod refresh;
pub mod related;
pub mod render;
mod run;
mod self_monitor;
mod server;
mod supervise;
pub mod view;

pub use access::{Access, Question};
pub use component::{Cluster, Component, News, Outcome, OwnedKind, Told, Verdict};
pub use conditions::{Conditions, Required};
pub use error::Invalid;
pub use monitored::{Monitored, Monitoring};
pub use plan::{ObjectKey, Plan, Planned};
pub use related::{Related, Spec};
pub use run::run;
pub use view::View;
