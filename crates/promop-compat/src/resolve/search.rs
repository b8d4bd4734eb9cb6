//! Resolution in progress: resolves ServiceMonitors and collects the results. No IO.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::{Application, Candidates, LeadsTo, Service, StoreApi};
use super::model::{Chain, ClusterFacts, Endpoint, Resolution, Via, WithoutSidecar};
use super::replica_resolution::{self, ReplicaResolution};
use super::replicas::Replicas;
use super::report::{Findings, Reason, Subject};
use super::scraped::{Applications, Scrapers};
use super::unselected;
use crate::model::{ServiceMonitorFacts, TargetNamespaces};
use kube_facts::Key;
use kube_facts::selector;

/// Maximum number of ServiceMonitors without Services for which the nearest Service is computed.
/// The status lists fewer.
const NEAREST_MAX: usize = 20;

pub(super) struct Search<'a> {
    world: &'a ClusterFacts<'a>,
    replicas: &'a Replicas<'a>,
    candidates: &'a Candidates<'a>,
    scrapers: &'a Scrapers<'a>,
    /// Resolved replicas, by index.
    pods: BTreeMap<usize, Chains<'a>>,
    /// Resolved StoreAPI Services.
    services: BTreeMap<&'a Key, (Chains<'a>, &'a StoreApi)>,
    skipped: Findings,
    notes: Findings,
    /// Number of ServiceMonitors that select no Service.
    unselected: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        world: &'a ClusterFacts<'a>,
        replicas: &'a Replicas<'a>,
        candidates: &'a Candidates<'a>,
        scrapers: &'a Scrapers<'a>,
        skipped: Findings,
    ) -> Self {
        Self {
            world,
            replicas,
            candidates,
            scrapers,
            pods: BTreeMap::new(),
            services: BTreeMap::new(),
            skipped,
            notes: Findings::default(),
            unselected: 0,
        }
    }

    /// Resolves one ServiceMonitor. They must be passed in order, so that the first chain is
    /// listed.
    pub(super) fn follow(&mut self, key: &'a Key, monitor: &'a ServiceMonitorFacts) {
        if let Err(error) = selector::validate(&monitor.selector) {
            let subject = Subject::ServiceMonitor(key.clone());
            self.skipped.add(Reason::InvalidSelector, subject, || {
                format!("spec.selector.{error}; Prometheus Operator rejects it as well")
            });
            return;
        }
        let (selects_any, mut applications) = self.through_services(key, monitor);
        applications.add(key, self.applications_of(key, monitor));
        if applications.any() {
            let (skipped, notes) = (&mut self.skipped, &mut self.notes);
            let pods = &mut self.pods;
            self.scrapers
                .of_monitor(key, monitor, applications, skipped, notes, &mut |replica| {
                    pods.entry(replica).or_default().add(key, None);
                });
        } else if !selects_any {
            let near = self.unselected < NEAREST_MAX;
            self.unselected += 1;
            let subject = Subject::ServiceMonitor(key.clone());
            self.skipped.add(Reason::SelectsNoService, subject, || {
                let ignored_by = self.scrapers.ignoring_namespaces(key, monitor);
                unselected::explain(self.world, key, monitor, near, ignored_by)
            });
        }
    }

    /// Resolves a ServiceMonitor through the selected Services that are not plain applications.
    /// Returns whether there are any, and which of them are applications after all.
    fn through_services(
        &mut self,
        key: &'a Key,
        monitor: &ServiceMonitorFacts,
    ) -> (bool, Applications) {
        let (mut any, mut applications) = (false, Applications::default());
        for service in self.services_of(key, monitor) {
            if !selector::matches(&monitor.selector, service.labels()) {
                continue;
            }
            any = true;
            match service.leads_to(self.world) {
                LeadsTo::Pods(pods) => {
                    for pod in pods {
                        if let Some(finding) = self.replicas.agent(*pod) {
                            self.skipped.insert(finding);
                            continue;
                        }
                        self.pods
                            .entry(*pod)
                            .or_default()
                            .add(key, Some(service.key));
                    }
                }
                LeadsTo::StoreApi(api) => {
                    let reached = self.services.entry(service.key);
                    let (chains, _) = reached.or_insert_with(|| (Chains::default(), api));
                    chains.add(key, Some(service.key));
                }
                LeadsTo::Application => applications.add(key, Some(service.key)),
                LeadsTo::Nothing(finding) => self.skipped.insert(finding.clone()),
            }
        }
        (any, applications)
    }

    /// Services in the namespaces of a ServiceMonitor that are not plain applications, by key.
    fn services_of(
        &self,
        key: &Key,
        monitor: &ServiceMonitorFacts,
    ) -> impl Iterator<Item = &'a Service<'a>> + use<'a> {
        let candidates = self.candidates;
        let parts = match &monitor.namespaces {
            TargetNamespaces::Own => vec![candidates.services_within(&key.namespace)],
            TargetNamespaces::Any => vec![candidates.services()],
            TargetNamespaces::Names(names) => {
                let names: BTreeSet<&String> = names.iter().collect();
                names
                    .into_iter()
                    .map(|name| candidates.services_within(name))
                    .collect()
            }
        };
        parts.into_iter().flatten()
    }

    /// One application that a ServiceMonitor selects in its own namespace, and one in another, if
    /// any.
    fn applications_of(
        &self,
        key: &Key,
        monitor: &ServiceMonitorFacts,
    ) -> impl Iterator<Item = &'a Key> + use<'a> {
        let candidates = self.candidates;
        let selected = |it: &&Application<'_>| selector::matches(&monitor.selector, it.labels);
        let own = || candidates.applications_within(&key.namespace);
        let is_elsewhere = |it: &&Application<'_>| it.key.namespace != key.namespace;
        let (here, elsewhere) = match &monitor.namespaces {
            TargetNamespaces::Own => (own().iter().find(selected), None),
            TargetNamespaces::Any => {
                let mut others = candidates.applications().iter().filter(is_elsewhere);
                (own().iter().find(selected), others.find(selected))
            }
            TargetNamespaces::Names(names) => {
                let (here, others): (Vec<&String>, Vec<&String>) =
                    names.iter().partition(|name| **name == key.namespace);
                let mut others = others
                    .into_iter()
                    .flat_map(|name| candidates.applications_within(name));
                let here = (!here.is_empty()).then(|| own().iter().find(selected));
                (here.flatten(), others.find(selected))
            }
        };
        here.into_iter().chain(elsewhere).map(|it| it.key)
    }

    /// Result of the resolution.
    pub(super) fn conclude(mut self, without_sidecar: WithoutSidecar) -> Resolution {
        let mut resolution = Resolution::default();
        let mut notes = std::mem::take(&mut self.notes);
        for (replica, chains) in &self.pods {
            let replica = self.replicas.get(*replica);
            let resource = replica.owner.resource();
            if let Some((key, facts)) = resource {
                resolution.prometheuses.insert(key.clone());
                resolution
                    .replica_labels
                    .extend(facts.replica_label.clone());
            }
            match replica_resolution::of(replica, without_sidecar) {
                ReplicaResolution::Endpoint {
                    address,
                    bridge,
                    note,
                } => {
                    resolution.endpoints.push(Endpoint {
                        address,
                        via: if bridge.is_some() {
                            Via::Bridge
                        } else {
                            Via::Sidecar
                        },
                        chain: chains.chain(resource.map(|(key, _)| key)),
                        pod: Some(replica.pod.clone().into_owned()),
                        bridge,
                    });
                    note.into_iter().for_each(|note| notes.insert(note));
                }
                ReplicaResolution::Skipped(finding) => self.skipped.insert(finding),
            }
        }
        for (key, (chains, api)) in &self.services {
            resolution.endpoints.push(Endpoint {
                address: api.address.clone(),
                via: Via::Service,
                chain: chains.chain(None),
                pod: None,
                bridge: None,
            });
            if !api.headless {
                notes.insert(replica_resolution::not_headless(key));
            }
        }
        resolution.skipped = self.skipped.into_sorted();
        resolution.notes = notes.into_sorted();
        resolution
    }
}

/// Chains to one endpoint.
#[derive(Default)]
struct Chains<'a> {
    /// Chain to list: a ServiceMonitor and, unless the endpoint is a scraper, a Service.
    named: Option<(&'a Key, Option<&'a Key>)>,
    last: Option<&'a Key>,
    /// Number of ServiceMonitors.
    monitors: usize,
}

impl<'a> Chains<'a> {
    fn add(&mut self, monitor: &'a Key, service: Option<&'a Key>) {
        // A ServiceMonitor that targets the endpoint is preferred over one that it scrapes.
        // Otherwise the first stays, since they are passed in order.
        let explains_more = |(_, named): (_, Option<_>)| named.is_none() && service.is_some();
        if self.named.is_none_or(explains_more) {
            self.named = Some((monitor, service));
        }
        if self.last.replace(monitor) != Some(monitor) {
            self.monitors += 1;
        }
    }

    fn chain(&self, prometheus: Option<&Key>) -> Chain {
        let (monitor, service) = self.named.unzip();
        Chain {
            service_monitor: monitor.cloned().unwrap_or_default(),
            service: service.flatten().cloned(),
            prometheus: prometheus.cloned(),
            others: self.monitors.saturating_sub(1),
        }
    }
}
