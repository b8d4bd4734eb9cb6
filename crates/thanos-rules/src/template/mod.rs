//! Templates in the labels and annotations of alerts, as Go's `text/template` reads them when rules
//! are loaded: nothing is executed. Pure.
//!
//! It takes a subset that Go surely takes: numbers in plain notation, names in ASCII.

mod lexer;
mod parser;

use crate::Dialect;

/// Checks a template.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn check(text: &str, dialect: &Dialect) -> Result<(), String> {
    // Most texts are no templates.
    if !text.contains("{{") {
        return Ok(());
    }
    parser::check(&lexer::tokens(text)?, dialect)
}

/// Whether a template asks for data, or might.
pub(crate) fn queries(text: &str) -> bool {
    let asks = |token: &lexer::Token| matches!(token, lexer::Token::Word(word) if word == "query");
    text.contains("{{") && lexer::tokens(text).map_or(true, |tokens| tokens.iter().any(asks))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
