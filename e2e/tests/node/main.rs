//! Tests on a whole node: real pods, real Prometheus, real Thanos. They share one Prometheus, so
//! they run one after another.

#![allow(clippy::unwrap_used, clippy::panic)]

mod alerts_and_dashboards;
mod arguments;
mod beside;
mod federation;
mod policies;
mod querying;
mod receive;
mod rulers;
mod rules;
mod sidecars;
mod stores;
mod support;
