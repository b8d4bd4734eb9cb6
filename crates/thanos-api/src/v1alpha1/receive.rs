//! ThanosReceive: remote write, with routers and hashrings of ingesters.

// Each column has a name, a type and a path.
#![allow(clippy::duplicated_attributes)]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::SecretKeySelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Additional, CommonFields};
use super::integration::Integration;
use super::limits::ReceiveLimits;
use super::receive_status::ThanosReceiveStatus;
use super::stateful::{StatefulSetFields, StorageConfig};
use super::store::StoreLimits;
use crate::schema;

/// Maximum number of hashrings of one ThanosReceive.
pub const MAX_HASHRINGS: u32 = 100;
/// Maximum number of members of one hashring.
pub const MAX_MEMBERS: i32 = 1000;
/// Name of the default hashring.
pub const DEFAULT_HASHRING: &str = "default";

/// Routers that receive samples, and ingesters that store them.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "monitoring.thanos.io",
    version = "v1alpha1",
    kind = "ThanosReceive",
    plural = "thanosreceives",
    namespaced,
    status = "ThanosReceiveStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "trc",
    category = "thanos",
    doc = "Remote write: routers, and hashrings of ingesters that store and upload samples",
    scale(
        spec_replicas_path = ".spec.routerSpec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(
        name = "Routers",
        type_ = "integer",
        json_path = ".status.readyReplicas"
    ),
    printcolumn(
        name = "Ingesters",
        type_ = "integer",
        json_path = ".status.readyIngesters"
    ),
    printcolumn(
        name = "Hashring",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='HashringStable')].reason"
    ),
    printcolumn(
        name = "Factor",
        type_ = "integer",
        json_path = ".status.replicationFactor"
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
    validation = Rule::new("!has(self.ingesterSpec.hashrings) || self.ingesterSpec.hashrings.all(h, !has(h.replicas) || h.replicas >= self.routerSpec.replicationFactor)")
        .message("every hashring requires at least as many replicas as routerSpec.replicationFactor, since each copy of a sample needs its own member; raise the replicas or lower the factor")
)]
#[serde(rename_all = "camelCase")]
pub struct ThanosReceiveSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub stateful: StatefulSetFields,
    /// Routers, which receive samples and forward them to the members of hashrings.
    #[serde(default)]
    pub router_spec: RouterSpec,
    /// Ingesters, which store samples, serve queries and upload blocks.
    #[serde(default)]
    pub ingester_spec: IngesterSpec,
    /// Whether ingesters may be removed without proof that all their samples are uploaded, for example
    /// without object storage, or if an ingester no longer runs. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_data_loss: Option<bool>,
    /// Whether reconciling is paused. Objects are not changed while it is true. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub integration: Integration,
}

/// Routers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    /// Number of pods.
    // A schema default: the scale subresource shows an unset path as zero, and an autoscaler treats zero
    // as disabled.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = MAX_MEMBERS))]
    pub replicas: i32,
    /// Number of members of a hashring that receive each sample: 1, 2, 3 or 5. With 3, one of them may be
    /// unavailable.
    #[serde(default = "one")]
    #[schemars(schema_with = "schema::replication_factor")]
    pub replication_factor: i32,
    /// Protocol between routers and ingesters. Unset: grpc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ReplicationProtocol>")]
    pub replication_protocol: Option<ReplicationProtocol>,
    /// Whether members that are not ready leave their hashring (dynamic) or stay (static). Unset: static.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<HashringPolicy>")]
    pub hashring_policy: Option<HashringPolicy>,
    /// External labels of the routers. Thanos requires at least one. Unset: receive="true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_labels")]
    pub external_labels: Option<BTreeMap<String, String>>,
    /// Source of the tenant of requests. Overrides tenancyConfig of hashrings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy_config: Option<RouterTenancyConfig>,
    /// Concurrent requests to each ingester. Unset: the maximum of the hashrings, or 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub async_forward_worker_count: Option<i64>,
    /// Compression of requests to ingesters. Unset: none if a hashring sets it, otherwise snappy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<GrpcCompression>")]
    pub grpc_compression: Option<GrpcCompression>,
    /// Limits of remote write requests, reloaded without a restart. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ReceiveLimits>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub additional: Additional,
}

