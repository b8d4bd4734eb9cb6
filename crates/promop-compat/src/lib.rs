//! Prometheus Operator compatibility: the fields of its resources that are read or written here,
//! selection as Prometheus Operator does it, the resolution of ServiceMonitors to StoreAPIs, and who
//! evaluates which rules.
//!
//! Pure, except for the feature `detect`.

pub mod alertmanagers;
pub mod caps;
#[cfg(feature = "detect")]
pub mod detect;
pub mod extract;
pub mod model;
pub mod names;
pub mod nearest;
pub mod resolve;
pub mod rules;
pub mod scrapers;
pub mod selection;
pub mod service_monitor;
