//! The grammar and the types of PromQL.

use super::duration::Length;
use super::lexer::{place, tokens};
use super::number;
use super::selector::Selector;
use super::table::Function;
use super::token::{Aggregator, Kind, Operator, Token, Word};
use crate::Dialect;

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Scalar,
    Vector,
    Matrix,
    Text,
}

impl Type {
    fn described(self) -> &'static str {
        match self {
            Self::Scalar => "a scalar",
            Self::Vector => "an instant vector",
            Self::Matrix => "a range vector",
            Self::Text => "a string",
        }
    }
}

/// What is known of an expression that Thanos accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    /// In the order of the text.
    pub(crate) selectors: Vec<Selector>,
    /// Whether a function selects data that no selector names.
    pub(crate) reaches_further: bool,
}

/// Reads an expression.
///
/// # Errors
/// What is wrong, where, and what was expected, in one line.
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
    if parser.peek().kind == Kind::End {
        return Err("there is no expression".to_owned());
    }
    parser.expression(0)?;
    parser.expect(Kind::End, "an operator or the end")?;
    parser.all_select_something()?;
    Ok(Expression {
        selectors: parser.found,
        reaches_further: parser.reaches_further,
    })
}

/// How deep expressions may be nested, so that the stack is never exhausted.
const DEEPEST: usize = 100;

pub(super) struct Parser<'a> {
    pub(super) input: &'a str,
    pub(super) dialect: &'a Dialect,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    found: Vec<Selector>,
    /// Selectors that may select anything.
    exempt: Vec<usize>,
    reaches_further: bool,
}

/// An expression that was read: its type, and what modifiers may follow.
#[derive(Clone, Copy, Debug)]
struct Value {
    kind: Type,
    form: Form,
    modifiers: Modifiers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Selector(usize),
    Matrix,
    Subquery,
    Other,
}

/// Modifiers that are set already. A zero offset is as none.
#[derive(Clone, Copy, Debug, Default)]
struct Modifiers {
    offset: bool,
    computed_offset: bool,
    timestamp: bool,
    bound: bool,
}

impl Value {
    fn of(kind: Type) -> Self {
        let form = Form::Other;
        Self::new(kind, form)
    }

