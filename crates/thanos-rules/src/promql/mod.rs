//! PromQL as the ruler's own parser takes it. Pure.
//!
//! A text goes in; what is needed to judge and to enforce comes out: its selectors with their
//! places, and the functions it calls. No tree is kept: types are checked while it is read.
//! What is accepted here must be accepted by Thanos, so in doubt it is refused.

mod calls;
mod duration;
mod lexer;
mod logql;
mod number;
mod operators;
mod parser;
mod selector;
mod table;
mod text;
mod token;

pub(crate) use logql::is_logql;
pub(crate) use parser::parse;
pub(crate) use selector::{MatchKind, Matcher, Selector};
pub(crate) use table::{Function, Table};
pub(crate) use text::quote;
pub(crate) use words::words;

mod words {
    /// The tokens of an expression as text, for comparing two expressions word by word.
    pub(crate) fn words(input: &str) -> Option<Vec<&str>> {
        let tokens = super::lexer::tokens(input).ok()?;
        tokens.iter().map(|t| input.get(t.start..t.end)).collect()
    }
}
