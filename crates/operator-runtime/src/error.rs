//! What can go wrong in a reconcile, in three classes: `Invalid` (the user must change something),
//! waiting (a value in the status, not an error) and `Error` (the API; retried with backoff).

use crate::plan::ObjectKey;

/// Input that cannot become a plan. The status and one event report it; nothing that runs is
/// touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Path of the field, as in `spec.additionalArgs[1]`.
    pub field: String,
    /// What is wrong and what to do, as one sentence.
    pub message: String,
}

impl Invalid {
    /// An error at `field`, described by `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// A request that failed. The reconcile is retried with a growing delay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object could not be written.
    #[error("cannot apply {object}")]
    Apply {
        /// The object.
        object: ObjectKey,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// An object that is no longer wanted could not be deleted.
    #[error("cannot delete {object}")]
    Delete {
        /// The object.
        object: ObjectKey,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// The status could not be written.
    #[error("cannot write the status")]
    Status {
        /// The answer.
        source: Box<kube::Error>,
    },
}

impl Error {
    fn source(&self) -> &kube::Error {
        match self {
            Self::Apply { source, .. } | Self::Delete { source, .. } | Self::Status { source } => {
                source
            }
        }
    }

    /// The error and its cause as one line.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{self}: {}", self.source())
    }

    /// The kind, or the permission for it, is not there: absent, going away, or refused.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.source(), kube::Error::Api(status) if matches!(status.code, 403 | 404))
    }

    /// A transient state that is no failure: another client wrote at the same time, or
    /// the namespace is going away.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.source() {
            kube::Error::Api(status) => {
                status.code == 409
                    || status.code == 403 && status.message.contains("is being terminated")
                    || status.code == 404 && matches!(self, Self::Status { .. })
            }
            _ => false,
        }
    }
}
