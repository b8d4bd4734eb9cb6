//! Shared code of the tests against a cluster. Everything waits on conditions; nothing sleeps for a
//! fixed time.

// A test that cannot go on panics; there is no caller for an error.
#![allow(clippy::panic, clippy::unwrap_used)]

pub mod audit;
pub mod cluster;
pub mod controller;
pub mod operator;
pub mod overlay;
pub mod remote_write;
pub mod wait;
pub mod writer;
pub mod written;
