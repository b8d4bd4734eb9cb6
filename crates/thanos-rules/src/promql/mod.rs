//! Parses PromQL as the ruler does. Pure.
//!
//! The result is what validation and enforcement need: the selectors with their positions, and whether a
//! function reads other series. There is no syntax tree: types are checked while parsing.
//! Thanos must accept every accepted expression, so unclear ones are rejected.

mod calls;
mod duration;
mod lexer;
mod logql;
mod matchers;
mod number;
mod operators;
mod parser;
mod selector;
mod text;
mod token;

pub(crate) use logql::is_logql;
pub(crate) use parser::parse;
pub(crate) use selector::{MatchKind, Matcher, Selector};
pub(crate) use text::quote;

/// The tokens of an expression as text, for comparing two expressions.
pub(crate) fn token_texts(input: &str) -> Option<Vec<&str>> {
    let tokens = lexer::tokens(input).ok()?;
    tokens.iter().map(|t| input.get(t.start..t.end)).collect()
}
