//! ThanosStore: store gateways, which serve the blocks in object storage.

// Each column has a name, a type and a path.
#![allow(clippy::duplicated_attributes)]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::SecretKeySelector;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cache::CacheConfig;
use super::common::{Additional, CommonFields};
use super::integration::Integration;
use super::stateful::{StatefulSetFields, StatefulSetStatus, StorageConfig};
use super::status::CommonStatus;
use crate::schema;

/// Maximum number of shards of one ThanosStore.
pub const MAX_SHARDS: i32 = 256;

/// Configuration of the store gateways and of the blocks that they serve.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "monitoring.thanos.io",
    version = "v1alpha1",
    kind = "ThanosStore",
    plural = "thanosstores",
    namespaced,
    status = "ThanosStoreStatus",
    derive = "PartialEq",
    shortname = "ts",
    category = "thanos",
    doc = "Store gateways, which serve the blocks in object storage",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(name = "Shards", type_ = "integer", json_path = ".status.shards"),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        json_path = ".status.readyReplicas"
    ),
    printcolumn(
        name = "Object-Storage",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='ObjectStorageReady')].reason"
    ),
    printcolumn(
        name = "Resharding",
        type_ = "string",
        json_path = ".status.resharding.step"
    ),
    printcolumn(
        name = "Monitored",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Monitored')].reason",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[x_kube(
    validation = Rule::new("quantity(has(self.storage) && has(self.storage.size) ? self.storage.size : '10Gi').compareTo(quantity(has(oldSelf.storage) && has(oldSelf.storage.size) ? oldSelf.storage.size : '10Gi')) >= 0")
        .message("storage.size cannot become smaller because volumes cannot shrink; create a new ThanosStore with smaller volumes, and delete this one once the new one is ready"),
    validation = Rule::new("(has(self.storage) && has(self.storage.storageClass) ? self.storage.storageClass : '') == (has(oldSelf.storage) && has(oldSelf.storage.storageClass) ? oldSelf.storage.storageClass : '')")
        .message("storage.storageClass cannot be changed because volumes cannot move; create a new ThanosStore with the other class, and delete this one once the new one is ready")
)]
#[serde(rename_all = "camelCase")]
pub struct ThanosStoreSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub stateful: StatefulSetFields,
    /// Number of pods of each shard. The replicas of a shard serve the same blocks; one of them
    /// answers each query.
    // The one schema default: the scale subresource shows an unset path as zero, and an autoscaler
    // takes zero for "switched off".
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub replicas: i32,
    /// Maximum number of pods above replicas while the pods of a shard are replaced. With 1, a new
    /// pod is ready and known to the queriers before an old one stops. Unset: 1 with one replica, 0
    /// with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub max_surge: Option<i32>,
    /// Secret of this namespace, and its key, with the Thanos object storage configuration.
    #[schemars(schema_with = "schema::required_secret_key")]
    pub object_storage_config: SecretKeySelector,
    /// Volume of each pod. It holds only data that can be downloaded again: index headers and
    /// metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
    /// How blocks are distributed over shards. Unset: one shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharding_strategy: Option<ShardingStrategy>,
    /// Time range of the blocks that are served. Unset: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_range_config: Option<TimeRangeConfig>,
    /// How long blocks that are marked for deletion are still served. Recommended: half of the
    /// compactor's --delete-delay. Unset: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub ignore_deletion_marks_delay: Option<String>,
    /// Cache of index lookups. Unset: 250MB in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_cache_config: Option<CacheConfig>,
    /// Cache of chunks and metadata in object storage. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caching_bucket_config: Option<CacheConfig>,
    /// Limits per request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_limits_options: Option<StoreLimits>,
    /// Loading of index headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_header_config: Option<IndexHeaderConfig>,
    /// Discovery of blocks in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_config: Option<BlockConfig>,
    /// Whether reconciliation is suspended: no object of this ThanosStore is changed. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub additional: Additional,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub integration: Integration,
}

const fn one() -> i32 {
    1
}

/// How blocks are distributed over shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardingStrategy {
    /// What blocks are distributed by. Unset: block.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ShardingType>")]
    pub type_: Option<ShardingType>,
    /// Number of shards. Resharding starts a complete second set of shards, and deletes the old set
    /// once no querier uses it. Unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SHARDS))]
    pub shards: Option<i32>,
}

