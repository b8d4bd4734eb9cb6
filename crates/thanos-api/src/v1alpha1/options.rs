//! How queriers answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Histogram buckets of request metrics. Numbers in strings; their order does not matter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TelemetryQuantiles {
    /// Buckets of the duration, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantiles")]
    pub duration: Option<Vec<String>>,
    /// Buckets of the number of samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantiles")]
    pub samples: Option<Vec<String>>,
    /// Buckets of the number of series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantiles")]
    pub series: Option<Vec<String>>,
}

/// How the UI and API are served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebConfig {
    /// Path under which the API and UI are served. Unset: that of externalPrefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::path_prefix")]
    pub route_prefix: Option<String>,
    /// Prefix of links and redirects in the UI, for a reverse proxy that strips a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_prefix")]
    pub external_prefix: Option<String>,
    /// HTTP request header that holds the prefix of links. Use it only behind a proxy that sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::header_name")]
    pub prefix_header: Option<String>,
    /// Whether CORS headers are left out. Unset: false.
    // The acronym is upper case in the API, which `camelCase` does not give.
    #[serde(
        default,
        rename = "disableCORS",
        skip_serializing_if = "Option::is_none"
    )]
    pub disable_cors: Option<bool>,
}

/// How series are fetched from StoreAPIs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GrpcProxyStrategy {
    #[default]
    #[allow(missing_docs)]
    Eager,
    #[allow(missing_docs)]
    Lazy,
}

impl GrpcProxyStrategy {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Lazy => "lazy",
        }
    }
}

/// The engine that evaluates queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromqlEngine {
    #[default]
    #[allow(missing_docs)]
    Prometheus,
    #[allow(missing_docs)]
    Thanos,
}

impl PromqlEngine {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Thanos => "thanos",
        }
    }
}
