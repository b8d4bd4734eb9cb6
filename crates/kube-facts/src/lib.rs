//! Facts of Kubernetes objects: keys, label selectors, namespace scopes, durations, tolerant decoding
//! and the evaluation of NetworkPolicies. Pure; knows neither Thanos nor Prometheus Operator.

pub mod duration;
pub mod extract;
mod model;
pub mod namespaces;
pub mod optional;
pub mod policy;
pub mod selector;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tolerant_decode;

pub use model::{Key, Labels, NamespaceFacts, PortFacts};
