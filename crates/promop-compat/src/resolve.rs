//! From ServiceMonitors to StoreAPI endpoints, with the chain that led there. Pure.
//!
//! A selected ServiceMonitor leads to data in one of two ways. If it points at a Prometheus (or at
//! a Service that serves the StoreAPI itself), the data is there. If it points at anything else,
//! the data is in every Prometheus that scrapes by it. Either way each Prometheus replica is one
//! endpoint, however many ServiceMonitors and Services lead to it.

mod affects;
mod candidates;
mod nearest;
mod outcome;
mod replicas;
mod report;
mod scraped;
mod select;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::{
    Key, PodFacts, PrometheusFacts, ServiceFacts, ServiceMonitorFacts, TargetNamespaces,
};
use crate::namespaces::{NamespaceScope, Namespaces};
use crate::selector;

pub use affects::{affects, affects_namespaces, affects_pods, affects_services};
pub use nearest::Candidate;
pub use report::{Finding, Reason, Subject};

use candidates::Candidates;
use outcome::{Outcome, service_endpoint};
use replicas::Replicas;

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
    /// The first (by namespace and name) ServiceMonitor that leads here.
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
    /// All Prometheus resources; `None` if the kind is absent or may not be read.
    pub prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
    /// The namespaces.
    pub namespaces: Namespaces<'a>,
    /// The label key that marks Services of our own components. They join queriers by another
    /// path; found through ServiceMonitors, a querier would query itself.
    pub own_label: &'a str,
}

/// What one custom resource asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The namespace of the custom resource.
    pub namespace: &'a str,
    /// What it selects: the union of these.
    pub selections: &'a [Selection],
    /// What becomes of a Prometheus without a sidecar.
    pub without_sidecar: WithoutSidecar,
}

/// A selection of ServiceMonitors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The labels of ServiceMonitors; empty for all of them.
    pub selector: LabelSelector,
    /// The namespaces of ServiceMonitors.
    pub scope: NamespaceScope,
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
    let selected = select::service_monitors(world, request.namespace, &selections);
    if selected.is_empty() {
        return Resolution {
            nearest: nearest::find(world, request.namespace, &selections),
            skipped: findings.into_sorted(),
            ..Resolution::default()
        };
    }

    let replicas = Replicas::of(world);
    let candidates = Candidates::of(world, &replicas);
    let scrapers = scraped::Scrapers::of(world, &replicas);
    let mut reached = Reached::default();
    for (key, monitor) in &selected {
        let (key, monitor) = (*key, *monitor);
        if let Err(error) = selector::validate(&monitor.selector) {
            findings.add(
                Reason::InvalidSelector,
                Subject::ServiceMonitor(key.clone()),
                || format!("spec.selector.{error}; Prometheus Operator refuses it as well"),
            );
            continue;
        }
        if !points_at_data(
            key,
            monitor,
            &replicas,
            &candidates,
            &mut reached,
            &mut findings,
        ) {
            scrapers.of_monitor(key, monitor, &mut findings, &mut |i| {
                reached.pods.entry(i).or_default().add(key, None);
            });
        }
    }
    conclude(
        world,
        request,
        &replicas,
        &candidates,
        &reached,
        findings,
        selected.len(),
    )
}

