//! The query frontend section of a ThanosQuery.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cache::CacheConfig;
use super::common::{Additional, CommonFields};
use crate::schema;

/// Query frontend: splits, retries and caches queries before they reach the queriers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryFrontendSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    /// Number of pods. Unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub replicas: Option<i32>,
    /// Whether responses are compressed. Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compress_responses: Option<bool>,
    /// Query API that the frontend queries: a Service of this namespace with the label
    /// operator.thanos.io/query-api=true and these labels. The queriers of this ThanosQuery are
    /// preferred if they match, then the first match by name. Unset: the queriers of this
    /// ThanosQuery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub query_label_selector: Option<LabelSelector>,
    /// Duration above which queries are logged. Unset: no query is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub log_queries_longer_than: Option<String>,
    /// Cache for results of range and label queries. Unset: no cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_range_response_cache_config: Option<CacheConfig>,
    /// Interval by which range queries are split. Unset: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub query_range_split_interval: Option<String>,
    /// Interval by which label queries are split. Unset: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub labels_split_interval: Option<String>,
    /// Maximum number of retries for each part of a range query. Unset: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub query_range_max_retries: Option<i32>,
    /// Maximum number of retries for each part of a label query. Unset: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub labels_max_retries: Option<i32>,
    /// Time range of label queries without one. Unset: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub labels_default_time_range: Option<String>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub additional: Additional,
}
