//! What the tests of every controller's plan have in common: cases from files, goldens, the walk over
//! every leaf of the schema, relations between objects, what is rejected, and objects as an API server
//! returns them. Only tests depend on this crate.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used, clippy::panic)]

mod case;
mod difference;
pub mod foreign;
pub mod goldens;
pub mod invalid;
pub mod leaves;
pub mod messages;
pub mod relations;
pub mod stable;
pub mod world;

pub use case::{Case, ObservedCase, amended, bodies, documents};
