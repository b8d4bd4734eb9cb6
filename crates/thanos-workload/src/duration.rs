//! Parses durations of whole numbers with the units y, w, d, h, m, s, ms. As in Prometheus, a year has
//! 365 days.

/// Milliseconds of a duration; `None` if it is invalid.
#[must_use]
pub fn milliseconds(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let factor: u64 = match &unit[..end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = &unit[end..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_are_parsed() {
        assert_eq!(milliseconds("1h30m"), Some(5_400_000));
        assert_eq!(milliseconds("0"), Some(0));
        assert_eq!(milliseconds("0s"), Some(0));
        assert_eq!(milliseconds("1w1d1s1ms"), Some(691_201_001));
        assert_eq!(milliseconds("1y1w"), Some(372 * 86_400_000));
        for bad in ["", "5", "h", "1.5h", "1M", "-1s", "99999999999999999999s"] {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
    }
}
