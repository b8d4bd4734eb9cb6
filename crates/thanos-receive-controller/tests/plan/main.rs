//! Tests of the plan: what it looks like (goldens), what must hold for any (relations), that every
//! field has an effect (leaves), what is refused (invalid), and what stays as it is (stable). The
//! order of events is the subject of `tests/model`.

// Helpers of tests are tests too.
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
