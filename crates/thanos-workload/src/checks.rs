//! Validation of values. The API server has validated stored resources by schema, but not files that
//! are rendered without a cluster.

use kube_facts::duration as durations;

use crate::redact::Credential;
use crate::{FieldError, quantity, redact};

/// Validates a number of pods.
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

/// Parses a duration longer than zero into milliseconds.
///
/// # Errors
/// Zero, or not a duration.
pub fn positive(duration: &str, field: &str) -> Result<u64, FieldError> {
    match milliseconds(duration, field)? {
        0 => Err(FieldError::new(field, "must be longer than zero")),
        more => Ok(more),
    }
}

/// Parses a duration into milliseconds.
///
/// # Errors
/// Not a duration.
pub fn milliseconds(duration: &str, field: &str) -> Result<u64, FieldError> {
    durations::milliseconds(duration)
        .map_err(|error| FieldError::new(field, format!("`{duration}` {}", error.with_format())))
}

/// Converts a duration to a form that both parsers of Thanos accept: one rejects years, weeks and days,
/// the other a bare zero.
///
/// # Errors
/// Not a duration.
pub fn duration(text: &str, field: &str) -> Result<String, FieldError> {
    let milliseconds = milliseconds(text, field)?;
    Ok(match text.contains(['y', 'w', 'd']) || text == "0" {
        true => format!("{milliseconds}ms"),
        false => text.to_owned(),
    })
}

/// Validates that a URL, or the path of one, has no credentials.
///
/// # Errors
/// Credentials, or what may be some. The message does not repeat them.
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

/// Validates that the URLs in the value of an additional argument have no credentials.
///
/// # Errors
/// Credentials. The message does not repeat them.
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

/// Problem of a URL with credentials, to append to the URL in a message.
fn has(credential: &Credential) -> String {
    let what = match credential {
        Credential::UserInfo => "a user or a password before the `@`".to_owned(),
        Credential::Parameter(name) => format!("credentials in the parameter {name}"),
    };
    format!("has {what}, which is readable with any permission to read pods or ConfigMaps")
}

/// Converts a quantity to a plain number, since Thanos parses sizes differently from Kubernetes.
///
/// # Errors
/// Not an amount of bytes.
pub fn bytes(size: &str, field: &str) -> Result<u64, FieldError> {
    quantity::bytes(size).ok_or_else(|| {
        FieldError::new(
            field,
            format!("`{size}` is not an amount of bytes; write one such as 512Mi"),
        )
    })
}
