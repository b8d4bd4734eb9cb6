//! Durations in the format of Prometheus: whole numbers with the units y, w, d, h, m, s and ms, the
//! longest first, such as `1h30m`. A year has 365 days. Pure.

use std::fmt;

/// The units, from the longest to the shortest, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * DAY),
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];
const DAY: u64 = 86_400_000;

/// Longest duration in milliseconds: 63 bits of nanoseconds.
const LONGEST: u64 = i64::MAX.unsigned_abs() / 1_000_000;

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationError<'a> {
    /// It is empty, or has a unit without a number.
    Malformed,
    /// This number has no unit.
    NoUnit(&'a str),
    /// This unit is unknown.
    UnknownUnit(&'a str),
    /// This unit is repeated, or follows a shorter one.
    MisplacedUnit(&'a str),
    /// It is longer than Prometheus can represent.
    TooLong,
}

impl DurationError<'_> {
    /// The problem with the valid format, to follow the text.
    #[must_use]
    pub fn with_format(&self) -> String {
        match self {
            Self::TooLong => self.to_string(),
            _ => "is not a duration; write whole numbers with the units y, w, d, h, m, s, ms, the longest \
                  first, such as 1h30m"
                .to_owned(),
        }
    }
}

impl fmt::Display for DurationError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("is not a duration"),
            Self::NoUnit(number) => write!(f, "has no unit after {number}"),
            Self::UnknownUnit(unit) => write!(f, "has the unknown unit `{unit}`"),
            Self::MisplacedUnit(unit) => write!(f, "has the unit `{unit}` in the wrong place"),
            Self::TooLong => f.write_str("is longer than 292 years"),
        }
    }
}

/// The milliseconds of a duration.
///
/// # Errors
/// Not a duration.
pub fn milliseconds(text: &str) -> Result<u64, DurationError<'_>> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err(DurationError::Malformed);
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let mut units = UNITS.iter();
    let mut total: Option<u64> = Some(0);
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let (unit, tail) = tail.split_at(tail.find(is_digit).unwrap_or(tail.len()));
        if number.is_empty() {
            return Err(DurationError::Malformed);
        }
        if unit.is_empty() {
            return Err(DurationError::NoUnit(number));
        }
        if !UNITS.iter().any(|(known, _)| *known == unit) {
            return Err(DurationError::UnknownUnit(unit));
        }
        let factor = units.find(|(known, _)| *known == unit);
        let (_, factor) = factor.ok_or(DurationError::MisplacedUnit(unit))?;
        // A malformed rest is reported first.
        total = total.and_then(|total| {
            let more = number.parse::<u64>().ok()?.checked_mul(*factor)?;
            total.checked_add(more).filter(|all| *all <= LONGEST)
        });
        rest = tail;
    }
    total.ok_or(DurationError::TooLong)
}

#[cfg(test)]
mod tests {
    use super::DurationError::{Malformed, MisplacedUnit, NoUnit, TooLong, UnknownUnit};
    use super::milliseconds;

    #[test]
    fn durations_are_parsed_in_the_format_of_prometheus() {
        for (text, expected) in [
            ("0", 0),
            ("0s", 0),
            ("1ms", 1),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("1w1d1s1ms", 691_201_001),
            ("1y1w", 372 * 86_400_000),
            ("1y1w1d1h1m1s1ms", 32_230_861_001),
            ("292y", 9_208_512_000_000),
        ] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_name_the_problem() {
        for (text, expected) in [
            ("", Malformed),
            ("s", Malformed),
            ("h", Malformed),
            ("-1s", Malformed),
            ("+1s", Malformed),
            (" 1h", Malformed),
            ("1", NoUnit("1")),
            ("5", NoUnit("5")),
            ("1h5", NoUnit("5")),
            ("1.5h", UnknownUnit(".")),
            ("1 m", UnknownUnit(" m")),
            ("1h ", UnknownUnit("h ")),
            ("1M", UnknownUnit("M")),
            ("1us", UnknownUnit("us")),
            ("1m1h", MisplacedUnit("h")),
            ("1s1s", MisplacedUnit("s")),
            ("293y", TooLong),
            ("99999999999999999999s", TooLong),
            ("18446744073709551615y", TooLong),
            ("99999999999999999999s1h", MisplacedUnit("h")),
        ] {
            assert_eq!(milliseconds(text), Err(expected), "{text}");
        }
    }
}
