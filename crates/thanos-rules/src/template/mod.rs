//! Validates templates in labels and annotations of alerts as Go's `text/template` parses them when rules
//! are loaded. Templates are not executed. Pure.
//!
//! The parser accepts a subset of the syntax of Go: numbers in plain notation, names in ASCII.

mod lexer;
mod parser;

use crate::Dialect;

/// Checks a template.
///
/// # Errors
/// The first syntax error.
pub(crate) fn check(text: &str, dialect: &Dialect) -> Result<(), String> {
    // Most texts contain no action.
    if !text.contains("{{") {
        return Ok(());
    }
    parser::check(&lexer::tokens(text)?, dialect)
}

/// Whether a template calls `query`, or may call it.
pub(crate) fn queries(text: &str) -> bool {
    let calls = |token: &lexer::Token| matches!(token, lexer::Token::Word(word) if word == "query");
    text.contains("{{") && lexer::tokens(text).map_or(true, |tokens| tokens.iter().any(calls))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
