//! The audit log of the API server: every request, with its user.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

/// One finished request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `get`, `list`, `watch`, `create`, `patch`, …
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub uri: String,
    /// User.
    pub user: User,
    /// `User-Agent`.
    #[serde(default)]
    pub user_agent: String,
    /// The requested object.
    #[serde(default)]
    pub object_ref: ObjectRef,
    /// The response.
    #[serde(default)]
    pub response_status: ResponseStatus,
    /// `ResponseStarted` or `ResponseComplete`.
    pub stage: String,
    /// When the request came, RFC 3339 with microseconds.
    pub request_received_timestamp: String,
    /// When this stage was reached.
    pub stage_timestamp: String,
}

/// The user of a request.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct User {
    /// `system:serviceaccount:<namespace>:<name>`, for one.
    #[serde(default)]
    pub username: String,
}

/// The object of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ObjectRef {
    /// Plural.
    pub resource: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `status`, for one.
    pub subresource: String,
}

/// The response to a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResponseStatus {
    /// HTTP status code.
    pub code: u16,
}

impl Entry {
    /// Whether it writes. Renewals of leases and access reviews do not count.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        ) && !self.object_ref.resource.ends_with("reviews")
            && self.object_ref.resource != "leases"
    }

    /// Whether it reads, once.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.verb.as_str(), "get" | "list") && self.object_ref.resource != "leases"
    }

    /// When the request came.
    ///
    /// # Panics
    /// The log contains no valid time.
    #[must_use]
    pub fn received(&self) -> Timestamp {
        let text = &self.request_received_timestamp;
        text.parse().expect("a time of the audit log")
    }

    /// The time of the response, or of its start for a watch.
    ///
    /// # Panics
    /// The log contains no valid time.
    #[must_use]
    pub fn answered(&self) -> Timestamp {
        self.stage_timestamp
            .parse()
            .expect("a time of the audit log")
    }

    /// Verb, plural, subresource, namespace and name: enough to read in a failed assertion.
    #[must_use]
    pub fn line(&self) -> String {
        let o = &self.object_ref;
        let sub = if o.subresource.is_empty() { "" } else { "/" };
        format!(
            "{} {}{sub}{} {}/{} {}",
            self.verb, o.resource, o.subresource, o.namespace, o.name, self.response_status.code
        )
    }
}

/// A place in the audit log. What comes after it is read.
pub struct Mark {
    path: PathBuf,
    offset: u64,
}

impl Mark {
    /// The end of the log as it is now.
    ///
    /// # Panics
    /// There is no audit log.
    #[must_use]
    pub fn now() -> Self {
        let path = std::env::var("THANOS_CLUSTER_AUDIT_LOG")
            .expect("THANOS_CLUSTER_AUDIT_LOG is not set: run hack/test.sh");
        let path = PathBuf::from(path);
        let offset = path.metadata().expect("the audit log exists").len();
        Self { path, offset }
    }

    /// The finished requests of `user` since then, watches by their start.
    ///
    /// # Panics
    /// The log cannot be read.
    #[must_use]
    pub fn requests(&self, user: &str) -> Vec<Entry> {
        let mut all = self.all_requests();
        all.retain(|entry| entry.user.username == user);
        all
    }

    /// The finished requests of all users since then, watches by their start.
    ///
    /// # Panics
    /// The log cannot be read.
    #[must_use]
    pub fn all_requests(&self) -> Vec<Entry> {
        let mut file = File::open(&self.path).expect("the audit log can be read");
        file.seek(SeekFrom::Start(self.offset))
            .expect("the audit log is not rotated");
        BufReader::new(file)
            .lines()
            .map_while(Result::ok)
            // The last line may be half written.
            .filter_map(|line| serde_json::from_str::<Entry>(&line).ok())
            .filter(|entry| (entry.verb == "watch") == (entry.stage == "ResponseStarted"))
            .collect()
    }
}