/// Follows a ServiceMonitor through the Services it selects. Returns whether a Prometheus or a
/// StoreAPI is behind any of them.
fn points_at_data<'a>(
    key: &'a Key,
    monitor: &ServiceMonitorFacts,
    replicas: &Replicas<'_>,
    candidates: &'a Candidates<'a>,
    reached: &mut Reached<'a>,
    findings: &mut report::Findings,
) -> bool {
    let mut found = false;
    let mut follow = |i: usize, service: &'a candidates::Service<'a>| {
        if !selector::matches(&monitor.selector, service.labels) {
            return;
        }
        match &service.leads_to {
            candidates::LeadsTo::Pods(pods) => {
                for pod in pods {
                    match replicas.agent(*pod) {
                        Some(finding) => findings.insert(finding),
                        None => {
                            found = true;
                            reached
                                .pods
                                .entry(*pod)
                                .or_default()
                                .add(key, Some(service.key));
                        }
                    }
                }
            }
            candidates::LeadsTo::StoreApi(_) => {
                found = true;
                reached
                    .services
                    .entry(i)
                    .or_default()
                    .add(key, Some(service.key));
            }
            candidates::LeadsTo::Nothing(finding) => findings.insert(finding.clone()),
        }
    };
    match &monitor.namespaces {
        TargetNamespaces::Own => candidates.within(&key.namespace, &mut follow),
        TargetNamespaces::Any => candidates.all(&mut follow),
        TargetNamespaces::Names(names) => {
            for name in names.iter().collect::<BTreeSet<_>>() {
                candidates.within(name, &mut follow);
            }
        }
    }
    found
}

/// Which pods and Services are reached, by their index, and by which chains.
#[derive(Default)]
struct Reached<'a> {
    pods: BTreeMap<usize, Chains<'a>>,
    services: BTreeMap<usize, Chains<'a>>,
}

/// The chains to one endpoint. ServiceMonitors come in order, so the first is the least.
#[derive(Default)]
struct Chains<'a> {
    first: Option<(&'a Key, Option<&'a Key>)>,
    last: Option<&'a Key>,
    monitors: usize,
}

impl<'a> Chains<'a> {
    fn add(&mut self, monitor: &'a Key, service: Option<&'a Key>) {
        self.first.get_or_insert((monitor, service));
        if self.last.replace(monitor) != Some(monitor) {
            self.monitors += 1;
        }
    }

    fn chain(&self, prometheus: Option<&Key>) -> Chain {
        let (monitor, service) = self.first.unzip();
        Chain {
            service_monitor: monitor.cloned().unwrap_or_default(),
            service: service.flatten().cloned(),
            prometheus: prometheus.cloned(),
            others: self.monitors.saturating_sub(1),
        }
    }
}

/// Decides what each reached pod and Service gives.
fn conclude(
    world: &World<'_>,
    request: &Request<'_>,
    replicas: &Replicas<'_>,
    candidates: &Candidates<'_>,
    reached: &Reached<'_>,
    mut findings: report::Findings,
    selected: usize,
) -> Resolution {
    let mut resolution = Resolution {
        selected,
        ..Resolution::default()
    };
    let mut notes = report::Findings::default();
    for (i, chains) in &reached.pods {
        let replica = replicas.get(*i);
        let prometheus = replica.owner.resource();
        if let Some((key, facts)) = prometheus {
            resolution.prometheuses.insert(key.clone());
            resolution
                .replica_labels
                .extend(facts.replica_label.clone());
        }
        match outcome::of(replica, request.without_sidecar) {
            Outcome::Endpoint {
                address,
                bridge,
                note,
            } => {
                resolution.endpoints.push(Endpoint {
                    via: if bridge.is_some() {
                        Via::Bridge
                    } else {
                        Via::Sidecar
                    },
                    address,
                    chain: chains.chain(prometheus.map(|(key, _)| key)),
                    pod: Some(replica.pod.clone().into_owned()),
                    bridge,
                });
                note.into_iter().for_each(|note| notes.insert(note));
            }
            Outcome::Skipped(finding) => findings.insert(finding),
        }
    }
    for (i, chains) in &reached.services {
        let Some((service, address)) = candidates.store_api(*i) else {
            continue;
        };
        let (endpoint, note) = service_endpoint(world, service, address, chains.chain(None));
        resolution.endpoints.push(endpoint);
        note.into_iter().for_each(|note| notes.insert(note));
    }
    resolution.skipped = findings.into_sorted();
    resolution.notes = notes.into_sorted();
    resolution
}

#[cfg(test)]
#[path = "resolve/tests.rs"]
mod tests;
