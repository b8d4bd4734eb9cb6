//! ThanosStore: store gateways, which serve the blocks of an object store.

// Each column has a name, a type and a path.
#![allow(clippy::duplicated_attributes)]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::SecretKeySelector;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cache::CacheConfig;
use super::common::{Additional, CommonFields};
use super::integration::Integration;
use super::stateful::{StatefulSetFields, StatefulSetStatus, StorageConfig};
use super::status::PrometheusOperatorStatus;
use crate::schema;

/// The most shards of one resource.
pub const MAX_SHARDS: i32 = 256;

/// What store gateways should run, and what they should serve.
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
    doc = "Store gateways, which serve the blocks of an object store",
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
        .message("storage.size cannot become smaller, since volumes cannot shrink; make a new ThanosStore with smaller volumes, and delete this one when that is ready"),
    validation = Rule::new("(has(self.storage) && has(self.storage.storageClass) ? self.storage.storageClass : '') == (has(oldSelf.storage) && has(oldSelf.storage.storageClass) ? oldSelf.storage.storageClass : '')")
        .message("storage.storageClass cannot be changed, since volumes cannot move; make a new ThanosStore with the other class, and delete this one when that is ready")
)]
#[serde(rename_all = "camelCase")]
pub struct ThanosStoreSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub stateful: StatefulSetFields,
    /// Pods of each shard. They hold the same blocks, and one of them answers each query.
    // The one schema default: the scale subresource shows an unset path as zero, and an autoscaler
    // takes zero for "switched off".
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub replicas: i32,
    /// Pods of a shard above replicas while its pods are replaced: with 1, a new pod is ready and
    /// known to the queriers before an old one stops. Unset: 1 with one replica; 0 with several,
    /// which stand in for each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub max_surge: Option<i32>,
    /// The key of a Secret of this namespace that holds the object storage configuration of Thanos.
    #[schemars(schema_with = "schema::required_secret_key")]
    pub object_storage_config: SecretKeySelector,
    /// The volume of each pod. It holds what can be fetched again: index headers and metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
    /// How the blocks are divided. Unset: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharding_strategy: Option<ShardingStrategy>,
    /// The time range that is served. Unset: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_range_config: Option<TimeRangeConfig>,
    /// Blocks that are marked for deletion are served for so long. Half of the compactor's
    /// delete-delay is right. Unset: 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub ignore_deletion_marks_delay: Option<String>,
    /// Cache of index lookups. Unset: 250MB in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_cache_config: Option<CacheConfig>,
    /// Cache of chunks and metadata of the object store. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caching_bucket_config: Option<CacheConfig>,
    /// Limits of single requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_limits_options: Option<StoreLimits>,
    /// How index headers are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_header_config: Option<IndexHeaderConfig>,
    /// How blocks are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_config: Option<BlockConfig>,
    /// Leaves every object as it is, until unset.
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

/// How blocks are divided over shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShardingStrategy {
    /// By what. Unset: block.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ShardingType>")]
    pub type_: Option<ShardingType>,
    /// Number of shards. When it changes, a complete new set of shards is ready and known to the
    /// queriers before the old one goes. Unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SHARDS))]
    pub shards: Option<i32>,
}

/// By what blocks are divided: by a hash of the block's ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ShardingType {
    #[default]
    Block,
}

/// A time range: timestamps as in RFC 3339, or negative durations before now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.minTime) || !has(self.maxTime) || !self.minTime.contains('T') || !self.maxTime.contains('T') || timestamp(self.minTime) < timestamp(self.maxTime)")
        .message("maxTime must be after minTime, or nothing would be served; exchange them, or set a later maxTime")
)]
pub struct TimeRangeConfig {
    /// Blocks that end before are not served. A duration without a minus sign is after now, and so
    /// rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::point_in_time")]
    pub min_time: Option<String>,
    /// Blocks that start after are not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::point_in_time")]
    pub max_time: Option<String>,
}

/// Limits of single requests. 0: none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreLimits {
    /// Samples that a request may touch. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub store_limits_request_samples: Option<i64>,
    /// Series that a request may touch. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub store_limits_request_series: Option<i64>,
}

/// How index headers are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexHeaderConfig {
    /// Whether an index header is loaded into memory when a query needs it first. Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_lazy_reader: Option<bool>,
    /// An index header that no query needs for so long leaves the memory. Unset: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub lazy_reader_idle_timeout: Option<String>,
    /// When index headers are downloaded: before the pod is ready (eager), or when a query needs
    /// them first (lazy). Unset: eager.
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

/// How blocks are found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockConfig {
    /// How the bucket is listed. Unset: concurrent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<BlockDiscoveryStrategy>")]
    pub block_discovery_strategy: Option<BlockDiscoveryStrategy>,
    /// Metadata files that are fetched at a time. Unset: 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub block_meta_fetch_concurrency: Option<i32>,
    /// Accepted, so that manifests for the Go operator apply. It has no effect here, as it has none
    /// there: only compactors have such a flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_files_concurrency: Option<i32>,
}

/// How a bucket is listed.
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

/// What a ThanosStore observed and runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThanosStoreStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Pods of each shard; of the shard that has the fewest, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Pods of each shard that are ready; of the shard that has the fewest, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the pods, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// What is true of this resource, one entry per question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Whether spec.paused was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What of Prometheus Operator is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_operator: Option<PrometheusOperatorStatus>,
    /// Number of shards that serve. While shards change, that of the old set until the new one is
    /// complete and known to the queriers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<i32>,
    /// The change of the number of shards that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resharding: Option<ReshardingStatus>,
    /// The StatefulSets by name, one for each shard; of both sets while shards change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shard_statuses: BTreeMap<String, StatefulSetStatus>,
    /// Digest of what was applied last; lets a restarted controller know that nothing has to be
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
}

/// A change of the number of shards that is under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReshardingStatus {
    /// Number of shards of the old set.
    pub from: i32,
    /// Number of shards of the new set.
    pub to: i32,
    /// What is being done.
    pub step: ReshardingStep,
    /// When this step began.
    pub since: Time,
    /// What this step waits for.
    pub message: String,
}

/// A step of a change of the number of shards, in their order. The next one begins when nothing
/// can be missing from an answer because of it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ReshardingStep {
    /// The new shards start and read their blocks. The old ones serve.
    Starting,
    /// The new shards are ready. Queriers learn of them. Both sets serve.
    Joining,
    /// The old shards are withdrawn from the queriers, and go on serving.
    Withdrawing,
    /// Nobody asks the old shards. They are removed.
    Removing,
}

impl ReshardingStep {
    /// All of them, in their order.
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
