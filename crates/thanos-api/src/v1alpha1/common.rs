//! Fields of every component.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, ContainerPort, EnvVar, LocalObjectReference, PodSecurityContext,
    ResourceRequirements, ServicePort, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{schema, tolerant_decode};

/// Image, placement and metadata of pods. Inlined into the section of each component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonFields {
    /// Tag or digest of the Thanos image. Ignored if baseImage has a tag or digest. Unset: the
    /// version in the --thanos-image flag of the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::version")]
    pub version: Option<String>,
    /// Thanos image, with or without a tag or digest. Unset: the --thanos-image flag of the
    /// controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::image")]
    pub base_image: Option<String>,
    /// Pull policy of the image. Unset: IfNotPresent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ImagePullPolicy>")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets of this namespace with registry credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<LocalObjectReference>")]
    pub image_pull_secrets: Option<Vec<LocalObjectReference>>,
    /// CPU and memory of the Thanos container. A memory limit also sets the limit of Go's garbage
    /// collector.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant_decode::quantities"
    )]
    #[schemars(schema_with = "schema::embedded::<ResourceRequirements>")]
    pub resource_requirements: Option<ResourceRequirements>,
    /// Log level of Thanos. Unset: info.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<LogLevel>")]
    pub log_level: Option<LogLevel>,
    /// Log format of Thanos. Unset: logfmt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<LogFormat>")]
    pub log_format: Option<LogFormat>,
    /// Node labels that the pods require.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Affinity of the pods. Unset: pods of one workload prefer different nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::embedded::<Affinity>")]
    pub affinity: Option<Affinity>,
    /// Tolerations of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<Toleration>")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Spread of the pods over zones and nodes. A constraint without a labelSelector selects the
    /// pods of its workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<TopologySpreadConstraint>")]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// Security context of the pods. Unset fields keep the values that Pod Security "restricted"
    /// requires: not root, user, group and fsGroup 1001, seccomp RuntimeDefault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::embedded::<PodSecurityContext>")]
    pub security_context: Option<PodSecurityContext>,
    /// Whether runAsUser, runAsGroup and fsGroup are omitted unless securityContext sets them, for
    /// platforms that assign them, such as the OpenShift SCC restricted-v2. Unset: false.
    // The acronym is upper case in the API, which `camelCase` does not give.
    #[serde(
        default,
        rename = "omitUserIDs",
        skip_serializing_if = "Option::is_none"
    )]
    pub omit_user_ids: Option<bool>,
    /// ServiceAccount of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccountSpec>,
    /// PodDisruptionBudget of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_disruption_budget_config: Option<PodDisruptionBudgetConfig>,
    /// Labels added to every object and pod of the component. They override labels of the custom
    /// resource; labels that the operator needs override them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations added to every object and pod of the component. They override annotations of the
    /// custom resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Image pull policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    #[allow(missing_docs)]
    Always,
    #[allow(missing_docs)]
    Never,
    #[allow(missing_docs)]
    IfNotPresent,
}

impl ImagePullPolicy {
    /// As the Kubernetes API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Never => "Never",
            Self::IfNotPresent => "IfNotPresent",
        }
    }
}

/// Log level of Thanos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    #[allow(missing_docs)]
    Debug,
    #[default]
    #[allow(missing_docs)]
    Info,
    #[allow(missing_docs)]
    Warn,
    #[allow(missing_docs)]
    Error,
}

impl LogLevel {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Log format of Thanos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    #[allow(missing_docs)]
    Logfmt,
    #[allow(missing_docs)]
    Json,
}

impl LogFormat {
    /// As Thanos spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logfmt => "logfmt",
            Self::Json => "json",
        }
    }
}

/// ServiceAccount of the pods. It has no permissions in this cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSpec {
    /// Annotations of the ServiceAccount only, such as the role of a cloud provider. They override
    /// the annotations of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Whether the token is mounted into all containers of the pods, at
    /// /var/run/secrets/kubernetes.io/serviceaccount. Thanos does not need it; a proxy in
    /// additionalContainers may. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automount_token: Option<bool>,
}

/// PodDisruptionBudget of the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodDisruptionBudgetConfig {
    /// Whether the budget is created. It allows one unavailable pod and is created only with two or
    /// more replicas, since it would block node drains with one. Unset: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<bool>,
}

/// User-defined additions to the pods. Inlined into the section of each component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Additional {
    /// Arguments added to Thanos, each as --flag=value. A flag that the operator sets is replaced;
    /// a repeatable flag is appended. Flags that the operator depends on (addresses, endpoint
    /// discovery) are rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::args")]
    pub additional_args: Option<Vec<String>>,
    /// Containers added to the pods.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant_decode::quantities"
    )]
    #[schemars(schema_with = "schema::list_of::<Container>")]
    pub additional_containers: Option<Vec<Container>>,
    /// Volumes added to the pods.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant_decode::quantities"
    )]
    #[schemars(schema_with = "schema::list_of::<Volume>")]
    pub additional_volumes: Option<Vec<Volume>>,
    /// Volume mounts added to the Thanos container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<VolumeMount>")]
    pub additional_volume_mounts: Option<Vec<VolumeMount>>,
    /// Ports added to the Thanos container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<ContainerPort>")]
    pub additional_ports: Option<Vec<ContainerPort>>,
    /// Environment variables added to the Thanos container.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant_decode::quantities"
    )]
    #[schemars(schema_with = "schema::list_of::<EnvVar>")]
    pub additional_env: Option<Vec<EnvVar>>,
    /// Ports added to the Services of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<ServicePort>")]
    pub additional_service_ports: Option<Vec<ServicePort>>,
    /// ConfigMaps of this namespace, mounted at /etc/thanos/configmaps/NAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::object_names")]
    pub config_maps: Option<Vec<String>>,
    /// Secrets of this namespace, mounted at /etc/thanos/secrets/NAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::object_names")]
    pub secrets: Option<Vec<String>>,
}
