//! Tests of the plan and of the status: what they look like (goldens), and what must hold for any plan
//! (relations).

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod case;
mod goldens;
mod relations;
mod world;