    fn new(kind: Type, form: Form) -> Self {
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
                kind: Kind::End,
                start: self.input.len(),
                end: self.input.len(),
            })
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek();
        self.at += usize::from(token.kind != Kind::End);
        token
    }

    pub(super) fn take(&mut self, kind: Kind) -> bool {
        let found = self.peek().kind == kind;
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, kind: Kind, wanted: &str) -> Result<(), String> {
        let token = self.peek();
        match token.kind == kind {
            true => {
                self.at += 1;
                Ok(())
            }
            false => self.unexpected(token, wanted),
        }
    }

    pub(super) fn text(&self, token: Token) -> &'a str {
        self.input.get(token.start..token.end).unwrap_or_default()
    }

    /// Where the token ended that was read last.
    pub(super) fn last_end(&self) -> usize {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        last.map_or(0, |token| token.end)
    }

    pub(super) fn unexpected<T>(&self, token: Token, wanted: &str) -> Result<T, String> {
        let at = place(self.input, token.start);
        match token.kind {
            Kind::End => Err(format!("it ends where {wanted} should be")),
            _ => Err(format!(
                "{:?} at {at}, where {wanted} should be",
                self.text(token)
            )),
        }
    }

    fn wrong<T>(&self, at: Token, what: &str) -> Result<T, String> {
        Err(format!("{what}, at {}", place(self.input, at.start)))
    }

    pub(super) fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err(format!(
                "it is nested more than {DEEPEST} levels deep; take a part of it into a recording rule"
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
            Kind::Duration => number::seconds(text),
            _ => number::number(text),
        };
        match value {
            Some(value) => Ok(value),
            None => self.unexpected(token, "a number or a duration that can be represented"),
        }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Value, String> {
        self.deeper()?;
        let mut left = self.prefixed()?;
        while let Kind::Operator(operator) = self.peek().kind {
            let binding = operator.binding();
            if binding < least {
                break;
            }
            let token = self.next();
            let matching = self.matching()?;
            // Only powers are grouped from the right.
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
            Kind::Operator(Operator::Add | Operator::Subtract)
        ) {
            self.next();
            // Signs bind as multiplication does, so only powers come first.
            let value = self.expression(Operator::Power.binding())?;
            return match value.kind {
                Type::Scalar | Type::Vector => Ok(Value::of(value.kind)),
                other => self.wrong(token, &format!("{} has no sign", other.described())),
            };
        }
        let mut value = self.primary()?;
        loop {
            let token = self.peek();
            value = match token.kind {
                Kind::Word(Word::Offset) => self.with_offset(value)?,
                Kind::At => self.with_timestamp(value)?,
                Kind::LeftBracket => self.with_range(value)?,
                Kind::Word(Word::Extended) => {
                    return self.wrong(token, "Thanos does not know smoothed and anchored ranges");
                }
                _ => return Ok(value),
            };
        }
    }

    fn primary(&mut self) -> Result<Value, String> {
        let token = self.next();
        let follows = self.peek().kind;
        match token.kind {
            Kind::Number | Kind::Duration => {
                self.value(token)?;
                Ok(Value::of(Type::Scalar))
            }
            Kind::Text => Ok(Value::of(Type::Text)),
            Kind::LeftParen => {
                let inner = self.expression(0)?;
                self.expect(Kind::RightParen, "a closing parenthesis")?;
                Ok(Value::of(inner.kind))
            }
            Kind::LeftBrace => {
                self.at -= 1;
                self.selected(None)
            }
            Kind::Aggregator(aggregator)
                if matches!(
                    follows,
                    Kind::LeftParen | Kind::Word(Word::By | Word::Without)
                ) =>
            {
                self.aggregation(token, aggregator)
            }
            Kind::Identifier if follows == Kind::LeftParen => self.call(token),
            Kind::Word(Word::Step) if follows == Kind::LeftParen => {
                self.wrong(token, "step() stands only where a duration does")
            }
            Kind::Identifier
            | Kind::MetricIdentifier
            | Kind::Aggregator(_)
            | Kind::Operator(Operator::And | Operator::Or | Operator::Unless)
            | Kind::Word(
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
                "the selector at {} could select everything; give it a metric name, or a matcher \
                 that an empty value does not meet",
                place(self.input, selector.insert.saturating_sub(1))
            )),
            None => Ok(()),
        }
    }

    fn aggregation(&mut self, token: Token, aggregator: Aggregator) -> Result<Value, String> {
        if aggregator == Aggregator::Experimental && !self.dialect.experimental() {
            return self.wrong(token, &self.not_enabled(token));
        }
        let before = self.grouping()?;
        let arguments = self.arguments()?;
        if !before {
            self.grouping()?;
        }
        let wanted: &[Type] = match aggregator {
            Aggregator::Plain | Aggregator::MinMax => &[Type::Vector],
            Aggregator::Scalar | Aggregator::Experimental => &[Type::Scalar, Type::Vector],
            Aggregator::CountValues => &[Type::Text, Type::Vector],
        };
        if arguments.len() != wanted.len() {
            return self.wrong(token, &count(self.text(token), wanted.len(), &arguments));
        }
        self.check_types(token, &arguments, |i| wanted.get(i).copied())?;
        Ok(Value::of(Type::Vector))
    }

    /// Labels after `by` or `without`, if there are any.
    fn grouping(&mut self) -> Result<bool, String> {
        if !self.take(Kind::Word(Word::By)) && !self.take(Kind::Word(Word::Without)) {
            return Ok(false);
        }
        self.labels().map(|_| true)
    }

    /// Labels in parentheses.
    fn labels(&mut self) -> Result<Vec<Vec<u8>>, String> {
        self.expect(Kind::LeftParen, "labels in parentheses")?;
        let mut found = Vec::new();
        while !self.take(Kind::RightParen) {
            let token = self.next();
            let text = self.text(token);
            let label = match token.kind {
                Kind::Text => super::text::unquote(text),
                Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregator(_) => text.into(),
                Kind::Word(word) if word != Word::Without => text.into(),
                Kind::Operator(_) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                    text.into()
                }
                _ => return self.unexpected(token, "a label"),
            };
            if label.is_empty() || std::str::from_utf8(&label).is_err() {
                return self.unexpected(token, "a label");
            }
            found.push(label);
            if !self.take(Kind::Comma) {
                self.expect(Kind::RightParen, "a comma or a closing parenthesis")?;
                break;
            }
        }
        Ok(found)
    }

    fn arguments(&mut self) -> Result<Vec<Value>, String> {
        self.expect(Kind::LeftParen, "an opening parenthesis")?;
        let mut found = Vec::new();
        if self.take(Kind::RightParen) {
            return Ok(found);
        }
        loop {
            found.push(self.expression(0)?);
            if !self.take(Kind::Comma) {
                self.expect(Kind::RightParen, "a comma or a closing parenthesis")?;
                return Ok(found);
            }
        }
    }

    fn not_enabled(&self, token: Token) -> String {
        format!(
            "{} is experimental; the ruler needs --enable-feature=promql-experimental-functions for it",
            self.text(token)
        )
    }

    fn call(&mut self, token: Token) -> Result<Value, String> {
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
                    return self.wrong(token, "info() takes label matchers in braces second");
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
        wanted: impl Fn(usize) -> Option<Type>,
    ) -> Result<(), String> {
        for (i, argument) in arguments.iter().enumerate() {
            if let Some(wanted) = wanted(i).filter(|wanted| *wanted != argument.kind) {
                let what = format!(
                    "argument {} of {} is {}, and must be {}",
                    i + 1,
                    self.text(token),
                    argument.kind.described(),
                    wanted.described()
                );
                return self.wrong(token, &what);
            }
        }
        Ok(())
    }
}

fn count(name: &str, wanted: usize, found: &[Value]) -> String {
    format!("{name}() has {} arguments, and takes {wanted}", found.len())
}

