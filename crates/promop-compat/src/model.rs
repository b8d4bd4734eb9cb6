//! Extracted facts: the few fields of foreign objects that decisions depend on. Two objects with
//! equal facts are the same to every decision, so an event that changes none of them wakes nobody.

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
    /// `spec.selector`, over Service labels.
    pub selector: LabelSelector,
    /// `spec.namespaceSelector`.
    pub namespaces: TargetNamespaces,
    /// The first field of `spec.endpoints` that names a file of the Prometheus pod, as in
    /// `spec.endpoints[0].bearerTokenFile`.
    pub file_field: Option<String>,
    /// `spec.scrapeClass`.
    pub scrape_class: Option<String>,
}

/// The namespaces whose Services a ServiceMonitor selects (`spec.namespaceSelector`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetNamespaces {
    /// Neither `any` nor `matchNames`: the ServiceMonitor's own namespace.
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
    /// `targetPort` of each of `ports`; the number of the port where an entry is missing.
    pub targets: Vec<TargetPort>,
    /// `spec.clusterIP: None`.
    pub headless: bool,
    /// What a Service of type ExternalName is an alias of.
    pub external: Option<ExternalFacts>,
}

/// The port of the pods that a Service port leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// The container port of this name.
    Name(String),
    /// This port, whether or not a container declares it.
    Number(u16),
}

/// A Service of type ExternalName.
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
    /// The container `thanos-sidecar`, if there is one.
    pub sidecar: Option<SidecarFacts>,
    /// Named container ports, for NetworkPolicies that name a port.
    pub ports: Vec<PortFacts>,
}

/// A pod, as far as it matters to the Services in front of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendFacts {
    /// `metadata.labels`.
    pub labels: Labels,
    /// TCP ports that its containers declare, and those that the arguments of Thanos name.
    pub ports: Vec<PortFacts>,
}

/// A StatefulSet: the pods that exist, or will exist again after a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatefulSetFacts {
    /// `spec.replicas` (1 if unset).
    pub replicas: u32,
    /// A pod as the template makes it, without the labels that differ from replica to replica.
    pub pod: PodFacts,
    /// TCP ports that its containers declare, and those that the arguments of Thanos name.
    pub ports: Vec<PortFacts>,
}

/// The Thanos sidecar container of a Prometheus pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SidecarFacts {
    /// The StoreAPI port as declared by the container (10901 unless it says otherwise).
    pub grpc_port: u16,
    /// `--grpc-address` is a loopback address: not reachable from other pods.
    pub listen_local: bool,
    /// `--grpc-server-tls-cert` is set.
    pub tls: bool,
}

/// A Prometheus resource (`monitoring.coreos.com/v1`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrometheusFacts {
    /// `metadata.uid`; empty for an object that was never in a cluster.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `spec.replicas` (1 if unset).
    pub replicas: u32,
    /// `spec.shards` (1 if unset).
    pub shards: u32,
    /// `spec.serviceName`: the governing Service, if it is not `prometheus-operated`.
    pub service_name: Option<String>,
    /// The sidecar that `spec.thanos` makes, as `spec.containers` changes it, if there is one.
    pub sidecar: Option<SidecarFacts>,
    /// Named ports that `spec.containers` declares.
    pub container_ports: Vec<PortFacts>,
    /// `spec.shardRetentionPolicy.whenScaled: Retain`: shards beyond `shards` may still run.
    pub retains_shards: bool,
    /// `spec.listenLocal`: only loopback reaches the API.
    pub listen_local: bool,
    /// `spec.web.tlsConfig` is set: the API is served by HTTPS.
    pub web_tls: bool,
    /// `spec.web.tlsConfig.clientAuthType` demands a client certificate.
    pub web_client_cert: bool,
    /// `spec.routePrefix` (`/` if unset).
    pub route_prefix: String,
    /// The label that tells replicas apart: `spec.replicaExternalLabelName`, `prometheus_replica`
    /// if unset, none if set to the empty string.
    pub replica_label: Option<String>,
    /// Whether its series have any external label at all.
    pub has_external_labels: bool,
    /// Whether Prometheus Operator writes its configuration: not where none of the selectors of
    /// monitors, probes and scrape configurations is set.
    pub is_managed: bool,
    /// `spec.serviceMonitorSelector`; `None` selects nothing.
    pub service_monitor_selector: Option<LabelSelector>,
    /// `spec.serviceMonitorNamespaceSelector`; `None` is its own namespace.
    pub service_monitor_namespace_selector: Option<LabelSelector>,
    /// `spec.arbitraryFSAccessThroughSMs.deny`: ServiceMonitors that name files are rejected.
    pub denies_files: bool,
    /// `spec.ignoreNamespaceSelectors`: ServiceMonitors select in their own namespace only.
    pub ignores_namespace_selectors: bool,
    /// Names of `spec.scrapeClasses`.
    pub scrape_classes: Vec<String>,
    /// `spec.ruleSelector`; `None` selects nothing.
    pub rule_selector: Option<LabelSelector>,
    /// `spec.ruleNamespaceSelector`; `None` is its own namespace.
    pub rule_namespace_selector: Option<LabelSelector>,
    /// `spec.serviceAccountName` (`default` if unset).
    pub service_account: String,
    /// `spec.serviceDiscoveryRole: EndpointSlice`; it finds targets by Endpoints otherwise.
    pub endpoint_slices: bool,
    /// `spec.portName`: the name of the container port of the API (`web` if unset).
    pub port_name: String,
    /// `spec.podMetadata.labels`, which Prometheus Operator puts on the pods besides its own.
    pub pod_labels: Labels,
}

/// A PrometheusAgent resource (`monitoring.coreos.com/v1alpha1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrometheusAgentFacts {
    /// `spec.replicas` (1 if unset).
    pub replicas: u32,
    /// `spec.shards` (1 if unset).
    pub shards: u32,
    /// `spec.mode: DaemonSet`: a pod on each node. It has a StatefulSet for each shard otherwise.
    pub daemon_set: bool,
    /// `spec.podMetadata.labels`, which Prometheus Operator puts on the pods besides its own.
    pub pod_labels: Labels,
}
