//! Text of PromQL: positions in it, and the ends and values of string literals.

/// Line and column of a position, counted from one.
pub(super) fn place(input: &str, at: usize) -> String {
    let before = input.get(..at).unwrap_or(input);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, str::len) + 1;
    match line {
        1 => format!("character {column}"),
        _ => format!("line {line}, character {column}"),
    }
}

/// The position after the string that starts at `start` with its quote.
///
/// # Errors
/// The string is not closed, or has an escape that Prometheus does not support.
pub(super) fn end(input: &str, start: usize) -> Result<usize, String> {
    let mut rest = input[start..].char_indices();
    let quote = rest.next().map_or('"', |(_, c)| c);
    let fail = |what: &str, at: usize| Err(format!("{what} at {}", place(input, start + at)));
    while let Some((at, c)) = rest.next() {
        match c {
            // Prometheus takes this character for text that is not UTF-8.
            '\u{fffd}' => return fail("a replacement character in a string", at),
            c if c == quote => return Ok(start + at + c.len_utf8()),
            '\n' if quote != '`' => break,
            '\\' if quote != '`' => {
                let Some((_, escaped)) = rest.next() else {
                    break;
                };
                let (digits, base, most) = match escaped {
                    'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => continue,
                    c if c == quote => continue,
                    '0'..='7' => (2, 8, 0xff),
                    'x' => (2, 16, 0xff),
                    'u' => (4, 16, 0x10_ffff),
                    'U' => (8, 16, 0x10_ffff),
                    c => return fail(&format!("unknown escape \\{c}"), at),
                };
                let mut value = escaped.to_digit(8).unwrap_or(0);
                for _ in 0..digits {
                    let digit = rest.next().and_then(|(_, c)| c.to_digit(base));
                    let Some(digit) = digit else {
                        return fail("bad escape", at);
                    };
                    value = value.wrapping_mul(base).wrapping_add(digit);
                }
                if value > most || (0xd800..0xe000).contains(&value) {
                    return fail("invalid escape", at);
                }
            }
            _ => {}
        }
    }
    fail("unclosed string", 0)
}

/// The value of a string whose end was found by [`end`]. Escapes can make it invalid UTF-8.
pub(super) fn unquote(quoted: &str) -> Vec<u8> {
    let inner = &quoted[1..quoted.len() - 1];
    if quoted.starts_with('`') || !inner.contains('\\') {
        return inner.as_bytes().to_vec();
    }
    let mut said = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    let mut utf8 = [0; 4];
    while let Some(c) = rest.next() {
        if c != '\\' {
            said.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
            continue;
        }
        let (digits, base, first) = match rest.next() {
            Some('a') => (0, 16, 0x07),
            Some('b') => (0, 16, 0x08),
            Some('f') => (0, 16, 0x0c),
            Some('n') => (0, 16, 0x0a),
            Some('r') => (0, 16, 0x0d),
            Some('t') => (0, 16, 0x09),
            Some('v') => (0, 16, 0x0b),
            Some('x') => (2, 16, 0),
            Some('u') => (4, 16, 0),
            Some('U') => (8, 16, 0),
            Some(c @ '0'..='7') => (2, 8, c as u32 - '0' as u32),
            Some(c) => (0, 16, c as u32),
            None => break,
        };
        let value = rest.by_ref().take(digits).fold(first, |value, c| {
            value.wrapping_mul(base) + c.to_digit(base).unwrap_or(0)
        });
        match (digits, u8::try_from(value), char::from_u32(value)) {
            (0 | 2, Ok(byte), _) => said.push(byte),
            (_, _, Some(c)) => said.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()),
            _ => {}
        }
    }
    said
}

/// `text` as a string literal in double quotes.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() || c == '\u{fffd}' => {
                quoted.push_str(&format!("\\U{:08x}", c as u32));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
