//! The custom resources of the API group `monitoring.thanos.io`, and every label, annotation, condition
//! and reason. Types and schemas only, no IO.

pub mod names;
mod schema;
mod tolerant_decode;
pub mod v1alpha1;
