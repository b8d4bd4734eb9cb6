//! Durations inside an expression: ranges, steps and offsets.
//!
//! Thanos has no flag for arithmetic on durations, so operators and parentheses are rejected.

use super::number;
use super::parser::Parser;
use super::token::{Aggregator, Operator, TokenKind, Word};

/// A duration.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    Seconds(f64),
    /// `step()`, `min()` or `max()`, computed during evaluation.
    Computed,
}

impl Parser<'_> {
    /// The duration after `offset`.
    pub(super) fn offset(&mut self) -> Result<Length, String> {
        let first = self.peek();
        let (negative, signs) = self.signs();
        let length = self.signed(negative)?;
        // Where durations are no expressions, one may have a minus.
        if !self.dialect.computes_durations() && signs > usize::from(negative) {
            return self.unexpected(first, "an offset with at most a minus");
        }
        // Prometheus reads an operator after two signs as arithmetic.
        let token = self.peek();
        match token.kind {
            TokenKind::Operator(operator) if signs > 1 && operator.calculates() => {
                self.unexpected(token, "an offset with one sign")
            }
            _ => Ok(length),
        }
    }

    /// A range or a step: longer than zero.
    pub(super) fn positive(&mut self) -> Result<(), String> {
        let first = self.peek();
        let (negative, signs) = self.signs();
        let length = self.signed(negative)?;
        if signs > 0 && !self.dialect.computes_durations() {
            return self.unexpected(first, "a duration");
        }
        match length {
            Length::Seconds(seconds) if seconds <= 0.0 => {
                self.unexpected(first, "a duration longer than zero")
            }
            _ => Ok(()),
        }
    }

    /// Signs: whether together they are a minus, and how many there are.
    fn signs(&mut self) -> (bool, usize) {
        let (mut negative, mut count) = (false, 0);
        loop {
            match self.peek().kind {
                TokenKind::Operator(Operator::Subtract) => negative = !negative,
                TokenKind::Operator(Operator::Add) => {}
                _ => return (negative, count),
            }
            count += 1;
            self.next();
        }
    }

    fn signed(&mut self, negative: bool) -> Result<Length, String> {
        let token = self.next();
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let seconds = self.value(token)?;
                if !number::is_duration(seconds) {
                    return self.unexpected(token, "a duration of less than 292 years");
                }
                Ok(Length::Seconds(if negative { -seconds } else { seconds }))
            }
            _ if !self.dialect.computes_durations() => self.unexpected(token, "a duration"),
            TokenKind::Word(Word::Step) => {
                self.expect(TokenKind::LeftParen, "step()")?;
                self.expect(TokenKind::RightParen, "step()")?;
                Ok(Length::Computed)
            }
            TokenKind::Aggregator(Aggregator::MinMax) => {
                self.deeper()?;
                self.expect(TokenKind::LeftParen, "two durations in parentheses")?;
                self.nested()?;
                self.expect(TokenKind::Comma, "a comma and a second duration")?;
                self.nested()?;
                self.expect(TokenKind::RightParen, "a closing parenthesis")?;
                self.shallower();
                Ok(Length::Computed)
            }
            TokenKind::LeftParen => self.unexpected(
                token,
                "a duration, since Thanos does not calculate with them",
            ),
            _ => self.unexpected(token, "a duration such as 5m"),
        }
    }

    fn nested(&mut self) -> Result<(), String> {
        let (negative, _) = self.signs();
        self.signed(negative).map(|_| ())
    }
}
