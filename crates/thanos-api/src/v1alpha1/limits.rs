//! Limits of what routers take.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Limits of what routers take. Requests beyond a request's limits are refused with 413, those beyond
/// headSeriesLimit with 429.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!((has(self.default) && has(self.default.headSeriesLimit) && self.default.headSeriesLimit > 0) || (has(self.tenants) && self.tenants.exists(t, has(self.tenants[t].headSeriesLimit) && self.tenants[t].headSeriesLimit > 0))) || (has(self.global) && has(self.global.metaMonitoringURL))")
        .message("headSeriesLimit needs global.metaMonitoringURL: the number of series is asked there")
)]
pub struct ReceiveLimits {
    /// Limits of a router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<GlobalLimits>,
    /// Limits of each tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<TenantLimits>,
    /// Limits of single tenants, by name. What is unset in them is as for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 500))]
    pub tenants: Option<BTreeMap<String, TenantLimits>>,
}

/// Limits of a router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GlobalLimits {
    /// Requests at a time; others wait. 0: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_concurrency: Option<i64>,
    /// The Query API that knows the metrics of the ingesters, as in http://thanos-query:9090.
    #[serde(
        default,
        rename = "metaMonitoringURL",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::http_url")]
    pub meta_monitoring_url: Option<String>,
    /// The query for the number of series by tenant. Unset: sum(prometheus_tsdb_head_series) by
    /// (tenant).
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
    /// Series that all ingesters may hold of a tenant. 0: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub head_series_limit: Option<i64>,
}

/// Limits of a request. 0: none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestLimits {
    /// Bytes, before compression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub size_bytes_limit: Option<i64>,
    /// Series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub series_limit: Option<i64>,
    /// Samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub samples_limit: Option<i64>,
}
