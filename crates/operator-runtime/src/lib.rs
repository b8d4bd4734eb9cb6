//! The loop that every controller runs: observe, plan, apply, prune, status. Knows no Thanos kind.

pub mod access;
mod adopt;
mod apply;
pub mod args;
mod backoff;
mod claim;
pub mod cli;
mod client;
pub mod component;
pub mod conditions;
mod digest;
pub mod error;
mod events;
pub mod feed;
mod fit;
pub mod hub;
pub mod inquiry;
pub mod ledger;
mod logging;
pub mod metrics;
pub mod monitored;
mod pass;
pub mod plan;
mod precondition;
pub mod preflight;
pub mod rbac;
mod refresh;
pub mod related;
pub mod render;
mod run;
mod self_monitor;
mod server;
mod supervise;
mod undeclared;
mod version;
pub mod view;

pub use access::{Access, Question};
pub use component::{
    Cluster, Complaint, Component, Gauge, News, Outcome, OwnedKind, Told, Verdict, Work,
    observe_whole,
};
pub use conditions::{Conditions, Required};
pub use error::Invalid;
pub use inquiry::{Answers, Inquiry, Read, Sample};
pub use monitored::{Monitored, Monitoring};
pub use plan::{Amendment, ObjectKey, Onto, Plan, Planned, Removal};
pub use related::{Held, Related, Spec};
pub use run::run;
pub use view::View;
