//! Tests of the plan: goldens, invariants of any plan (relations), effect of every field (leaves),
//! rejected specs (invalid), changes that restart no pod (stable), each block in one shard
//! (blocks), and completeness during resharding (walk).

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod blocks;
mod case;
mod cluster;
mod foreign;
mod goldens;
mod invalid;
mod leaves;
mod messages;
mod relations;
mod stable;
mod walk;
