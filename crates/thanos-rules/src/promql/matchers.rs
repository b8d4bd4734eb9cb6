//! Parses selectors.

use super::parser::Parser;
use super::selector::{METRIC_NAME, MatchKind, Matcher, Selector};
use super::text::{place, unquote};
use super::token::{Operator, TokenKind};
use crate::regex;

impl Parser<'_> {
    /// A selector whose name, if it has one, was just read.
    pub(super) fn selector(&mut self, name: Option<&str>) -> Result<Selector, String> {
        let mut selector = Selector {
            name: name.map(str::to_owned),
            matchers: Vec::new(),
            insert: self.last_end(),
            braces: false,
        };
        let start = self.peek().start;
        if !self.take(TokenKind::LeftBrace) {
            return Ok(selector);
        }
        selector.insert = self.last_end();
        selector.braces = true;
        while !self.take(TokenKind::RightBrace) {
            selector.matchers.push(self.matcher()?);
            if !self.take(TokenKind::Comma) {
                self.expect(TokenKind::RightBrace, "a comma or a closing brace")?;
                break;
            }
        }
        let names_metric = |m: &Matcher| m.label == METRIC_NAME.as_bytes();
        if selector.name.is_some() && selector.matchers.iter().any(names_metric) {
            return Err(format!(
                "the metric name is set twice at {}; remove one",
                place(self.input, start)
            ));
        }
        Ok(selector)
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let token = self.next();
        let quoted = token.kind == TokenKind::Text;
        let text = self.text(token);
        let label = match token.kind {
            TokenKind::Identifier => text.as_bytes().to_vec(),
            TokenKind::Text => unquote(text),
            _ => return self.unexpected(token, "a label or a closing brace"),
        };
        let kind = match self.peek().kind {
            TokenKind::Equal => MatchKind::Equal,
            TokenKind::Operator(Operator::NotEqual) => MatchKind::NotEqual,
            TokenKind::Match => MatchKind::Match,
            TokenKind::NoMatch => MatchKind::NoMatch,
            // A quoted metric name.
            _ if quoted => {
                return Ok(Matcher {
                    meets_empty: label.is_empty(),
                    label: METRIC_NAME.as_bytes().to_vec(),
                    kind: MatchKind::Equal,
                    value: label,
                });
            }
            _ => return self.unexpected(self.peek(), "=, !=, =~ or !~"),
        };
        self.next();
        let token = self.next();
        if token.kind != TokenKind::Text {
            return self.unexpected(token, "a quoted value");
        }
        let value = unquote(self.text(token));
        let meets_empty = match kind {
            MatchKind::Equal => value.is_empty(),
            MatchKind::NotEqual => !value.is_empty(),
            MatchKind::Match => self.matches_empty(&value, token.start)?,
            MatchKind::NoMatch => !self.matches_empty(&value, token.start)?,
        };
        Ok(Matcher {
            label,
            kind,
            value,
            meets_empty,
        })
    }

    fn matches_empty(&self, pattern: &[u8], at: usize) -> Result<bool, String> {
        let matches = match std::str::from_utf8(pattern) {
            Ok(pattern) => regex::matches_empty(pattern),
            Err(_) => Err("not UTF-8".to_owned()),
        };
        matches.map_err(|e| {
            format!(
                "invalid regular expression at {}: {e}",
                place(self.input, at)
            )
        })
    }
}
