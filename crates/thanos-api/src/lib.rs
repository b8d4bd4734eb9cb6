//! The resources of the API group `monitoring.thanos.io` and every string of ours that other
//! programs see. Types and schemas only: no IO, no behaviour beyond small accessors.

mod lenient;
pub mod names;
mod schema;
pub mod v1alpha1;
