//! Tests of the plan and of the status: golden files (goldens), invariants of every plan (relations), the
//! effect of every field (leaves), rejected specs (invalid), changes that restart no pod (stable), mounted
//! rule files (rules), held-back rules (held), overlap and modes (modes), and pods of other owners (foreign).

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod case;
mod foreign;
mod goldens;
mod held;
mod invalid;
mod leaves;
mod messages;
mod modes;
mod relations;
mod rules;
mod stable;
