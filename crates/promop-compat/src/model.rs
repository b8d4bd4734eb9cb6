//! Facts: the fields of foreign objects that decisions depend on. Objects with equal facts are
//! equivalent for every decision, so an event without a change of facts enqueues nothing.

mod alerting;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_facts::{Labels, PortFacts};

pub use alerting::{
    AlertmanagerFacts, GeneratedFor, GeneratedRulesFacts, RejectionFacts, RuleFacts, RuleName,
    RuleNames, ThanosRulerFacts,
};

/// A ServiceMonitor: its own labels, and what it selects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceMonitorFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.selector` for labels of Services.
    pub selector: LabelSelector,
    /// `spec.namespaceSelector`.
    pub namespaces: TargetNamespaces,
    /// The first field of `spec.endpoints` that names a file of the Prometheus pod, as in
    /// `spec.endpoints[0].bearerTokenFile`.
    pub file_field: Option<String>,
    /// `spec.scrapeClass`.
    pub scrape_class: Option<String>,
}

/// Namespaces whose Services a ServiceMonitor selects (`spec.namespaceSelector`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetNamespaces {
    /// Neither `any` nor `matchNames`: the namespace of the ServiceMonitor.
    #[default]
    Own,
    /// `any: true`.
    Any,
    /// `matchNames`.
    Names(Vec<String>),
}

/// A Service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.selector`; empty for a Service without one.
    pub selector: Labels,
    /// `spec.ports`, TCP ones; empty for type ExternalName, which has no endpoints.
    pub ports: Vec<PortFacts>,
    /// `targetPort` of each of `ports`; the port number if unset.
    pub targets: Vec<TargetPort>,
    /// `spec.clusterIP: None`.
    pub headless: bool,
    /// Target of a Service of type ExternalName.
    pub external: Option<ExternalFacts>,
}

/// Target port of a Service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// Container port with this name.
    Name(String),
    /// Port number, declared by a container or not.
    Number(u16),
}

/// Service of type ExternalName.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalFacts {
    /// `spec.externalName`.
    pub name: String,
    /// `spec.ports`, TCP ones.
    pub ports: Vec<PortFacts>,
}

/// A pod that Prometheus Operator manages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.hostname`.
    pub hostname: Option<String>,
    /// `spec.subdomain`.
    pub subdomain: Option<String>,
    /// Container `thanos-sidecar`, if present.
    pub sidecar: Option<SidecarFacts>,
    /// Named container ports, for NetworkPolicies that use port names.
    pub ports: Vec<PortFacts>,
}

/// Pod as seen by the Services in front of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// TCP ports that its containers declare, and those in the arguments of Thanos.
    pub ports: Vec<PortFacts>,
}

/// StatefulSet: pods that exist, or will be recreated after a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatefulSetFacts {
    /// `spec.replicas` (1 if unset).
    pub replicas: u32,
    /// Pod of the template, without the labels that differ between replicas.
    pub pod: PodFacts,
    /// TCP ports that its containers declare, and those in the arguments of Thanos.
    pub ports: Vec<PortFacts>,
}

/// Thanos sidecar container of a Prometheus pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SidecarFacts {
    /// StoreAPI port declared by the container (default 10901).
    pub grpc_port: u16,
    /// Whether `--grpc-address` is a loopback address, unreachable from other pods.
    pub listen_local: bool,
    /// Whether `--grpc-server-tls-cert` is set.
    pub tls: bool,
}

/// Prometheus (`monitoring.coreos.com/v1`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrometheusFacts {
    /// `metadata.uid`; empty for an object from a file.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.replicas` (1 if unset).
    pub replicas: u32,
    /// `spec.shards` (1 if unset).
    pub shards: u32,
    /// `spec.serviceName`: the governing Service, if not `prometheus-operated`.
    pub service_name: Option<String>,
    /// Sidecar defined by `spec.thanos`, with changes by `spec.containers`.
    pub sidecar: Option<SidecarFacts>,
    /// Named ports declared in `spec.containers`.
    pub container_ports: Vec<PortFacts>,
    /// `spec.shardRetentionPolicy.whenScaled: Retain`: shards above `shards` may still run.
    pub retains_shards: bool,
    /// `spec.listenLocal`: the API listens on loopback only.
    pub listen_local: bool,
    /// Whether `spec.web.tlsConfig` is set: the API uses HTTPS.
    pub web_tls: bool,
    /// Whether `spec.web.tlsConfig.clientAuthType` requires a client certificate.
    pub web_client_cert: bool,
    /// `spec.routePrefix` (`/` if unset).
    pub route_prefix: String,
    /// Replica label: `spec.replicaExternalLabelName`, `prometheus_replica` if unset, none if
    /// empty.
    pub replica_label: Option<String>,
    /// Whether its series have an external label.
    pub has_external_labels: bool,
    /// Whether Prometheus Operator writes its configuration, which it does only if a selector of
    /// monitors, probes or scrape configurations is set.
    pub is_managed: bool,
    /// `spec.serviceMonitorSelector`; `None` selects nothing.
    pub service_monitor_selector: Option<LabelSelector>,
    /// `spec.serviceMonitorNamespaceSelector`; `None` is the own namespace.
    pub service_monitor_namespace_selector: Option<LabelSelector>,
    /// `spec.arbitraryFSAccessThroughSMs.deny`: ServiceMonitors with file references are rejected.
    pub denies_files: bool,
    /// `spec.ignoreNamespaceSelectors`: ServiceMonitors select only in their own namespace.
    pub ignores_namespace_selectors: bool,
    /// Names of `spec.scrapeClasses`.
    pub scrape_classes: Vec<String>,
    /// `spec.ruleSelector`; `None` selects nothing.
    pub rule_selector: Option<LabelSelector>,
    /// `spec.ruleNamespaceSelector`; `None` is the own namespace.
    pub rule_namespace_selector: Option<LabelSelector>,
    /// `spec.serviceAccountName` (`default` if unset).
    pub service_account: String,
    /// `spec.serviceDiscoveryRole: EndpointSlice`; otherwise targets are discovered by Endpoints.
    pub endpoint_slices: bool,
    /// `spec.portName`: name of the container port of the API (`web` if unset).
    pub port_name: String,
    /// `spec.podMetadata.labels`, which Prometheus Operator adds to the pods.
    pub pod_labels: Labels,
}

/// PrometheusAgent (`monitoring.coreos.com/v1alpha1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrometheusAgentFacts {
    /// `spec.replicas` (1 if unset).
    pub replicas: u32,
    /// `spec.shards` (1 if unset).
    pub shards: u32,
    /// `spec.mode: DaemonSet`: one pod per node; otherwise one StatefulSet per shard.
    pub daemon_set: bool,
    /// `spec.podMetadata.labels`, which Prometheus Operator adds to the pods.
    pub pod_labels: Labels,
}
