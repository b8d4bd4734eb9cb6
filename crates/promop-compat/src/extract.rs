//! From objects as the API server sends them to facts. Pure.
//!
//! Each kind has a thin type with the fields that are read and no others. A watch can deserialize
//! into it directly, or an object that is there as JSON can be read by `from_object`; both are
//! lenient: a field of an unexpected type is unset.
//!
//! Of most kinds, labels and `spec` are all that is read: their types are a [`Spec`] in a [`Thin`].
//! A type that reads something else of an object is an [`Extract`] of its own.

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
