//! What the tests against a cluster share. Everything waits on conditions; nothing sleeps for a
//! fixed time.

pub mod audit;
pub mod cluster;
pub mod controller;
pub mod wait;
