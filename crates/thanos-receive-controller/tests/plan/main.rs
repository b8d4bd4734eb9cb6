//! Tests of the plan: goldens, invariants of any plan (relations), an effect of every field (leaves),
//! rejected specs (invalid), and what does not change (stable). `tests/model` tests the order of events.

// Helpers of tests panic as well.
#![allow(clippy::unwrap_used, clippy::panic)]

mod case;
mod foreign;
mod goldens;
mod invalid;
mod leaves;
mod messages;
mod relations;
mod stable;
mod tenants;
