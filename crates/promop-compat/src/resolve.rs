//! From ServiceMonitors to StoreAPI endpoints, with the chain that led there. Pure.
//!
//! A selected ServiceMonitor leads to data in one of two ways. If it points at a Prometheus (or at
//! a Service that serves the StoreAPI itself), the data is there. If it points at an application,
//! the data is in every Prometheus that scrapes by it. One that points at both leads both ways, and
//! one that selects no Service leads nowhere. Each Prometheus replica is one endpoint, however many
//! ServiceMonitors and Services lead to it.

mod backends;
mod candidates;
mod is_affected_by;
mod outcome;
mod replicas;
mod report;
mod scraped;
mod search;
mod select;
mod unselected;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    BackendFacts, PodFacts, PrometheusAgentFacts, PrometheusFacts, ServiceFacts,
    ServiceMonitorFacts, StatefulSetFacts,
};
use crate::{nearest, selection};
use kube_facts::Key;
use kube_facts::namespaces::Namespaces;

pub use crate::nearest::Candidate;
pub use crate::selection::Selection;
pub use backends::{Backing, backing};
pub use candidates::{external_address, no_pods, unserved};
pub use is_affected_by::{
    affects_backends, affects_namespaces, affects_pods, affects_services, affects_stateful_sets,
    is_affected_by,
};
pub use report::{Finding, Reason, Subject};

use candidates::Candidates;
use replicas::Replicas;
use scraped::Scrapers;
use search::Search;

/// How an endpoint's data is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// The Thanos sidecar in the Prometheus pod.
    Sidecar,
    /// A bridge: a sidecar in a pod of its own, for a Prometheus that has none.
    Bridge,
    /// A selected Service that exposes a StoreAPI port itself.
    Service,
}

/// The chain from a ServiceMonitor to an endpoint. One chain is named, the others are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chain {
    /// The first (by namespace and name) ServiceMonitor that points here, or else the first that
    /// is scraped from here.
    pub service_monitor: Key,
    /// The Service it selects; `None` if the chain goes by the Prometheus that scrapes it.
    pub service: Option<Key>,
    /// The Prometheus resource, if one is behind it.
    pub prometheus: Option<Key>,
    /// How many other selected ServiceMonitors lead to the same endpoint.
    pub others: usize,
}

/// One StoreAPI endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address as Thanos takes it (`dns+host:port`, `dnssrv+_port._tcp.host`), empty for a
    /// bridge, whose address depends on the workload that serves it.
    pub address: String,
    /// How the data is reached.
    pub via: Via,
    /// Why it is here.
    pub chain: Chain,
    /// The pod behind it (Sidecar and Bridge). It may be absent for a moment, while it restarts.
    pub pod: Option<Key>,
    /// What a bridge needs to know.
    pub bridge: Option<BridgeTarget>,
}

/// The Prometheus API of one replica, as a bridge reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeTarget {
    /// `<scheme>://<pod DNS name>:<port><route prefix>`.
    pub url: String,
    /// The API is served by HTTPS, with a certificate that may not be for this name.
    pub tls: bool,
}

/// The related objects, as far as they may be read.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// All ServiceMonitors.
    pub service_monitors: &'a BTreeMap<Key, ServiceMonitorFacts>,
    /// All Services.
    pub services: &'a BTreeMap<Key, ServiceFacts>,
    /// The pods that Prometheus Operator manages.
    pub pods: &'a BTreeMap<Key, PodFacts>,
    /// All pods, as Services see them.
    pub backends: &'a BTreeMap<Key, BackendFacts>,
    /// All StatefulSets; empty where they may not be read.
    pub stateful_sets: &'a BTreeMap<Key, StatefulSetFacts>,
    /// All Prometheus resources; `None` if the kind is absent or may not be read.
    pub prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
    /// All PrometheusAgent resources; `None` if the kind is absent or may not be read.
    pub prometheus_agents: Option<&'a BTreeMap<Key, PrometheusAgentFacts>>,
    /// The namespaces.
    pub namespaces: Namespaces<'a>,
    /// The label key that marks Services of our own components. They join queriers by another
    /// path; found through ServiceMonitors, a querier would query itself.
    pub own_label: &'a str,
    /// The label, key and value, by which a Service announces a StoreAPI to queriers.
    pub store_label: (&'a str, &'a str),
}

/// What one custom resource asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The namespace of the custom resource.
    pub namespace: &'a str,
    /// Which ServiceMonitors it selects: the union of these.
    pub selections: &'a [Selection],
    /// What becomes of a Prometheus without a sidecar.
    pub without_sidecar: WithoutSidecar,
}

/// What becomes of a Prometheus without a sidecar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutSidecar {
    /// It gets a bridge.
    #[default]
    Bridge,
    /// It is only reported.
    Report,
}

/// What a request resolves to. Equal worlds and requests give equal resolutions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The endpoints: first those of pods, then those of Services, by namespace and name.
    pub endpoints: Vec<Endpoint>,
    /// What was selected and gives no endpoint, once per reason and subject.
    pub skipped: Vec<Finding>,
    /// What is worth knowing about endpoints that are listed all the same.
    pub notes: Vec<Finding>,
    /// The number of ServiceMonitors selected.
    pub selected: usize,
    /// The Prometheus resources reached, also those that give no endpoint.
    pub prometheuses: BTreeSet<Key>,
    /// The labels by which the reached Prometheuses tell their replicas apart.
    pub replica_labels: BTreeSet<String>,
    /// If no ServiceMonitor is selected, those that come nearest: at most three.
    pub nearest: Vec<Candidate>,
}

/// Resolves what `request` selects in `world`.
#[must_use]
pub fn resolve(world: &World<'_>, request: &Request<'_>) -> Resolution {
    let mut findings = report::Findings::default();
    let selections = select::usable(world, request, &mut findings);
    let (monitors, namespaces) = (world.service_monitors, &world.namespaces);
    let selected = selection::union(monitors, namespaces, request.namespace, &selections);
    if selected.is_empty() {
        return Resolution {
            nearest: nearest::find(monitors, namespaces, request.namespace, &selections),
            skipped: findings.into_sorted(),
            ..Resolution::default()
        };
    }

    let replicas = Replicas::of(world);
    let candidates = Candidates::of(world, &replicas);
    let scrapers = Scrapers::of(world, &replicas);
    let mut search = Search::new(world, &replicas, &candidates, &scrapers, findings);
    for (key, monitor) in &selected {
        search.follow(key, monitor);
    }
    Resolution {
        selected: selected.len(),
        ..search.conclude(request.without_sidecar)
    }
}

#[cfg(test)]
mod tests;
