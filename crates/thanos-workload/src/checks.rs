//! Checks of values that the schema has checked already where it could. Files that are rendered
//! without a cluster were not.

use crate::redact::Credential;
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

/// A URL, or the path of one, without credentials.
///
/// # Errors
/// There are some, or what may be some. The message does not repeat them.
pub fn without_credentials<'a>(url: &'a str, field: &str) -> Result<&'a str, FieldError> {
    match redact::credential(url) {
        None => Ok(url),
        Some(credential) => Err(FieldError::new(
            field,
            format!(
                "`{}` {}; use the URL of a proxy that adds them",
                redact::url(url),
                has(&credential)
            ),
        )),
    }
}

/// The value of an additional argument without credentials in URLs.
///
/// # Errors
/// There are some. The message does not repeat them.
pub(crate) fn argument_without_credentials(flag: &str, field: &str) -> Result<(), FieldError> {
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    let name = name.split(':').next().unwrap_or_default();
    let found = redact::credential_of_argument(flag);
    match found.or_else(|| redact::credential_of_argument(value)) {
        None => Ok(()),
        Some(credential) => Err(FieldError::new(
            field,
            format!(
                "the URL of {name} {}; put them into a Secret, into additionalEnv a variable NAME with \
                 valueFrom.secretKeyRef, and $(NAME) here",
                has(&credential)
            ),
        )),
    }
}

/// What is wrong with a URL, to go on after it.
fn has(credential: &Credential) -> String {
    let what = match credential {
        Credential::UserInfo => "a user or a password before the `@`".to_owned(),
        Credential::Parameter(name) => format!("credentials in the parameter {name}"),
    };
    format!("has {what}, which everyone who may read pods or ConfigMaps can read")
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
