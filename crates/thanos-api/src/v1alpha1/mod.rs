//! Version `v1alpha1`: a superset of the schema of the Go thanos-operator, so that its manifests
//! apply unchanged.
//!
//! Fields are optional and carry no schema default unless said otherwise: what is unset is decided
//! when the plan is made, and what is set always wins.

mod cache;
mod common;
mod discovery;
mod frontend;
mod integration;
mod limits;
mod options;
mod query;
mod receive;
mod receive_status;
mod ruler;
mod ruler_status;
mod stateful;
mod status;
mod store;

pub use cache::{CacheConfig, InMemoryCacheConfig};
pub use common::{
    Additional, CommonFields, ImagePullPolicy, LogFormat, LogLevel, PodDisruptionBudgetConfig,
    ServiceAccountSpec,
};
pub use discovery::{BridgeSpec, PrometheusServiceMonitors, ServiceDiscovery, WithoutSidecar};
pub use frontend::QueryFrontendSpec;
pub use integration::{
    FeatureGates, Integration, NetworkPolicyConfig, OpenDiscovered, RelabelAction, RelabelConfig,
    ServiceMonitorConfig,
};
pub use limits::{GlobalLimits, ReceiveLimits, RequestLimits, TenantLimits};
pub use options::{GrpcProxyStrategy, PromqlEngine, TelemetryQuantiles, WebConfig};
pub use query::{ThanosQuery, ThanosQuerySpec};
pub use receive::{
    DEFAULT_HASHRING, GrpcCompression, HashingAlgorithm, HashringPolicy, HashringSpec,
    IngesterSpec, MAX_HASHRINGS, MAX_MEMBERS, ReplicationProtocol, RouterSpec, RouterTenancyConfig,
    TenancyConfig, TenantCertificateField, TenantMatcherType, ThanosReceive, ThanosReceiveSpec,
    TsdbConfig,
};
pub use receive_status::{
    HashringProgress, HashringStep, MAX_NAMED_MEMBERS, MAX_UNREACHABLE_TENANTS, ThanosReceiveStatus,
};
pub use ruler::{
    AlertmanagerTls, Alertmanagers, DEFAULT_TENANT_IDENTIFIER, DEFAULT_TENANT_SPECIFIER, RuleMode,
    RuleTenancyConfig, RulerMode, RulerModeType, StatefulMode, StatelessMode, ThanosRuler,
    ThanosRulerSpec,
};
pub use ruler_status::{
    AlertmanagerStatus, FailedSends, HeldRules, MAX_ALERTMANAGERS, MAX_FAILED_SENDS,
    MAX_HELD_RULES, MAX_OVERLAPS, MAX_REJECTED, MissedRule, RejectedRule, RuleCounts, RuleOverlap,
    ThanosRulerStatus,
};
pub use stateful::{
    ClaimRetention, ClaimRetentionPolicy, DEFAULT_STORAGE_SIZE, PodManagementPolicy,
    StatefulSetFields, StatefulSetStatus, StorageConfig,
};
pub use status::{
    CommonStatus, DeploymentStatus, EndpointStatus, EndpointVia, IntegrationKindStatus,
    MAX_ENDPOINTS, MAX_SKIPPED, PrometheusOperatorStatus, SkippedStatus, ThanosQueryStatus,
};
pub use store::{
    BlockConfig, BlockDiscoveryStrategy, IndexHeaderConfig, LazyDownloadStrategy, MAX_SHARDS,
    ReshardingStatus, ReshardingStep, ShardingStrategy, ShardingType, StoreLimits, ThanosStore,
    ThanosStoreSpec, ThanosStoreStatus, TimeRangeConfig,
};
