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

/// The most hashrings of one resource.
pub const MAX_HASHRINGS: u32 = 100;
/// The most members of one hashring.
pub const MAX_MEMBERS: i32 = 1000;
/// The name of the only hashring, if the spec names none.
pub const DEFAULT_HASHRING: &str = "default";

/// What receives samples, and where they are kept.
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
    doc = "Remote write: routers, and hashrings of ingesters that keep and upload the samples",
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
        .message("every hashring needs at least as many replicas as routerSpec.replicationFactor, since each copy of a sample goes to another member; raise the replicas or lower the factor")
)]
#[serde(rename_all = "camelCase")]
pub struct ThanosReceiveSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub stateful: StatefulSetFields,
    /// The routers, which take samples and hand each to the members of a hashring.
    #[serde(default)]
    pub router_spec: RouterSpec,
    /// The ingesters, which keep samples, answer queries for them, and upload them.
    #[serde(default)]
    pub ingester_spec: IngesterSpec,
    /// Whether ingesters may go though it is not proven that everything they hold was uploaded:
    /// where there is no object storage, or where an ingester does not run any more. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_data_loss: Option<bool>,
    /// Leaves every object as it is, until unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub integration: Integration,
}

/// The routers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterSpec {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    /// Number of pods.
    // A schema default: the scale subresource shows an unset path as zero, and an autoscaler takes
    // zero for "switched off".
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = MAX_MEMBERS))]
    pub replicas: i32,
    /// How many members of a hashring get each sample: 1, 2, 3 or 5. With 3, one of them may be
    /// away.
    #[serde(default = "one")]
    #[schemars(schema_with = "schema::replication_factor")]
    pub replication_factor: i32,
    /// How samples reach the ingesters. Unset: grpc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ReplicationProtocol>")]
    pub replication_protocol: Option<ReplicationProtocol>,
    /// Whether members leave their hashring while they are away. Unset: static, they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<HashringPolicy>")]
    pub hashring_policy: Option<HashringPolicy>,
    /// External labels of the routers, of which Thanos wants at least one. Unset: receive="true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_labels")]
    pub external_labels: Option<BTreeMap<String, String>>,
    /// How the tenant of a request is found. It wins over what hashrings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy_config: Option<RouterTenancyConfig>,
    /// Requests to each ingester at a time. Unset: the most that a hashring says, or 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub async_forward_worker_count: Option<i64>,
    /// Compression of what is sent to ingesters. Unset: none if a hashring says so, or snappy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<GrpcCompression>")]
    pub grpc_compression: Option<GrpcCompression>,
    /// Limits of what is taken. They change while routers run. Unset: none.
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

/// How samples reach the ingesters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ReplicationProtocol {
    #[default]
    Grpc,
    Capnproto,
}

/// Whether members leave their hashring while they are away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HashringPolicy {
    /// The hashring has the members that the spec asks for.
    #[default]
    Static,
    /// A member that is not ready for a minute leaves, if enough stay, and comes back when it is
    /// ready again.
    Dynamic,
}

/// Compression between components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum GrpcCompression {
    None,
    #[default]
    Snappy,
}

impl GrpcCompression {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Snappy => "snappy",
        }
    }
}

/// How the tenant of a request is found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterTenancyConfig {
    /// The HTTP header that names it. Unset: THANOS-TENANT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::header_name")]
    pub tenant_header: Option<String>,
    /// The tenant of requests that name none. Unset: default-tenant.
    #[serde(
        default,
        rename = "defaultTenantID",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::tenant")]
    pub default_tenant_id: Option<String>,
    /// The label of a series that names its tenant. It wins over the header. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_name")]
    pub split_tenant_label_name: Option<String>,
    /// The field of the client's certificate that names the tenant. It needs
    /// --remote-write.server-tls-client-ca among the additional arguments. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<TenantCertificateField>")]
    pub tenant_certificate_field: Option<TenantCertificateField>,
}

/// A field of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum TenantCertificateField {
    Organization,
    OrganizationalUnit,
    CommonName,
}

impl TenantCertificateField {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::OrganizationalUnit => "organizationalUnit",
            Self::CommonName => "commonName",
        }
    }
}

