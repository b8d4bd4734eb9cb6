//! Parses resource quantities.

/// Bytes of a quantity, rounded up; `None` if it is invalid, not positive, or too large.
#[must_use]
pub fn bytes(quantity: &str) -> Option<u64> {
    let quantity = quantity.strip_prefix('+').unwrap_or(quantity);
    let number = quantity
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(quantity.len());
    let (number, suffix) = quantity.split_at(number);
    let number: f64 = number.parse().ok()?;
    let binary = |power: i32| 1024f64.powi(power);
    let factor = match suffix {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        exponent => 10f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    let bytes = (number * factor).ceil();
    (bytes >= 1.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn quantities_are_parsed() {
        assert_eq!(bytes("250Mi"), Some(262_144_000));
        assert_eq!(bytes("1.5Gi"), Some(1_610_612_736));
        assert_eq!(bytes("+1G"), Some(1_000_000_000));
        assert_eq!(bytes("1e3"), Some(1000));
        // `m` is milli, a common mistake for mega.
        for bad in ["", "0", "-1", "x", "100m", "1Zi", "1e99", "1.2.3"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
