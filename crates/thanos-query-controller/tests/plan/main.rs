//! Tests of the plan: goldens, invariants of any plan (relations), effect of every field (leaves),
//! rejected specs (invalid), and changes that restart no pod (stable).

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod case;
mod goldens;
mod invalid;
mod leaves;
mod messages;
mod relations;
mod stable;