/// The ingesters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.hashrings) || self.hashrings.filter(h, !has(h.tenancyConfig) || !has(h.tenancyConfig.tenants) || size(h.tenancyConfig.tenants) == 0).size() <= 1")
        .message("only one hashring may have no tenants, since it takes those of all the others; give tenancyConfig.tenants to all but one")
)]
pub struct IngesterSpec {
    /// The key of a Secret of this namespace that holds the object storage configuration of Thanos,
    /// for hashrings that name none. Unset: nothing is uploaded, and samples are kept for 15 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub default_object_storage_config: Option<SecretKeySelector>,
    /// The hashrings. Each tenant's samples go to the first that matches it; the one without
    /// tenants comes last. Unset: one, named default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_HASHRINGS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub hashrings: Option<Vec<HashringSpec>>,
    /// How long stores take to find what was uploaded. A member that left its hashring runs on for
    /// so long after its upload is proven, so that queries find its samples here or there. Unset:
    /// 4m, since a ThanosStore looks every 3m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub store_sync_delay: Option<String>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub additional: Additional,
}

/// A hashring: ingesters that share the samples of some tenants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("quantity(has(self.storage) && has(self.storage.size) ? self.storage.size : '10Gi').compareTo(quantity(has(oldSelf.storage) && has(oldSelf.storage.size) ? oldSelf.storage.size : '10Gi')) >= 0")
        .message("storage.size cannot become smaller, since volumes cannot shrink; add a hashring with smaller volumes, and remove this one"),
    validation = Rule::new("(has(self.storage) && has(self.storage.storageClass) ? self.storage.storageClass : '') == (has(oldSelf.storage) && has(oldSelf.storage.storageClass) ? oldSelf.storage.storageClass : '')")
        .message("storage.storageClass cannot be changed, since volumes cannot move; add a hashring with the other class, and remove this one")
)]
pub struct HashringSpec {
    /// Name of the hashring, and part of the names of its objects. Another name is another hashring.
    #[schemars(schema_with = "schema::hashring_name")]
    pub name: String,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub common: CommonFields,
    /// Number of members. Unset: the replication factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_MEMBERS))]
    pub replicas: Option<i32>,
    /// External labels of what the ingesters hold and upload. One of the values has to hold
    /// $(POD_NAME), which differs between pods. Unset: replica="$(POD_NAME)".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::external_labels")]
    pub external_labels: Option<BTreeMap<String, String>>,
    /// How samples are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsdb_config: Option<TsdbConfig>,
    /// The key of a Secret of this namespace that holds the object storage configuration of Thanos.
    /// Unset: that of ingesterSpec.defaultObjectStorageConfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::optional_secret_key")]
    pub object_storage_config: Option<SecretKeySelector>,
    /// The volume of each pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageConfig>,
    /// The tenants of the hashring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy_config: Option<TenancyConfig>,
    /// As routerSpec.asyncForwardWorkerCount, where that is unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub async_forward_worker_count: Option<i64>,
    /// Limits of single queries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_limits_options: Option<StoreLimits>,
    /// Samples that are further in the future are refused. 0s: none are. Unset: 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub too_far_in_future_time_window: Option<String>,
    /// As routerSpec.grpcCompression, where that is unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<GrpcCompression>")]
    pub grpc_compression: Option<GrpcCompression>,
    /// How series are divided. With hashmod, every change of the members moves most series. Unset:
    /// ketama.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<HashingAlgorithm>")]
    pub hashing_algorithm: Option<HashingAlgorithm>,
    /// Whether the copies of a sample go to members in different zones, as the label
    /// topology.kubernetes.io/zone of their nodes says. It needs ketama, and topology spread
    /// constraints that spread the pods over zones. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_awareness: Option<bool>,
}

/// How samples are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TsdbConfig {
    /// How long samples are kept in the volume. A tenant without samples for so long is forgotten.
    /// Unset: 24h with an object storage, 15d without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub retention: Option<String>,
    /// How much older than the newest one of its series a sample may be. The compactor of the bucket
    /// has to merge vertically then. Unset: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub out_of_order_time_window: Option<String>,
    /// Exemplars that are kept of each tenant. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub max_exemplars: Option<i64>,
}

/// The tenants of a hashring.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenancyConfig {
    /// The tenants whose samples go here. Unset or empty: those of no other hashring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tenants")]
    pub tenants: Option<Vec<String>>,
    /// Whether tenants are names (exact), or patterns with *, ?, classes such as [a-c], and a backslash
    /// before a character that stands for itself (glob). Unset: exact.
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

/// Whether tenants are names or patterns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum TenantMatcherType {
    #[default]
    Exact,
    Glob,
}

impl TenantMatcherType {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Glob => "glob",
        }
    }
}

/// How series are divided among the members of a hashring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum HashingAlgorithm {
    #[default]
    Ketama,
    Hashmod,
}

impl HashingAlgorithm {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ketama => "ketama",
            Self::Hashmod => "hashmod",
        }
    }
}