impl Default for RouterSpec {
    fn default() -> Self {
        Self {
            common: CommonFields::default(),
            replicas: 1,
            replication_factor: 1,
            replication_protocol: None,
            hashring_policy: None,
            external_labels: None,
            tenancy_config: None,
            async_forward_worker_count: None,
            grpc_compression: None,
            limits: None,
            additional: Additional::default(),
        }
    }
}

const fn one() -> i32 {
    1
}

/// Protocol between routers and ingesters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ReplicationProtocol {
    #[default]
    Grpc,
    Capnproto,
}

/// Treatment of members that are not ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HashringPolicy {
    /// The hashring has the members of the spec.
    #[default]
    Static,
    /// A member that has not been ready for a minute leaves, if enough others are ready, and joins again
    /// when it is ready.
    Dynamic,
}

/// Compression of gRPC requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum GrpcCompression {
    None,
    #[default]
    Snappy,
}

impl GrpcCompression {
    /// Value in the syntax of Thanos.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Snappy => "snappy",
        }
    }
}

/// Source of the tenant of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterTenancyConfig {
    /// HTTP header with the tenant. Unset: THANOS-TENANT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::header_name")]
    pub tenant_header: Option<String>,
    /// Tenant of requests without one. Unset: default-tenant.
    #[serde(
        default,
        rename = "defaultTenantID",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::tenant")]
    pub default_tenant_id: Option<String>,
    /// Label of series with the tenant. Overrides the header. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_name")]
    pub split_tenant_label_name: Option<String>,
    /// Field of the client certificate with the tenant. Requires --remote-write.server-tls-client-ca in
    /// routerSpec.additionalArgs. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<TenantCertificateField>")]
    pub tenant_certificate_field: Option<TenantCertificateField>,
}

/// Field of a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum TenantCertificateField {
    Organization,
    OrganizationalUnit,
    CommonName,
}

impl TenantCertificateField {
    /// Value in the syntax of Thanos.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizationalUnit",
            Self::CommonName => "commonName",
        }
    }
}

/// Ingesters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.hashrings) || self.hashrings.filter(h, !has(h.tenancyConfig) || !has(h.tenancyConfig.tenants) || size(h.tenancyConfig.tenants) == 0).size() <= 1")
        .message("only one hashring may have no tenants, since it receives all other tenants; set tenancyConfig.tenants on all hashrings but one")
)]
pub struct IngesterSpec {
    /// Key of a Secret of this namespace with the object storage configuration of Thanos, for hashrings
    /// without one. Unset: nothing is uploaded, and samples are kept for 15 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub default_object_storage_config: Option<SecretKeySelector>,
    /// Hashrings. The first one that matches a tenant receives its samples; the one without tenants is
    /// matched last. Unset: one, named default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_HASHRINGS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub hashrings: Option<Vec<HashringSpec>>,
    /// Time that stores take to sync uploaded blocks. A member that left its hashring keeps running for
    /// that time after its upload, so that its samples stay queryable. Unset: 4m, since a ThanosStore
    /// syncs every 3m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub store_sync_delay: Option<String>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub additional: Additional,
}

