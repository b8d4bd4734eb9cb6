//! Tests against a real API server and a real controller manager. No pods run here.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bad_input;
mod capability;
mod counts;
mod docs;
mod lifecycle;
mod ownership;
mod support;
