//! Input and result of a resolution.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Finding;
use crate::model::{
    BackendFacts, PodFacts, PrometheusAgentFacts, PrometheusFacts, ServiceFacts,
    ServiceMonitorFacts, StatefulSetFacts,
};
use crate::nearest::Candidate;
use crate::selection::Selection;
use kube_facts::Key;
use kube_facts::namespaces::Namespaces;

/// Transport to the data of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// The Thanos sidecar in the Prometheus pod.
    Sidecar,
    /// A bridge: a sidecar in a separate pod, for a Prometheus without one.
    Bridge,
    /// A selected Service that exposes a StoreAPI port.
    Service,
}

/// Chain from a ServiceMonitor to an endpoint. One chain is listed, the others are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chain {
    /// First ServiceMonitor (by namespace and name) that targets the endpoint, otherwise the first
    /// that it scrapes.
    pub service_monitor: Key,
    /// Selected Service; `None` if the endpoint is a Prometheus that scrapes the ServiceMonitor.
    pub service: Option<Key>,
    /// Prometheus resource of the endpoint, if any.
    pub prometheus: Option<Key>,
    /// Number of other selected ServiceMonitors that resolve to the same endpoint.
    pub others: usize,
}

/// StoreAPI endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address in the syntax of Thanos (`dns+host:port`, `dnssrv+_port._tcp.host`); empty for a
    /// bridge, whose address depends on its workload.
    pub address: String,
    /// Transport to the data.
    pub via: Via,
    /// Origin of the endpoint.
    pub chain: Chain,
    /// Pod of the endpoint (Sidecar and Bridge). It may be temporarily absent during a restart.
    pub pod: Option<Key>,
    /// Target of the bridge.
    pub bridge: Option<BridgeTarget>,
}

/// Prometheus API of one replica, as the target of a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeTarget {
    /// `<scheme>://<pod DNS name>:<port><route prefix>`.
    pub url: String,
    /// Whether the API uses HTTPS, with a certificate that may not be valid for this name.
    pub tls: bool,
}

/// Related objects, as far as they are readable.
#[derive(Clone, Copy, Debug)]
pub struct ClusterFacts<'a> {
    /// All ServiceMonitors.
    pub service_monitors: &'a BTreeMap<Key, ServiceMonitorFacts>,
    /// All Services.
    pub services: &'a BTreeMap<Key, ServiceFacts>,
    /// Pods managed by Prometheus Operator.
    pub pods: &'a BTreeMap<Key, PodFacts>,
    /// All pods, as seen by Services.
    pub backends: &'a BTreeMap<Key, BackendFacts>,
    /// All StatefulSets; empty if not readable.
    pub stateful_sets: &'a BTreeMap<Key, StatefulSetFacts>,
    /// All Prometheuses; `None` if the CRD is absent or not readable.
    pub prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
    /// All PrometheusAgents; `None` if the CRD is absent or not readable.
    pub prometheus_agents: Option<&'a BTreeMap<Key, PrometheusAgentFacts>>,
    /// Namespaces.
    pub namespaces: Namespaces<'a>,
    /// Label key of Services of Thanos controllers. Queriers discover them by labels; discovered
    /// through ServiceMonitors, a querier would query itself.
    pub own_label: &'a str,
    /// Label key and value by which a Service announces a StoreAPI.
    pub store_label: (&'a str, &'a str),
}

/// Paths of the fields of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorFields {
    /// The label selector.
    pub selector: &'static str,
    /// The namespace selector.
    pub namespaces: &'static str,
}

impl Default for SelectorFields {
    fn default() -> Self {
        Self {
            selector: "selector",
            namespaces: "namespaceSelector",
        }
    }
}

/// Discovery request of one custom resource.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Namespace of the custom resource.
    pub namespace: &'a str,
    /// Selected ServiceMonitors: the union of these selections.
    pub selections: &'a [Selection],
    /// Paths of the fields with these selections, for messages.
    pub fields: &'a [SelectorFields],
    /// Handling of a Prometheus without a sidecar.
    pub without_sidecar: WithoutSidecar,
}

/// Handling of a Prometheus without a sidecar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutSidecar {
    /// Run a bridge.
    #[default]
    Bridge,
    /// Report it only.
    Report,
}

/// Result of a resolution. Equal inputs give equal results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Endpoints: first those of pods, then those of Services, by namespace and name.
    pub endpoints: Vec<Endpoint>,
    /// Selected objects that provide no endpoint, once per reason and subject.
    pub skipped: Vec<Finding>,
    /// Notes on listed endpoints.
    pub notes: Vec<Finding>,
    /// Number of selected ServiceMonitors.
    pub selected: usize,
    /// Resolved Prometheus resources, including those that provide no endpoint.
    pub prometheuses: BTreeSet<Key>,
    /// Replica labels of the resolved Prometheuses.
    pub replica_labels: BTreeSet<String>,
    /// Up to three nearest ServiceMonitors, if none is selected.
    pub nearest: Vec<Candidate>,
}