/// What blocks are distributed by: a hash of the block ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ShardingType {
    #[default]
    Block,
}

/// Time range: RFC 3339 timestamps, or negative durations relative to now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.minTime) || !has(self.maxTime) || !self.minTime.contains('T') || !self.maxTime.contains('T') || timestamp(self.minTime) < timestamp(self.maxTime)")
        .message("maxTime must be after minTime, or no block would be served; swap them, or set a later maxTime")
)]
pub struct TimeRangeConfig {
    /// Start of the range: blocks that end before it are not served. A duration needs a minus sign,
    /// since one without it is in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::point_in_time")]
    pub min_time: Option<String>,
    /// End of the range: blocks that start after it are not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::point_in_time")]
    pub max_time: Option<String>,
}

/// Limits per request. 0: unlimited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreLimits {
    /// Maximum number of samples per request. Unset: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub store_limits_request_samples: Option<i64>,
    /// Maximum number of series per request. Unset: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub store_limits_request_series: Option<i64>,
}

/// Loading of index headers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexHeaderConfig {
    /// Whether an index header is loaded into memory by the first query that needs it. Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_lazy_reader: Option<bool>,
    /// Idle time after which an index header is unloaded from memory. Unset: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub lazy_reader_idle_timeout: Option<String>,
    /// When index headers are downloaded: before the pod is ready (eager), or by the first query
    /// that needs them (lazy). Unset: eager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<LazyDownloadStrategy>")]
    pub lazy_download_strategy: Option<LazyDownloadStrategy>,
}

/// When index headers are downloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LazyDownloadStrategy {
    #[default]
    Eager,
    Lazy,
}

impl LazyDownloadStrategy {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Lazy => "lazy",
        }
    }
}

/// Discovery of blocks in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockConfig {
    /// Strategy for listing the bucket. Unset: concurrent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<BlockDiscoveryStrategy>")]
    pub block_discovery_strategy: Option<BlockDiscoveryStrategy>,
    /// Number of block metadata files that are fetched concurrently. Unset: 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub block_meta_fetch_concurrency: Option<i32>,
    /// Has no effect. Accepted for compatibility with the Go operator, where it has no effect
    /// either: only compactors have such a flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_files_concurrency: Option<i32>,
}

/// Strategy for listing a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum BlockDiscoveryStrategy {
    #[default]
    Concurrent,
    Recursive,
}

impl BlockDiscoveryStrategy {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Concurrent => "concurrent",
            Self::Recursive => "recursive",
        }
    }
}

/// Observed state of a ThanosStore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::describe(&[
    ("conditions", "Conditions of this ThanosStore, one entry per type."),
]))]
pub struct ThanosStoreStatus {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonStatus,
    /// Number of pods per shard; the minimum if shards differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Number of ready pods per shard; the minimum if shards differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the pods, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Number of shards that serve. During resharding, the number of the old set until the new set
    /// is complete and known to the queriers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<i32>,
    /// Resharding in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resharding: Option<ReshardingStatus>,
    /// StatefulSets by name, one per shard; those of both sets during resharding.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shard_statuses: BTreeMap<String, StatefulSetStatus>,
}

/// Resharding in progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReshardingStatus {
    /// Number of shards of the old set.
    pub from: i32,
    /// Number of shards of the new set.
    pub to: i32,
    /// Current step.
    pub step: ReshardingStep,
    /// Start time of the current step.
    pub since: Time,
    /// Condition that ends the current step.
    pub message: String,
}

/// Steps of resharding, in order. The next one begins once it cannot make query results incomplete.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ReshardingStep {
    /// The new shards start and load their blocks. The old shards serve.
    Starting,
    /// The new shards are ready and queriers discover them. Both sets serve.
    Joining,
    /// The old shards are no longer discoverable and still serve.
    Withdrawing,
    /// No querier uses the old shards. They are deleted.
    Removing,
}

impl ReshardingStep {
    /// All steps, in order.
    pub const ALL: [Self; 4] = [
        Self::Starting,
        Self::Joining,
        Self::Withdrawing,
        Self::Removing,
    ];

    /// As the status spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Joining => "Joining",
            Self::Withdrawing => "Withdrawing",
            Self::Removing => "Removing",
        }
    }
}
