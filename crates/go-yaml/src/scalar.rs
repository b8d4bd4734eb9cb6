//! Resolves scalars to strings, numbers, booleans or null. Pure.

use serde_json::{Number, Value};

/// Resolves a plain scalar without a tag as `resolve` of go-yaml 2. Timestamps are strings, as there.
pub(crate) fn resolve(text: &str) -> Value {
    let Some(first) = text.bytes().next() else {
        return Value::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => infinity(text).or_else(|| go_float(text)),
        b'+' | b'-' | b'0'..=b'9' => infinity(text).or_else(|| number(text)),
        _ => None,
    }
    .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => return None,
    })
}

/// Numbers that JSON does not have, as go-yaml prints them.
fn infinity(text: &str) -> Option<Value> {
    let written = match text {
        ".nan" | ".NaN" | ".NAN" => ".nan",
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => ".inf",
        "-.inf" | "-.Inf" | "-.INF" => "-.inf",
        _ => return None,
    };
    Some(Value::String(written.to_owned()))
}

fn number(text: &str) -> Option<Value> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    integer(&plain)
        .or_else(|| is_float(&plain).then(|| finite(&plain)).flatten())
        .or_else(|| binary(&plain))
}

/// `strconv.ParseInt` and `ParseUint` with the base of the prefix.
fn integer(plain: &str) -> Option<Value> {
    let (sign, digits) = match plain.as_bytes().first()? {
        b'-' => ("-", &plain[1..]),
        b'+' => ("+", &plain[1..]),
        _ => ("", plain),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (digits, base) = match lower.as_deref() {
        Some("0x") => (&digits[2..], 16),
        Some("0b") => (&digits[2..], 2),
        Some("0o") => (&digits[2..], 8),
        Some(two) if two.starts_with('0') => (&digits[1..], 8),
        _ => (digits, 10),
    };
    // `from_str_radix` would accept a second sign.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let signed = i64::from_str_radix(&format!("{sign}{digits}"), base).ok();
    let unsigned = || u64::from_str_radix(digits, base).ok();
    signed
        .map(Value::from)
        .or_else(|| unsigned().filter(|_| sign.is_empty()).map(Value::from))
}

/// Binary numbers with a sign after the prefix, which `ParseInt` rejects.
fn binary(plain: &str) -> Option<Value> {
    let digits = plain.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Value::from)
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(plain: &str) -> bool {
    let unsigned = plain.strip_prefix(['-', '+']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            (mantissa, Some(digits))
        }
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    are_digits(whole)
        && are_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|digits| !digits.is_empty() && are_digits(digits))
}

/// `strconv.ParseFloat` of a number that starts with a dot: underscores may separate digits.
fn go_float(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let separates = |at: usize| digit(at.checked_sub(1)) && digit(at.checked_add(1));
    let apart = bytes
        .iter()
        .enumerate()
        .all(|(at, b)| *b != b'_' || separates(at));
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    (apart && is_float(&plain))
        .then(|| finite(&plain))
        .flatten()
}

fn finite(text: &str) -> Option<Value> {
    let value: f64 = text.parse().ok()?;
    Number::from_f64(value).map(Value::Number)
}

/// Resolves a scalar with a tag of YAML; `None` if Go rejects it.
pub(crate) fn tagged(tag: &str, text: &str) -> Option<Value> {
    if tag == "str" {
        return Some(Value::String(text.to_owned()));
    }
    let value = resolve(text);
    let fits = match (&value, tag) {
        (Value::Null, "null") | (Value::Bool(_), "bool") => true,
        (Value::Number(number), "int") => !number.is_f64(),
        (Value::Number(number), "float") => number.is_f64() || number.is_i64(),
        (Value::String(_), "float") => infinity(text).is_some(),
        _ => false,
    };
    match (fits, tag, value.as_i64()) {
        (false, ..) => None,
        #[allow(clippy::cast_precision_loss)] // as in Go
        (_, "float", Some(whole)) => Number::from_f64(whole as f64).map(Value::Number),
        _ => Some(value),
    }
}

/// Formats a number as Go: the fewest digits, with an exponent below 1e-4 and from 1e6 on.
#[must_use]
pub fn float(value: f64) -> String {
    let shortest = format!("{value:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
#[path = "scalar_tests.rs"]
mod tests;