fn unknown(name: &str) -> String {
    match name {
        "xrate" | "xincrease" | "xdelta" => {
            format!(
                "{name} is an extended function; the ruler needs --query.enable-x-functions for it"
            )
        }
        _ => format!("this version of Thanos knows no function {name}"),
    }
}

/// What stands between an operator and its right side.
#[derive(Debug, Default)]
struct Matching {
    bool: bool,
    on: bool,
    labels: Vec<Vec<u8>>,
    grouped: bool,
    include: Vec<Vec<u8>>,
}

/// Operators and modifiers.
impl Parser<'_> {
    fn matching(&mut self) -> Result<Matching, String> {
        let mut matching = Matching {
            bool: self.take(Kind::Word(Word::Bool)),
            ..Matching::default()
        };
        matching.on = self.peek().kind == Kind::Word(Word::On);
        if !self.take(Kind::Word(Word::On)) && !self.take(Kind::Word(Word::Ignoring)) {
            return Ok(matching);
        }
        matching.labels = self.labels()?;
        matching.grouped =
            self.take(Kind::Word(Word::GroupLeft)) || self.take(Kind::Word(Word::GroupRight));
        if matching.grouped && self.peek().kind == Kind::LeftParen {
            matching.include = self.labels()?;
        }
        Ok(matching)
    }

    fn binary(
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
            () if matching.bool && !operator.compares() => "bool stands only after comparisons",
            () if operator.compares() && !matching.bool && scalars => {
                "scalars are compared with bool after the operator"
            }
            () if matching.labels.iter().any(both) => {
                "a label stands in on() and in the group as well"
            }
            () if [left, right]
                .iter()
                .any(|t| !matches!(t, Type::Scalar | Type::Vector)) =>
            {
                "an operator takes scalars and instant vectors only"
            }
            () if !vectors && !matching.labels.is_empty() => {
                "labels are matched only between two instant vectors"
            }
            () if operator.is_set() && !vectors => "and, or and unless take two instant vectors",
            () if operator.is_set() && matching.grouped => {
                "and, or and unless take no group_left or group_right"
            }
            () if scalars => return Ok(Value::of(Type::Scalar)),
            () => return Ok(Value::of(Type::Vector)),
        };
        self.wrong(token, wrong)
    }

    fn with_offset(&mut self, mut value: Value) -> Result<Value, String> {
        let token = self.next();
        let length = self.offset()?;
        let modifiers = &mut value.modifiers;
        match value.form {
            Form::Other => {
                return self.wrong(token, "offset follows only a selector or a subquery");
            }
            _ if modifiers.offset || modifiers.computed_offset => {
                return self.wrong(token, "a second offset");
            }
            _ => {}
        }
        match length {
            // Less than half a nanosecond is nothing.
            Length::Seconds(seconds) => modifiers.offset = (seconds * 1e9).round() != 0.0,
            Length::Computed => modifiers.computed_offset = true,
        }
        Ok(value)
    }

    fn with_timestamp(&mut self, mut value: Value) -> Result<Value, String> {
        let token = self.next();
        if value.form == Form::Other {
            return self.wrong(token, "@ follows only a selector or a subquery");
        }
        if value.modifiers.timestamp || value.modifiers.bound {
            return self.wrong(token, "a second @");
        }
        if self.take(Kind::Word(Word::Bound)) {
            self.expect(Kind::LeftParen, "start() or end()")?;
            self.expect(Kind::RightParen, "start() or end()")?;
            value.modifiers.bound = true;
            return Ok(value);
        }
        if !self.take(Kind::Operator(Operator::Add)) {
            self.take(Kind::Operator(Operator::Subtract));
        }
        let timestamp = self.next();
        match timestamp.kind {
            Kind::Number | Kind::Duration if number::is_timestamp(self.value(timestamp)?) => {
                value.modifiers.timestamp = true;
                Ok(value)
            }
            _ => self.unexpected(timestamp, "a timestamp, start() or end()"),
        }
    }

    fn with_range(&mut self, value: Value) -> Result<Value, String> {
        let token = self.next();
        self.positive()?;
        if self.take(Kind::Colon) {
            if !self.take(Kind::RightBracket) {
                self.positive()?;
                self.expect(Kind::RightBracket, "a closing bracket")?;
            }
            return match value.kind {
                Type::Vector => Ok(Value::new(Type::Matrix, Form::Subquery)),
                other => self.wrong(
                    token,
                    &format!(
                        "a subquery of {}; it takes an instant vector",
                        other.described()
                    ),
                ),
            };
        }
        self.expect(Kind::RightBracket, "a colon or a closing bracket")?;
        match value.form {
            Form::Selector(_) if value.modifiers.offset || value.modifiers.timestamp => {
                self.wrong(token, "a range after offset or @; write them after the range")
            }
            Form::Selector(_) => Ok(Value {
                kind: Type::Matrix,
                form: Form::Matrix,
                modifiers: value.modifiers,
            }),
            _ => self.wrong(
                token,
                "a range of what is no selector; for other expressions write a subquery such as [5m:]",
            ),
        }
    }
}
