//! Extracts facts from API objects. No IO.
//!
//! Each kind has a type with only the fields that are read. A watch deserializes into it directly,
//! and `from_object` reads JSON; both are tolerant: a field of an unexpected type is unset.
//!
//! For most kinds only labels and `spec` are read: their types are a [`Spec`] in a [`Thin`]. Other
//! types implement [`Extract`] directly.

mod alerting;
mod core;
mod generated;
mod monitoring;
mod pod;
mod workload;

pub use self::alerting::{AlertmanagerSpec, RuleObject, ThanosRulerSpec};
pub use self::core::{PodSpec, ServiceSpec};
pub use generated::{GeneratedRulesObject, RejectionEvent};
pub use monitoring::{PrometheusAgentSpec, PrometheusSpec, ServiceMonitorSpec};
pub use pod::{BackendSpec, StatefulSetSpec};

#[cfg(test)]
mod tests;
