//! Tests of the plan: what it looks like (goldens), what must hold for any (relations), that every
//! field has an effect (leaves), what is refused (invalid), what stays as it is (stable), that each
//! block is served by one shard (blocks), and that no change of shards leaves a hole (walk).

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
