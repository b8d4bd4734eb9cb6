//! Checks of values that the schema has checked already where it could. Files that are rendered
//! without a cluster were not.

use crate::{FieldError, duration as durations, quantity, redact};

/// A number of pods.
///
/// # Errors
/// Less than one.
pub fn replicas(replicas: i32, field: &str) -> Result<i32, FieldError> {
    if replicas < 1 {
        return Err(FieldError::new(
            field,
            format!("{replicas} is too few; set 1 or more"),
        ));
    }
    Ok(replicas)
}

/// The milliseconds of a duration that must not be zero.
///
/// # Errors
/// Zero, or no duration.
pub fn positive(duration: &str, field: &str) -> Result<u64, FieldError> {
    match milliseconds(duration, field)? {
        0 => Err(FieldError::new(field, "must be longer than zero")),
        more => Ok(more),
    }
}

/// The milliseconds of a duration.
///
/// # Errors
/// No duration.
pub fn milliseconds(duration: &str, field: &str) -> Result<u64, FieldError> {
    durations::milliseconds(duration).ok_or_else(|| {
        FieldError::new(
            field,
            format!("`{duration}` is not a duration; write whole numbers with the units y, w, d, h, m, s, ms, such as 1h30m"),
        )
    })
}

/// A duration as both of Thanos' parsers take it: one of them knows no years, weeks and days, and the
/// other no bare zero.
///
/// # Errors
/// No duration.
pub fn duration(text: &str, field: &str) -> Result<String, FieldError> {
    let milliseconds = milliseconds(text, field)?;
    Ok(match text.contains(['y', 'w', 'd']) || text == "0" {
        true => format!("{milliseconds}ms"),
        false => text.to_owned(),
    })
}

/// A URL, or the path of one, without user and password.
///
/// # Errors
/// There are some, or what may be some. The message does not repeat them.
pub fn without_credentials<'a>(url: &'a str, field: &str) -> Result<&'a str, FieldError> {
    match redact::is_secret(url) {
        false => Ok(url),
        true => Err(FieldError::new(
            field,
            format!(
                "`{}` holds credentials, which everyone could read who may read pods or ConfigMaps; \
                 remove all up to the `@`",
                redact::url(url)
            ),
        )),
    }
}

/// A quantity as a plain number: Thanos reads sizes by other rules than Kubernetes.
///
/// # Errors
/// No amount of bytes.
pub fn bytes(size: &str, field: &str) -> Result<u64, FieldError> {
    quantity::bytes(size).ok_or_else(|| {
        FieldError::new(
            field,
            format!("`{size}` is not an amount of bytes; write one such as 512Mi"),
        )
    })
}
