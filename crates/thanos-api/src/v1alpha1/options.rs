//! Options of queriers: request metrics, web server, engine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Histogram buckets of request metrics, as numbers in strings in any order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TelemetryQuantiles {
    /// Buckets of the request duration, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantiles")]
    pub duration: Option<Vec<String>>,
    /// Buckets of the number of samples per request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantiles")]
    pub samples: Option<Vec<String>>,
    /// Buckets of the number of series per request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::quantiles")]
    pub series: Option<Vec<String>>,
}

/// Paths and headers of the UI and API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebConfig {
    /// URL path of the UI and API. Unset: the path of externalPrefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::path_prefix")]
    pub route_prefix: Option<String>,
    /// Prefix of links and redirects in the UI, for a reverse proxy that strips a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_prefix")]
    pub external_prefix: Option<String>,
    /// HTTP request header with the prefix of links. Use it only behind a proxy that sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::header_name")]
    pub prefix_header: Option<String>,
    /// Whether CORS headers are omitted. Unset: false.
    // The acronym is upper case in the API, which `camelCase` does not give.
    #[serde(
        default,
        rename = "disableCORS",
        skip_serializing_if = "Option::is_none"
    )]
    pub disable_cors: Option<bool>,
}

/// Strategy for fetching series from StoreAPIs.
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

/// PromQL engine.
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
