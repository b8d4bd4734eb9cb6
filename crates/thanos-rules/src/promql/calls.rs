//! Functions and aggregations: number and types of arguments.

use super::parser::{Form, Parser, Value};
use super::text::unquote;
use super::token::{Aggregator, Token, TokenKind, Word};
use crate::functions::{Function, Type};

impl Parser<'_> {
    pub(super) fn aggregation(
        &mut self,
        token: Token,
        aggregator: Aggregator,
    ) -> Result<Value, String> {
        if aggregator == Aggregator::Experimental && !self.dialect.experimental() {
            return self.wrong(token, &self.not_enabled(token));
        }
        let before = self.grouping()?;
        let arguments = self.arguments()?;
        if !before {
            self.grouping()?;
        }
        let desired: &[Type] = match aggregator {
            Aggregator::Plain | Aggregator::MinMax => &[Type::Vector],
            Aggregator::Scalar | Aggregator::Experimental => &[Type::Scalar, Type::Vector],
            Aggregator::CountValues => &[Type::Text, Type::Vector],
        };
        if arguments.len() != desired.len() {
            return self.wrong(token, &count(self.text(token), desired.len(), &arguments));
        }
        self.check_types(token, &arguments, |i| desired.get(i).copied())?;
        Ok(Value::of(Type::Vector))
    }

    /// Labels after `by` or `without`, if there are any.
    fn grouping(&mut self) -> Result<bool, String> {
        if !self.take(TokenKind::Word(Word::By)) && !self.take(TokenKind::Word(Word::Without)) {
            return Ok(false);
        }
        self.labels().map(|_| true)
    }

    /// Labels in parentheses.
    pub(super) fn labels(&mut self) -> Result<Vec<Vec<u8>>, String> {
        self.expect(TokenKind::LeftParen, "labels in parentheses")?;
        let mut found = Vec::new();
        while !self.take(TokenKind::RightParen) {
            let token = self.next();
            let text = self.text(token);
            let label = match token.kind {
                TokenKind::Text => unquote(text),
                TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregator(_) => {
                    text.into()
                }
                TokenKind::Word(word) if word != Word::Without => text.into(),
                TokenKind::Operator(_) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    text.into()
                }
                _ => return self.unexpected(token, "a label"),
            };
            if label.is_empty() || std::str::from_utf8(&label).is_err() {
                return self.unexpected(token, "a label");
            }
            found.push(label);
            if !self.take(TokenKind::Comma) {
                self.expect(TokenKind::RightParen, "a comma or a closing parenthesis")?;
                break;
            }
        }
        Ok(found)
    }

    fn arguments(&mut self) -> Result<Vec<Value>, String> {
        self.expect(TokenKind::LeftParen, "an opening parenthesis")?;
        let mut found = Vec::new();
        if self.take(TokenKind::RightParen) {
            return Ok(found);
        }
        loop {
            found.push(self.expression(0)?);
            if !self.take(TokenKind::Comma) {
                self.expect(TokenKind::RightParen, "a comma or a closing parenthesis")?;
                return Ok(found);
            }
        }
    }

    fn not_enabled(&self, token: Token) -> String {
        format!(
            "{} is experimental; enable it with --enable-feature=promql-experimental-functions",
            self.text(token)
        )
    }

    pub(super) fn call(&mut self, token: Token) -> Result<Value, String> {
        let name = self.text(token);
        let dialect = self.dialect;
        let Some(function) = dialect.function(name) else {
            return self.wrong(token, &unknown(name));
        };
        if function.experimental && !dialect.experimental() {
            return self.wrong(token, &self.not_enabled(token));
        }
        let arguments = self.arguments()?;
        self.check_count(token, function, &arguments)?;
        if name == "info" {
            self.reaches_further = true;
            match arguments.get(1).map(|value| value.form) {
                Some(Form::Selector(index)) if self.found[index].name.is_none() => {
                    self.exempt.push(index);
                }
                Some(_) => {
                    return self
                        .wrong(token, "argument 2 of info must be label matchers in braces");
                }
                None => {}
            }
        }
        let last = function.arguments.last().copied();
        self.check_types(token, &arguments, |i| {
            function.arguments.get(i).copied().or(last)
        })?;
        Ok(Value::of(function.result))
    }

    fn check_count(
        &self,
        token: Token,
        function: &Function,
        arguments: &[Value],
    ) -> Result<(), String> {
        let declared = function.arguments.len();
        let least = declared - usize::from(function.variadic != 0 && declared > 0);
        let most = match usize::try_from(function.variadic) {
            Ok(0) => Some(declared),
            Ok(more) => Some(least + more),
            Err(_) => None,
        };
        match arguments.len() < least || most.is_some_and(|most| arguments.len() > most) {
            true => self.wrong(token, &count(self.text(token), declared, arguments)),
            false => Ok(()),
        }
    }

    fn check_types(
        &self,
        token: Token,
        arguments: &[Value],
        desired: impl Fn(usize) -> Option<Type>,
    ) -> Result<(), String> {
        for (i, argument) in arguments.iter().enumerate() {
            if let Some(desired) = desired(i).filter(|desired| *desired != argument.kind) {
                let what = format!(
                    "argument {} of {} is {}, and must be {}",
                    i + 1,
                    self.text(token),
                    argument.kind.described(),
                    desired.described()
                );
                return self.wrong(token, &what);
            }
        }
        Ok(())
    }
}

fn count(name: &str, desired: usize, found: &[Value]) -> String {
    format!(
        "expected {desired} arguments of {name}(), got {}",
        found.len()
    )
}

fn unknown(name: &str) -> String {
    match name {
        "xrate" | "xincrease" | "xdelta" => {
            format!("{name} is an extended function; enable it with --query.enable-x-functions")
        }
        _ => format!("function {name} does not exist in this version of Thanos"),
    }
}
