//! Values of numbers and durations in PromQL, as Go parses them.

use kube_facts::duration;

/// The value of a number token.
///
/// # Errors
/// Go does not accept the number, or it is out of range.
pub(super) fn number(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "inf" => return Some(f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    if text.contains('_') && !underscores_separate_digits(text) {
        return None;
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(integer) = integer(&plain) {
        return Some(integer);
    }
    // Go reads no hexadecimal fraction without an exponent, and the lexer takes none.
    if plain.starts_with("0x") || plain.starts_with("0X") {
        return None;
    }
    plain.parse().ok().filter(|value: &f64| value.is_finite())
}

/// An integer, in the base that its prefix says.
#[allow(clippy::cast_precision_loss)] // as in Go
fn integer(plain: &str) -> Option<f64> {
    let lower = plain.to_ascii_lowercase();
    let (digits, base) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    // A sign would be read as one.
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(digits, base)
        .ok()
        .map(|value| value as f64)
}

fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hexadecimal = matches!(bytes, [b'0', b'x' | b'X', ..]);
    let is_digit = |b: &u8| match hexadecimal {
        true => b.is_ascii_hexdigit() || matches!(b, b'x' | b'X'),
        false => b.is_ascii_digit(),
    };
    bytes.iter().enumerate().all(|(i, b)| {
        *b != b'_'
            || i > 0
                && bytes.get(i - 1).is_some_and(is_digit)
                && bytes.get(i + 1).is_some_and(is_digit)
    })
}

/// The seconds of a duration token.
///
/// # Errors
/// The units are in a wrong order, or the duration is too long.
#[allow(clippy::cast_precision_loss)] // as in Go
pub(super) fn seconds(text: &str) -> Option<f64> {
    let milliseconds = duration::milliseconds(text).ok()?;
    Some(milliseconds as f64 / 1000.0)
}

/// The longest duration in seconds: 63 bits of nanoseconds.
const LONGEST: f64 = 9_223_372_036.854_776;

/// Whether Go can represent a duration.
pub(super) fn is_duration(seconds: f64) -> bool {
    (-LONGEST..=LONGEST).contains(&seconds)
}

/// Whether Go can represent a timestamp after `@`.
pub(super) fn is_timestamp(seconds: f64) -> bool {
    // 2^63, which no longer fits.
    seconds.abs() < 9_223_372_036_854_775_808.0
}
