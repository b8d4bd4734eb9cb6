//! Splits a template into text and the tokens of its actions.

/// A token. Of the text between actions, only whether it is blank matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Text that is not only spaces.
    Text,
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// Separates operands.
    Space,
    Pipe,
    LeftParen,
    RightParen,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Dot,
    /// `.name`
    Field,
    /// `$name`, with its dollar.
    Variable(String),
    Word(String),
    Number,
    /// A string as it is written, with its opening quote.
    Literal(String),
}

/// The tokens of a template.
///
/// # Errors
/// The first error that makes Go stop, or may make it stop.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, action)) = rest.split_once("{{") {
        if !before.trim().is_empty() {
            found.push(Token::Text);
        }
        rest = match trimmed(action) {
            action if action.starts_with("/*") => comment(action)?,
            action => self::action(action, &mut found)?,
        };
    }
    if !rest.trim().is_empty() {
        found.push(Token::Text);
    }
    Ok(found)
}

/// The action after `{{`, without the trim marker.
fn trimmed(action: &str) -> &str {
    match action.strip_prefix('-') {
        Some(after) if after.starts_with(is_space) => &after[1..],
        _ => action,
    }
}

/// The rest after the end of an action, if the action ends here.
fn end(rest: &str) -> Option<&str> {
    let trimming = rest
        .strip_prefix(is_space)
        .and_then(|r| r.strip_prefix("-}}"));
    trimming.or_else(|| rest.strip_prefix("}}"))
}

fn comment(action: &str) -> Result<&str, String> {
    let (_, after) = action.split_once("*/").ok_or("unclosed comment")?;
    end(after).ok_or_else(|| "a comment must fill the whole action".to_owned())
}

fn action<'a>(mut rest: &'a str, found: &mut Vec<Token>) -> Result<&'a str, String> {
    found.push(Token::Open);
    let mut parens = 0_usize;
    loop {
        if let Some(after) = end(rest) {
            if parens > 0 {
                return Err("unclosed parenthesis".to_owned());
            }
            found.push(Token::Close);
            return Ok(after);
        }
        let mut chars = rest.chars();
        let Some(c) = chars.next() else {
            return Err("unclosed action, expected }}".to_owned());
        };
        let after = chars.as_str();
        let (token, after) = match c {
            c if is_space(c) => {
                // The last space may belong to the trim marker.
                let mut after = after;
                while after.starts_with(is_space) && end(after).is_none() {
                    after = &after[1..];
                }
                (Token::Space, after)
            }
            '|' => (Token::Pipe, after),
            ',' => (Token::Comma, after),
            '=' => (Token::Assign, after),
            ':' => {
                let after = after
                    .strip_prefix('=')
                    .ok_or("expected := instead of a colon")?;
                (Token::Declare, after)
            }
            '(' => {
                parens += 1;
                (Token::LeftParen, after)
            }
            ')' => {
                parens = parens
                    .checked_sub(1)
                    .ok_or("unexpected closing parenthesis")?;
                (Token::RightParen, after)
            }
            '"' => string(after)?,
            '`' => {
                let (inner, after) = after.split_once('`').ok_or("unclosed string")?;
                (Token::Literal(format!("`{inner}")), after)
            }
            '.' if after.starts_with(|c: char| c.is_ascii_digit()) => number(rest)?,
            '+' | '-' | '0'..='9' => number(rest)?,
            '.' | '$' => name(c, after)?,
            c if is_name(c) => {
                let length = rest.len() - rest.trim_start_matches(is_name).len();
                let (word, after) = rest.split_at(length);
                terminated(after)?;
                (Token::Word(word.to_owned()), after)
            }
            c => return Err(format!("unexpected {c:?} in an action")),
        };
        found.push(token);
        rest = after;
    }
}

/// A field or variable, whose first character was read.
fn name(first: char, after: &str) -> Result<(Token, &str), String> {
    let length = after.len() - after.trim_start_matches(is_name).len();
    let (name, after) = after.split_at(length);
    terminated(after)?;
    let token = match (first, name) {
        ('.', "") => Token::Dot,
        ('.', _) => Token::Field,
        _ => Token::Variable(format!("${name}")),
    };
    Ok((token, after))
}

/// Checks that a name ends where Go lets one end.
fn terminated(after: &str) -> Result<(), String> {
    let ends = |c: char| is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(');
    match after.chars().next() {
        Some(c) if !ends(c) && !after.starts_with("}}") => {
            Err(format!("unexpected {c:?} after a name"))
        }
        _ => Ok(()),
    }
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (whole, after) = unsigned.split_at(digits(unsigned));
    let (fraction, after) = match after.strip_prefix('.') {
        Some(tail) => tail.split_at(digits(tail)),
        None => ("", after),
    };
    let after = match after.strip_prefix(['e', 'E']) {
        Some(tail) => {
            let tail = tail.strip_prefix(['+', '-']).unwrap_or(tail);
            let (exponent, tail) = tail.split_at(digits(tail));
            if !(1..=3).contains(&exponent.len()) {
                return Err("exponent of more than three digits".to_owned());
            }
            tail
        }
        None => after,
    };
    let wrong = || "unsupported number format; use 1, 1.5 or 1e6".to_owned();
    let plain = whole == "0" || !whole.starts_with('0');
    let length = whole.len() + fraction.len();
    if length == 0 || length > 15 || !plain || after.starts_with(is_name) {
        return Err(wrong());
    }
    let written = &text[..text.len() - after.len()];
    if !written.parse().is_ok_and(f64::is_finite) {
        return Err("number out of range".to_owned());
    }
    // A second sign would make it a complex number.
    if after.starts_with(['+', '-', '.']) || after.chars().next().is_some_and(|c| !c.is_ascii()) {
        return Err(wrong());
    }
    Ok((Token::Number, after))
}

/// A string whose opening quote was read.
fn string(after: &str) -> Result<(Token, &str), String> {
    let mut chars = after.char_indices();
    let bad = || "invalid escape".to_owned();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let (inner, rest) = after.split_at(at);
                return Ok((Token::Literal(format!("\"{inner}")), &rest[1..]));
            }
            '\n' => break,
            '\\' => {
                let Some((_, escaped)) = chars.next() else {
                    break;
                };
                let (digits, base) = match escaped {
                    'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '"' => continue,
                    '0'..='3' => (2, 8),
                    'x' => (2, 16),
                    'u' => (4, 16),
                    'U' => (8, 16),
                    _ => return Err(bad()),
                };
                let mut value = 0_u32;
                for _ in 0..digits {
                    let digit = chars.next().and_then(|(_, c)| c.to_digit(base));
                    let digit = digit.ok_or_else(bad)?;
                    value = value.wrapping_mul(base).wrapping_add(digit);
                }
                if base == 16 && char::from_u32(value).is_none() {
                    return Err(bad());
                }
            }
            _ => {}
        }
    }
    Err("unclosed string".to_owned())
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}
