//! The grammar and the types of PromQL.

use super::lexer::tokens;
use super::number;
use super::selector::Selector;
use super::text::place;
use super::token::{Operator, Token, TokenKind, Word};
use crate::Dialect;
use crate::functions::Type;

/// A valid expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    /// In the order of the text.
    pub(crate) selectors: Vec<Selector>,
    /// Whether a function reads series that no selector matches.
    pub(crate) reaches_further: bool,
}

/// Parses an expression.
///
/// # Errors
/// The first error with its position, in one line.
pub(crate) fn parse(input: &str, dialect: &Dialect) -> Result<Expression, String> {
    let mut parser = Parser {
        input,
        dialect,
        tokens: tokens(input)?,
        at: 0,
        depth: 0,
        found: Vec::new(),
        exempt: Vec::new(),
        reaches_further: false,
    };
    if parser.peek().kind == TokenKind::End {
        return Err("empty expression".to_owned());
    }
    parser.expression(0)?;
    parser.expect(TokenKind::End, "an operator or end of input")?;
    parser.all_select_something()?;
    Ok(Expression {
        selectors: parser.found,
        reaches_further: parser.reaches_further,
    })
}

/// Maximum nesting depth of expressions, so that the stack is never exhausted.
const DEEPEST: usize = 100;

pub(super) struct Parser<'a> {
    pub(super) input: &'a str,
    pub(super) dialect: &'a Dialect,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    pub(super) found: Vec<Selector>,
    /// Selectors without a required matcher.
    pub(super) exempt: Vec<usize>,
    pub(super) reaches_further: bool,
}

/// A parsed expression: its type, and which modifiers may follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) kind: Type,
    pub(super) form: Form,
    pub(super) modifiers: Modifiers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Selector(usize),
    Matrix,
    Subquery,
    Other,
}

/// Modifiers that are already set. A zero offset counts as unset.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Modifiers {
    pub(super) offset: bool,
    pub(super) computed_offset: bool,
    pub(super) timestamp: bool,
    pub(super) bound: bool,
}

impl Value {
    pub(super) fn of(kind: Type) -> Self {
        let form = Form::Other;
        Self::new(kind, form)
    }

    pub(super) fn new(kind: Type, form: Form) -> Self {
        Self {
            kind,
            form,
            modifiers: Modifiers::default(),
        }
    }
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Token {
        // The last token is the end, and is never passed.
        let last = self.tokens.len().saturating_sub(1);
        self.tokens
            .get(self.at.min(last))
            .copied()
            .unwrap_or(Token {
                kind: TokenKind::End,
                start: self.input.len(),
                end: self.input.len(),
            })
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += usize::from(token.kind != TokenKind::End);
        token
    }

    pub(super) fn take(&mut self, kind: TokenKind) -> bool {
        let found = self.peek().kind == kind;
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, kind: TokenKind, desired: &str) -> Result<(), String> {
        let token = self.peek();
        match token.kind == kind {
            true => {
                self.at += 1;
                Ok(())
            }
            false => self.unexpected(token, desired),
        }
    }

