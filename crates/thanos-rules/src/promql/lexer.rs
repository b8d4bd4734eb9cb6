//! Splits an expression into tokens as Prometheus does, with the states that its lexer has: between
//! braces there are no keywords, and between brackets only keywords of durations.

use super::text::{self, place};
use super::token::{Operator, Token, TokenKind, keyword};

/// The tokens of an expression; the last one is its end. Comments are skipped.
///
/// # Errors
/// The first error and its position.
pub(super) fn tokens(input: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer {
        input,
        at: 0,
        found: Vec::new(),
        parens: 0,
        braces: false,
        bracket: Bracket::None,
        colon: false,
        duration: false,
    };
    while lexer.step()? {}
    Ok(lexer.found)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    None,
    /// Before the first number, and after other tokens: only parts of durations.
    Duration,
    /// After a number.
    Open,
}

struct Lexer<'a> {
    input: &'a str,
    at: usize,
    found: Vec<Token>,
    parens: usize,
    braces: bool,
    bracket: Bracket,
    /// Whether there was a colon in this bracket.
    colon: bool,
    /// Whether there was a number in any bracket so far.
    duration: bool,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.input[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.at += 1;
        }
        found
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is) {
            self.next();
        }
    }

    fn emit(&mut self, kind: TokenKind, start: usize) {
        let end = self.at;
        self.found.push(Token { kind, start, end });
    }

    fn fail<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{what} at {}", place(self.input, self.at)))
    }

    fn unexpected<T>(&self, c: char) -> Result<T, String> {
        let at = self.at - c.len_utf8();
        Err(format!("unexpected {c:?} at {}", place(self.input, at)))
    }

    /// Reads one token, space or comment. False at the end.
    fn step(&mut self) -> Result<bool, String> {
        let start = self.at;
        if self.bracket != Bracket::Duration && self.peek() == Some('#') {
            self.take_while(|c| c != '\n' && c != '\r');
            return Ok(true);
        }
        let Some(c) = self.next() else {
            return match () {
                () if self.braces => self.fail("unclosed brace"),
                () if self.parens > 0 => self.fail("unclosed parenthesis"),
                () if self.bracket != Bracket::None => self.fail("unclosed bracket"),
                () => {
                    self.emit(TokenKind::End, start);
                    Ok(false)
                }
            };
        };
        if is_space(c) {
            return Ok(true);
        }
        match () {
            () if self.braces => self.in_braces(c, start)?,
            () if self.bracket == Bracket::Duration => self.in_brackets(c, start)?,
            () => self.outside(c, start)?,
        }
        Ok(true)
    }

    fn in_braces(&mut self, c: char, start: usize) -> Result<(), String> {
        let kind = match c {
            c if is_alpha(c) => {
                self.take_while(is_alphanumeric);
                TokenKind::Identifier
            }
            ',' => TokenKind::Comma,
            '"' | '\'' | '`' => {
                self.at = text::end(self.input, start)?;
                TokenKind::Text
            }
            '=' if self.take("~") => TokenKind::Match,
            '=' => TokenKind::Equal,
            '!' if self.take("~") => TokenKind::NoMatch,
            '!' if self.take("=") => TokenKind::Operator(Operator::NotEqual),
            '}' => {
                self.braces = false;
                TokenKind::RightBrace
            }
            _ => return self.unexpected(c),
        };
        self.emit(kind, start);
        Ok(())
    }

    fn in_brackets(&mut self, c: char, start: usize) -> Result<(), String> {
        match c {
            's' | 'S' | 'm' | 'M' => return self.duration_word(start),
            ']' => {
                self.bracket = Bracket::None;
                self.emit(TokenKind::RightBracket, start);
            }
            ':' if self.colon || !self.duration => return self.unexpected(c),
            ':' => {
                self.colon = true;
                self.emit(TokenKind::Colon, start);
            }
            c if self.starts_number(c) => {
                self.duration = true;
                self.bracket = Bracket::Open;
                self.number(start)?;
            }
            '(' | ')' | '+' | '-' | '*' | '/' | '%' | '^' | ',' => self.symbol(c, start)?,
            _ => return self.unexpected(c),
        }
        Ok(())
    }

    fn outside(&mut self, c: char, start: usize) -> Result<(), String> {
        match c {
            '"' | '\'' | '`' => {
                self.at = text::end(self.input, start)?;
                self.emit(TokenKind::Text, start);
            }
            c if self.starts_number(c) => self.number(start)?,
            c if self.bracket == Bracket::None && (is_alpha(c) || c == ':') => self.word(start),
            ':' if !self.colon => {
                self.colon = true;
                self.emit(TokenKind::Colon, start);
            }
            's' | 'S' | 'm' | 'M' => return self.duration_word(start),
            '{' => {
                self.braces = true;
                self.emit(TokenKind::LeftBrace, start);
            }
            '[' if self.bracket == Bracket::None => {
                self.colon = false;
                self.bracket = Bracket::Duration;
                self.emit(TokenKind::LeftBracket, start);
            }
            ']' if self.bracket != Bracket::None => {
                self.bracket = Bracket::None;
                self.emit(TokenKind::RightBracket, start);
            }
            _ => self.symbol(c, start)?,
        }
        Ok(())
    }

    fn symbol(&mut self, c: char, start: usize) -> Result<(), String> {
        let kind = match c {
            ',' => TokenKind::Comma,
            '@' => TokenKind::At,
            '*' => TokenKind::Operator(Operator::Multiply),
            '/' => TokenKind::Operator(Operator::Divide),
            '%' => TokenKind::Operator(Operator::Modulo),
            '+' => TokenKind::Operator(Operator::Add),
            '-' => TokenKind::Operator(Operator::Subtract),
            '^' => TokenKind::Operator(Operator::Power),
            '=' if self.take("=") => TokenKind::Operator(Operator::Equal),
            '=' if self.peek() != Some('~') => TokenKind::Equal,
            '!' if self.take("=") => TokenKind::Operator(Operator::NotEqual),
            '<' if self.take("=") => TokenKind::Operator(Operator::LessOrEqual),
            '<' => TokenKind::Operator(Operator::Less),
            '>' if self.take("=") => TokenKind::Operator(Operator::GreaterOrEqual),
            '>' => TokenKind::Operator(Operator::Greater),
            '(' => {
                self.parens += 1;
                TokenKind::LeftParen
            }
            ')' if self.parens > 0 => {
                self.parens -= 1;
                TokenKind::RightParen
            }
            _ => return self.unexpected(c),
        };
        self.emit(kind, start);
        Ok(())
    }

    fn word(&mut self, start: usize) {
        self.take_while(|c| is_alphanumeric(c) || c == ':');
        let word = &self.input[start..self.at];
        let kind = keyword(word).unwrap_or(match word.contains(':') {
            true => TokenKind::MetricIdentifier,
            false => TokenKind::Identifier,
        });
        self.emit(kind, start);
    }

    /// A keyword of a duration, between brackets.
    fn duration_word(&mut self, start: usize) -> Result<(), String> {
        self.take_while(is_alpha);
        let word = self.input[start..self.at].to_ascii_lowercase();
        match (word.as_str(), keyword(&word)) {
            ("step" | "min" | "max", Some(kind)) => {
                self.emit(kind, start);
                Ok(())
            }
            _ => self.fail(&format!("invalid duration {word:?}")),
        }
    }

    fn starts_number(&self, c: char) -> bool {
        c.is_ascii_digit() || c == '.' && self.peek().is_some_and(|c| c.is_ascii_digit())
    }

    fn number(&mut self, start: usize) -> Result<(), String> {
        self.at = start;
        if self.scan_number() {
            self.emit(TokenKind::Number, start);
            return Ok(());
        }
        // The scan continues where the number ended.
        if self.scan_units() {
            self.emit(TokenKind::Duration, start);
            return Ok(());
        }
        self.fail("invalid number or duration")
    }

    fn scan_units(&mut self) -> bool {
        if !self.take("smhdwy") {
            return false;
        }
        self.take("s");
        while self.take("0123456789") {
            self.take_while(|c| c.is_ascii_digit());
            if !self.take("smhdw") {
                return false;
            }
            self.take("s");
        }
        !self.peek().is_some_and(is_alphanumeric)
    }

    fn scan_number(&mut self) -> bool {
        let begin = self.at;
        let mut digits = "0123456789";
        if self.take("0") && self.take("xX") {
            self.take("_");
            digits = "0123456789abcdefABCDEF";
        }
        let hexadecimal = digits.len() > 10;
        self.take(".");
        self.take(digits);
        let (mut dot, mut exponent) = (false, false);
        while let Some(c) = self.peek() {
            match c {
                '.' => {
                    self.at += 1;
                    if dot || self.take("_.") || hexadecimal {
                        return false;
                    }
                    dot = true;
                }
                // Also in hexadecimal numbers, where it would be a digit.
                'e' | 'E' => {
                    self.at += 1;
                    if exponent {
                        return false;
                    }
                    exponent = true;
                    self.take("+-");
                    if self.take("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                '_' => {
                    self.at += 1;
                    if self.take("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                c if digits.contains(c) => self.take_while(|c| digits.contains(c)),
                _ => break,
            }
        }
        self.at > begin && !self.peek().is_some_and(is_alphanumeric)
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}
