//! Failures of a reconcile: `Invalid` (the user must change the spec) and `Error` (a request failed and
//! is retried with backoff). Waiting is not an error, but a value in the status.

use crate::plan::ObjectKey;

/// Rejected input, reported in the status and by one event. Nothing is applied or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Path of the field, as in `spec.additionalArgs[1]`.
    pub field: String,
    /// Problem and remedy in one sentence.
    pub message: String,
}

impl Invalid {
    /// Rejects `field` with `message`.
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

/// A request that failed. The reconcile is retried with exponential backoff.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object could not be written.
    #[error("cannot apply {object}")]
    Apply {
        /// The object.
        object: ObjectKey,
        /// The error of the request.
        source: Box<kube::Error>,
    },
    /// An object that is no longer planned could not be deleted.
    #[error("cannot delete {object}")]
    Delete {
        /// The object.
        object: ObjectKey,
        /// The error of the request.
        source: Box<kube::Error>,
    },
    /// The status could not be written.
    #[error("cannot write the status")]
    Status {
        /// The error of the request.
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

    /// The kind is absent or being deleted, or the permission for it is missing.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.source(), kube::Error::Api(status) if matches!(status.code, 403 | 404))
    }

    /// A temporary state and not a failure: a concurrent write, or a namespace that is terminating.
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
