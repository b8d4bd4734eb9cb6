//! Fields that every kind and every component of it share.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Container, ContainerPort, EnvVar, LocalObjectReference, PodSecurityContext,
    ResourceRequirements, ServicePort, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{lenient, schema};

/// How pods look and where they run. Inlined into each component's section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonFields {
    /// Tag or digest of the Thanos image. Ignored if baseImage has a tag or digest of its own.
    /// Unset: the version that the controller was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::version")]
    pub version: Option<String>,
    /// Thanos image, with or without a tag or digest. Unset: the image that the controller was
    /// started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::image")]
    pub base_image: Option<String>,
    /// When the kubelet pulls the image. Unset: IfNotPresent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ImagePullPolicy>")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets of this namespace with credentials for image registries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<LocalObjectReference>")]
    pub image_pull_secrets: Option<Vec<LocalObjectReference>>,
    /// CPU and memory of the Thanos container. With a memory limit, Go's garbage collector is told
    /// about it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::quantities"
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
    /// Labels that a node must have.
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
    /// How pods spread over zones and nodes. A constraint without a labelSelector counts the pods of
    /// its own workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<TopologySpreadConstraint>")]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// Security context of the pods. What is unset in it keeps the value that Pod Security
    /// "restricted" needs: not root, user, group and fsGroup 1001, seccomp RuntimeDefault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::embedded::<PodSecurityContext>")]
    pub security_context: Option<PodSecurityContext>,
    /// Whether runAsUser, runAsGroup and fsGroup are left out of the pods unless securityContext sets
    /// them, so that the platform assigns them, as the OpenShift SCC restricted-v2 does. Unset: false.
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
    /// Whether a PodDisruptionBudget protects the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_disruption_budget_config: Option<PodDisruptionBudgetConfig>,
    /// More labels for every object of the component and for its pods. They win over labels of the
    /// custom resource's metadata, and labels that the operator needs win over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// More annotations for every object of the component and for its pods. They win over annotations
    /// of the custom resource's metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// When the kubelet pulls an image.
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

/// Log level, as Thanos takes it.
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

/// Log format, as Thanos takes it.
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
    /// More annotations for the ServiceAccount alone, such as the role of a cloud provider. They win
    /// over annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Whether its token is mounted into all containers of the pods, at
    /// /var/run/secrets/kubernetes.io/serviceaccount. Thanos needs none; a proxy in
    /// additionalContainers may. Unset: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automount_token: Option<bool>,
}

/// Whether a PodDisruptionBudget protects the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodDisruptionBudgetConfig {
    /// Unset: true. The budget allows one pod to be down, and exists only with two or more
    /// replicas, since it would block node drains with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<bool>,
}

/// What users add to the pods themselves. Inlined into each component's section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Additional {
    /// More arguments for Thanos, each as --flag=value. One that repeats a flag of the operator
    /// replaces it; a flag that Thanos accepts several times is added. Flags that the operator's
    /// own promises depend on (addresses, endpoint discovery) are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::args")]
    pub additional_args: Option<Vec<String>>,
    /// More containers for the pods.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::quantities"
    )]
    #[schemars(schema_with = "schema::list_of::<Container>")]
    pub additional_containers: Option<Vec<Container>>,
    /// More volumes for the pods.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::quantities"
    )]
    #[schemars(schema_with = "schema::list_of::<Volume>")]
    pub additional_volumes: Option<Vec<Volume>>,
    /// More volume mounts for the Thanos container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<VolumeMount>")]
    pub additional_volume_mounts: Option<Vec<VolumeMount>>,
    /// More ports for the Thanos container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::list_of::<ContainerPort>")]
    pub additional_ports: Option<Vec<ContainerPort>>,
    /// More environment variables for the Thanos container.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient::quantities"
    )]
    #[schemars(schema_with = "schema::list_of::<EnvVar>")]
    pub additional_env: Option<Vec<EnvVar>>,
    /// More ports for the component's Services.
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
