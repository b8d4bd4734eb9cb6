//! Reads YAML with the meaning that go-yaml 2 gives it, as Thanos and kubectl do. Pure.
//!
//! `yes` is a boolean, `0755` an octal number, `1_000` a number, and `<<` merges in the order of the
//! text. What Go reads otherwise than the parser below us, or what depends on the version of YAML, is
//! an error: directives, line breaks of YAML 1.1, a few tags.
//!
//! A text goes in, one [`Document`] after another comes out. Errors name a line and a column, in
//! words of our own.

mod document;
mod documents;
mod error;
mod lines;
mod merge;
mod node;
mod scalar;

pub use document::Document;
pub use documents::{Documents, documents};
pub use error::Error;
pub use merge::Entry;
pub use node::Node;
pub use scalar::float;
