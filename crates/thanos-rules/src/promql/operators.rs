//! Operators between expressions, and modifiers after them.

use super::duration::Length;
use super::number;
use super::parser::{Form, Parser, Value};
use super::token::{Operator, Token, TokenKind, Word};
use crate::functions::Type;

/// The modifiers between an operator and its right side.
#[derive(Debug, Default)]
pub(super) struct Matching {
    bool: bool,
    on: bool,
    labels: Vec<Vec<u8>>,
    grouped: bool,
    include: Vec<Vec<u8>>,
}

/// Operators and modifiers.
impl Parser<'_> {
    pub(super) fn matching(&mut self) -> Result<Matching, String> {
        let mut matching = Matching {
            bool: self.take(TokenKind::Word(Word::Bool)),
            ..Matching::default()
        };
        matching.on = self.peek().kind == TokenKind::Word(Word::On);
        if !self.take(TokenKind::Word(Word::On)) && !self.take(TokenKind::Word(Word::Ignoring)) {
            return Ok(matching);
        }
        matching.labels = self.labels()?;
        matching.grouped = self.take(TokenKind::Word(Word::GroupLeft))
            || self.take(TokenKind::Word(Word::GroupRight));
        if matching.grouped && self.peek().kind == TokenKind::LeftParen {
            matching.include = self.labels()?;
        }
        Ok(matching)
    }

    pub(super) fn binary(
        &self,
        token: Token,
        operator: Operator,
        matching: &Matching,
        left: Type,
        right: Type,
    ) -> Result<Value, String> {
        let vectors = left == Type::Vector && right == Type::Vector;
        let scalars = left == Type::Scalar && right == Type::Scalar;
        let both = |label| matching.on && matching.include.contains(label);
        let wrong = match () {
            () if matching.bool && !operator.compares() => {
                "bool is only allowed after a comparison operator"
            }
            () if operator.compares() && !matching.bool && scalars => {
                "a comparison of scalars needs bool after the operator"
            }
            () if matching.labels.iter().any(both) => {
                "a label is in on() and in group_left() or group_right()"
            }
            () if [left, right]
                .iter()
                .any(|t| !matches!(t, Type::Scalar | Type::Vector)) =>
            {
                "operands must be scalars or instant vectors"
            }
            () if !vectors && !matching.labels.is_empty() => {
                "on and ignoring are only allowed between two instant vectors"
            }
            () if operator.is_set() && !vectors => {
                "operands of and, or and unless must be instant vectors"
            }
            () if operator.is_set() && matching.grouped => {
                "group_left and group_right are not allowed with and, or and unless"
            }
            () if scalars => return Ok(Value::of(Type::Scalar)),
            () => return Ok(Value::of(Type::Vector)),
        };
        self.wrong(token, wrong)
    }

    pub(super) fn with_offset(&mut self, mut value: Value) -> Result<Value, String> {
        let token = self.next();
        let length = self.offset()?;
        let modifiers = &mut value.modifiers;
        match value.form {
            Form::Other => {
                return self.wrong(
                    token,
                    "offset is only allowed after a selector or a subquery",
                );
            }
            _ if modifiers.offset || modifiers.computed_offset => {
                return self.wrong(token, "offset is set twice");
            }
            _ => {}
        }
        match length {
            // Go rounds less than half a nanosecond to zero.
            Length::Seconds(seconds) => modifiers.offset = (seconds * 1e9).round() != 0.0,
            Length::Computed => modifiers.computed_offset = true,
        }
        Ok(value)
    }

    pub(super) fn with_timestamp(&mut self, mut value: Value) -> Result<Value, String> {
        let token = self.next();
        if value.form == Form::Other {
            return self.wrong(token, "@ is only allowed after a selector or a subquery");
        }
        if value.modifiers.timestamp || value.modifiers.bound {
            return self.wrong(token, "@ is set twice");
        }
        if self.take(TokenKind::Word(Word::Bound)) {
            self.expect(TokenKind::LeftParen, "start() or end()")?;
            self.expect(TokenKind::RightParen, "start() or end()")?;
            value.modifiers.bound = true;
            return Ok(value);
        }
        if !self.take(TokenKind::Operator(Operator::Add)) {
            self.take(TokenKind::Operator(Operator::Subtract));
        }
        let timestamp = self.next();
        match timestamp.kind {
            TokenKind::Number | TokenKind::Duration
                if number::is_timestamp(self.value(timestamp)?) =>
            {
                value.modifiers.timestamp = true;
                Ok(value)
            }
            _ => self.unexpected(timestamp, "a timestamp, start() or end()"),
        }
    }

    pub(super) fn with_range(&mut self, value: Value) -> Result<Value, String> {
        let token = self.next();
        self.positive()?;
        if self.take(TokenKind::Colon) {
            if !self.take(TokenKind::RightBracket) {
                self.positive()?;
                self.expect(TokenKind::RightBracket, "a closing bracket")?;
            }
            return match value.kind {
                Type::Vector => Ok(Value::new(Type::Matrix, Form::Subquery)),
                other => self.wrong(
                    token,
                    &format!(
                        "subquery of {}, expected an instant vector",
                        other.described()
                    ),
                ),
            };
        }
        self.expect(TokenKind::RightBracket, "a colon or a closing bracket")?;
        match value.form {
            Form::Selector(_) if value.modifiers.offset || value.modifiers.timestamp => {
                self.wrong(token, "offset and @ must be after the range")
            }
            Form::Selector(_) => Ok(Value {
                kind: Type::Matrix,
                form: Form::Matrix,
                modifiers: value.modifiers,
            }),
            _ => self.wrong(
                token,
                "a range is only allowed after a selector; for other expressions use a subquery such as [5m:]",
            ),
        }
    }
}
