//! Limits of remote write requests.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Limits of remote write requests. Requests beyond the request limits are rejected with 413, those
/// beyond headSeriesLimit with 429.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!((has(self.default) && has(self.default.headSeriesLimit) && self.default.headSeriesLimit > 0) || (has(self.tenants) && self.tenants.exists(t, has(self.tenants[t].headSeriesLimit) && self.tenants[t].headSeriesLimit > 0))) || (has(self.global) && has(self.global.metaMonitoringURL))")
        .message("headSeriesLimit requires global.metaMonitoringURL, where the number of series is queried")
)]
pub struct ReceiveLimits {
    /// Limits of each router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<GlobalLimits>,
    /// Limits of each tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<TenantLimits>,
    /// Limits of single tenants, by name. Unset fields have the value of default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 500))]
    pub tenants: Option<BTreeMap<String, TenantLimits>>,
}

/// Limits of each router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GlobalLimits {
    /// Concurrent requests; further ones wait. 0: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_concurrency: Option<i64>,
    /// URL of a Query API with the metrics of the ingesters, such as http://thanos-query:9090.
    #[serde(
        default,
        rename = "metaMonitoringURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::http_url")]
    pub meta_monitoring_url: Option<String>,
    /// Query for the number of series by tenant. Unset: sum(prometheus_tsdb_head_series) by (tenant).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub meta_monitoring_limit_query: Option<String>,
}

/// Limits of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantLimits {
    /// Limits of each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestLimits>,
    /// Head series of a tenant in all ingesters. 0: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub head_series_limit: Option<i64>,
}

/// Limits of each request. 0: no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestLimits {
    /// Size in bytes, before compression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub size_bytes_limit: Option<i64>,
    /// Number of series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub series_limit: Option<i64>,
    /// Number of samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub samples_limit: Option<i64>,
}
