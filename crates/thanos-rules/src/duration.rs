//! Durations in the format of Prometheus: `1h30m`. Pure.

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

/// The milliseconds of a duration.
///
/// # Errors
/// The duration is invalid; the message has the valid format.
pub(crate) fn milliseconds(text: &str) -> Result<u64, String> {
    if text == "0" {
        return Ok(0);
    }
    parse(text)?.ok_or_else(|| format!("{text:?} is longer than 292 years"))
}

/// Same as [`milliseconds`]; `None` if it is too long.
fn parse(text: &str) -> Result<Option<u64>, String> {
    let wrong = || {
        format!(
            "{text:?} is not a duration; write whole numbers with the units y, w, d, h, m, s, ms, \
             the longest first, such as 1h30m"
        )
    };
    let mut total: Option<u64> = Some(0);
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        if number.is_empty() {
            return Err(wrong());
        }
        total = total.and_then(|total| {
            let more = number.parse::<u64>().ok()?.checked_mul(*factor)?;
            total.checked_add(more).filter(|all| *all <= LONGEST)
        });
        rest = tail;
    }
    match text {
        "" => Err(wrong()),
        _ => Ok(total),
    }
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_are_parsed_in_the_format_of_prometheus() {
        for (text, expected) in [
            ("0", 0),
            ("0s", 0),
            ("1ms", 1),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("1y1w1d1h1m1s1ms", 32_230_861_001),
            ("292y", 9_208_512_000_000),
        ] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "1",
            "s",
            "1m1h",
            "1s1s",
            "-1s",
            "+1s",
            "1.5h",
            "1 m",
            "1M",
            "1us",
            "1h ",
            " 1h",
            "293y",
            "99999999999999999999s",
            "18446744073709551615y",
        ] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }
}
