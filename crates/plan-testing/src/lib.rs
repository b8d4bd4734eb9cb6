//! Common parts of the plan tests of all controllers: cases from files, goldens, checks of every leaf of
//! the schema, relations between objects, rejected specs, and objects as the API server returns them.
//! Only tests depend on this crate.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used, clippy::panic)]

mod case;
pub mod command_line;
mod difference;
pub mod foreign;
pub mod goldens;
pub mod invalid;
pub mod leaves;
pub mod messages;
pub mod objects;
pub mod observe;
pub mod relations;
pub mod stable;

pub use case::{Case, ObservedCase, bodies, documents, patched};