    pub(super) fn text(&self, token: Token) -> &'a str {
        self.input.get(token.start..token.end).unwrap_or_default()
    }

    /// The end of the last token.
    pub(super) fn last_end(&self) -> usize {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(0, |token| token.end)
    }

    pub(super) fn unexpected<T>(&self, token: Token, desired: &str) -> Result<T, String> {
        let at = place(self.input, token.start);
        match token.kind {
            TokenKind::End => Err(format!("unexpected end of input, expected {desired}")),
            _ => Err(format!(
                "unexpected {:?} at {at}, expected {desired}",
                self.text(token)
            )),
        }
    }

    pub(super) fn wrong<T>(&self, at: Token, what: &str) -> Result<T, String> {
        Err(format!("{what}, at {}", place(self.input, at.start)))
    }

    pub(super) fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        // The outermost expression does not count.
        match self.depth > DEEPEST + 1 {
            true => Err(format!(
                "nested more than {DEEPEST} levels deep; move a part of it into a recording rule"
            )),
            false => Ok(()),
        }
    }

    pub(super) fn shallower(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn value(&self, token: Token) -> Result<f64, String> {
        let text = self.text(token);
        let value = match token.kind {
            // Older versions reject a zero duration.
            TokenKind::Duration => number::seconds(text)
                .filter(|seconds| *seconds > 0.0 || self.dialect.computes_durations()),
            _ => number::number(text),
        };
        match value {
            Some(value) => Ok(value),
            None => self.unexpected(token, "a number or a duration within range"),
        }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Result<Value, String> {
        self.deeper()?;
        let mut left = self.prefixed()?;
        while let TokenKind::Operator(operator) = self.peek().kind {
            let binding = operator.binding();
            if binding < least {
                break;
            }
            let token = self.next();
            let matching = self.matching()?;
            // Only powers are right-associative.
            let right = self.expression(binding + u8::from(operator != Operator::Power))?;
            left = self.binary(token, operator, &matching, left.kind, right.kind)?;
        }
        self.shallower();
        Ok(left)
    }

    fn prefixed(&mut self) -> Result<Value, String> {
        let token = self.peek();
        if matches!(
            token.kind,
            TokenKind::Operator(Operator::Add | Operator::Subtract)
        ) {
            self.next();
            // Signs have the precedence of multiplication, so only powers bind tighter.
            let value = self.expression(Operator::Power.binding())?;
            return match value.kind {
                Type::Scalar | Type::Vector => Ok(Value::of(value.kind)),
                other => self.wrong(
                    token,
                    &format!("a sign is not allowed before {}", other.described()),
                ),
            };
        }
        let mut value = self.primary()?;
        loop {
            let token = self.peek();
            value = match token.kind {
                TokenKind::Word(Word::Offset) => self.with_offset(value)?,
                TokenKind::At => self.with_timestamp(value)?,
                TokenKind::LeftBracket => self.with_range(value)?,
                TokenKind::Word(Word::Extended) => {
                    return self.wrong(token, "Thanos does not support smoothed and anchored");
                }
                _ => return Ok(value),
            };
        }
    }

    fn primary(&mut self) -> Result<Value, String> {
        let token = self.next();
        let follows = self.peek().kind;
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                self.value(token)?;
                Ok(Value::of(Type::Scalar))
            }
            TokenKind::Text => Ok(Value::of(Type::Text)),
            TokenKind::LeftParen => {
                let inner = self.expression(0)?;
                self.expect(TokenKind::RightParen, "a closing parenthesis")?;
                Ok(Value::of(inner.kind))
            }
            TokenKind::LeftBrace => {
                self.at -= 1;
                self.selected(None)
            }
            TokenKind::Aggregator(aggregator)
                if matches!(
                    follows,
                    TokenKind::LeftParen | TokenKind::Word(Word::By | Word::Without)
                ) =>
            {
                self.aggregation(token, aggregator)
            }
            TokenKind::Identifier if follows == TokenKind::LeftParen => self.call(token),
            TokenKind::Word(Word::Step) if follows == TokenKind::LeftParen => {
                self.wrong(token, "step() is only allowed in a duration")
            }
            TokenKind::Identifier
            | TokenKind::MetricIdentifier
            | TokenKind::Aggregator(_)
            | TokenKind::Operator(Operator::And | Operator::Or | Operator::Unless)
            | TokenKind::Word(
                Word::By | Word::Without | Word::Offset | Word::Bound | Word::Step | Word::Extended,
            ) => self.selected(Some(self.text(token))),
            _ => self.unexpected(token, "an expression"),
        }
    }

    fn selected(&mut self, name: Option<&str>) -> Result<Value, String> {
        let selector = self.selector(name)?;
        self.found.push(selector);
        let index = self.found.len() - 1;
        Ok(Value::new(Type::Vector, Form::Selector(index)))
    }

    fn all_select_something(&self) -> Result<(), String> {
        let empty = self.found.iter().enumerate().find(|(i, selector)| {
            selector.name.is_none()
                && !self.exempt.contains(i)
                && selector.matchers.iter().all(|m| m.meets_empty)
        });
        match empty {
            Some((_, selector)) => Err(format!(
                "the selector at {} can match every series; add a metric name, or a matcher that \
                 does not match an empty value",
                place(self.input, selector.insert.saturating_sub(1))
            )),
            None => Ok(()),
        }
    }
}
