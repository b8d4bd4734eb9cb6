//! Tests of the plan and of the status: what they look like (goldens), what must hold for any plan
//! (relations), that every field has an effect (leaves), what is refused (invalid), what stays as it
//! is (stable), that what is mounted is what Thanos takes (rules), what is held back (held), and whose alerts are
//! sent (modes).

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