/// Hashring: ingesters that share the samples of some tenants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("quantity(has(self.storage) && has(self.storage.size) ? self.storage.size : '10Gi').compareTo(quantity(has(oldSelf.storage) && has(oldSelf.storage.size) ? oldSelf.storage.size : '10Gi')) >= 0")
        .message("storage.size cannot become smaller, since volumes cannot shrink; add a hashring with smaller volumes, and remove this one"),
    validation = Rule::new("(has(self.storage) && has(self.storage.storageClass) ? self.storage.storageClass : '') == (has(oldSelf.storage) && has(oldSelf.storage.storageClass) ? oldSelf.storage.storageClass : '')")
        .message("storage.storageClass cannot be changed, since volumes cannot move; add a hashring with the other class, and remove this one")
)]
pub struct HashringSpec {
    /// Name of the hashring, and part of the names of its objects. Renaming replaces the hashring.
    #[schemars(schema_with = "schema::hashring_name")]
    pub name: String,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    /// Number of members. Unset: the replication factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_MEMBERS))]
    pub replicas: Option<i32>,
    /// External labels of the samples and blocks of the ingesters. One of the values must contain
    /// $(POD_NAME), which distinguishes the pods. Unset: replica="$(POD_NAME)".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_labels")]
    pub external_labels: Option<BTreeMap<String, String>>,
    /// TSDB of each ingester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsdb_config: Option<TsdbConfig>,
    /// Key of a Secret of this namespace with the object storage configuration of Thanos. Unset: that of
    /// ingesterSpec.defaultObjectStorageConfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub object_storage_config: Option<SecretKeySelector>,
    /// Volume of each pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
    /// Tenants of the hashring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy_config: Option<TenancyConfig>,
    /// Default of routerSpec.asyncForwardWorkerCount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub async_forward_worker_count: Option<i64>,
    /// Limits of each query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_limits_options: Option<StoreLimits>,
    /// Maximum time of a sample after now; later samples are rejected. 0s: no limit. Unset: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub too_far_in_future_time_window: Option<String>,
    /// Default of routerSpec.grpcCompression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<GrpcCompression>")]
    pub grpc_compression: Option<GrpcCompression>,
    /// Algorithm that assigns series to members. With hashmod, every change of the members moves most
    /// series. Unset: ketama.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<HashingAlgorithm>")]
    pub hashing_algorithm: Option<HashingAlgorithm>,
    /// Whether the copies of a sample go to members in different zones, by the label
    /// topology.kubernetes.io/zone of their nodes. Requires ketama. Unless topologySpreadConstraints is
    /// set, the pods are spread over zones. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_awareness: Option<bool>,
}

/// TSDB of each ingester.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TsdbConfig {
    /// Retention of samples in the volume. The TSDB of a tenant without samples for that time is deleted.
    /// Unset: 24h with object storage, 15d without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub retention: Option<String>,
    /// Maximum age of a sample relative to the newest sample of its series. Requires vertical compaction
    /// of the bucket. Unset: out-of-order samples are rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub out_of_order_time_window: Option<String>,
    /// Maximum number of stored exemplars of each tenant. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_exemplars: Option<i64>,
}

/// Tenants of a hashring.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenancyConfig {
    /// Tenants whose samples the hashring receives. Unset or empty: all tenants of no other hashring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tenants")]
    pub tenants: Option<Vec<String>>,
    /// Whether tenants are names (exact), or patterns with *, ?, classes such as [a-c], and a backslash
    /// before a literal special character (glob). Unset: exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<TenantMatcherType>")]
    pub tenant_matcher_type: Option<TenantMatcherType>,
    /// Label that holds the tenant of a series in queries and blocks. Unset: tenant_id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_name")]
    pub tenant_label_name: Option<String>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub router: RouterTenancyConfig,
}

/// Matcher of tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum TenantMatcherType {
    #[default]
    Exact,
    Glob,
}

impl TenantMatcherType {
    /// Value in the syntax of Thanos.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Glob => "glob",
        }
    }
}

/// Algorithm that assigns series to the members of a hashring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum HashingAlgorithm {
    #[default]
    Ketama,
    Hashmod,
}

impl HashingAlgorithm {
    /// Value in the syntax of Thanos.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ketama => "ketama",
            Self::Hashmod => "hashmod",
        }
    }
}
