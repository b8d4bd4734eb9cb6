//! Tests against a real API server and a real controller manager. No pods run here.

#![allow(clippy::unwrap_used, clippy::panic)]

mod access;
mod bad_input;
mod chart;
mod counts;
mod crds;
mod docs;
mod fresh_install;
mod installation;
mod leaf_samples;
mod leaf_state;
mod leaf_world;
mod leaves;
mod lifecycle;
mod monitored;
mod overlays;
mod ownership;
mod permissions;
mod preflight;
mod preflight_faults;
mod receives;
mod rollout;
mod rulers;
/// The walk over a schema, and values that it admits, are those of the test without a cluster.
#[path = "../../../crates/thanos-workload/src/testing/sample.rs"]
mod sample;
mod stateful;
mod stores;
mod support;
mod trouble;
