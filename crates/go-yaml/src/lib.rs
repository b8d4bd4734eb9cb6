//! Reads YAML with the semantics of go-yaml 2, which Thanos and kubectl use. Pure.
//!
//! `yes` is a boolean, `0755` an octal number, `1_000` a number, and `<<` merges in text order. Input
//! that go-yaml 2 reads differently than the underlying parser, or that depends on the YAML version,
//! is an error: directives, line breaks of YAML 1.1, some tags.
//!
//! In: a text. Out: its [`Document`]s, or an error with line and column.

mod document;
mod documents;
mod error;
mod lines;
mod node;
mod scalar;

pub use document::Document;
pub use documents::{Documents, documents};
pub use error::Error;
pub use node::{Entry, Node};
pub use scalar::float;
