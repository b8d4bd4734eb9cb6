//! One resolution under way: follows ServiceMonitors, and remembers what they lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::{Candidates, LeadsTo, Service, StoreApi};
use super::outcome::{self, Outcome};
use super::replicas::Replicas;
use super::report::{Findings, Reason, Subject};
use super::scraped::Scrapers;
use super::{Chain, Endpoint, Resolution, Via, WithoutSidecar};
use crate::model::{Key, ServiceMonitorFacts, TargetNamespaces};
use crate::selector;

pub(super) struct Search<'a> {
    replicas: &'a Replicas<'a>,
    candidates: &'a Candidates<'a>,
    scrapers: &'a Scrapers<'a>,
    /// The replicas that are reached, by index.
    pods: BTreeMap<usize, Chains<'a>>,
    /// The StoreAPI Services that are reached.
    services: BTreeMap<&'a Key, (Chains<'a>, &'a StoreApi)>,
    skipped: Findings,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        replicas: &'a Replicas<'a>,
        candidates: &'a Candidates<'a>,
        scrapers: &'a Scrapers<'a>,
        skipped: Findings,
    ) -> Self {
        Self {
            replicas,
            candidates,
            scrapers,
            pods: BTreeMap::new(),
            services: BTreeMap::new(),
            skipped,
        }
    }

    /// Follows one ServiceMonitor. They must come in order, so that the least chain is named.
    pub(super) fn follow(&mut self, key: &'a Key, monitor: &'a ServiceMonitorFacts) {
        if let Err(error) = selector::validate(&monitor.selector) {
            let subject = Subject::ServiceMonitor(key.clone());
            self.skipped.add(Reason::InvalidSelector, subject, || {
                format!("spec.selector.{error}; Prometheus Operator refuses it as well")
            });
            return;
        }
        if !self.points_at_data(key, monitor) {
            self.scrapers
                .of_monitor(key, monitor, &mut self.skipped, &mut |replica| {
                    self.pods.entry(replica).or_default().add(key, None);
                });
        }
    }

    /// Follows a ServiceMonitor through the Services it selects. Returns whether a Prometheus or a
    /// StoreAPI is behind any of them.
    fn points_at_data(&mut self, key: &'a Key, monitor: &ServiceMonitorFacts) -> bool {
        let mut found = false;
        for service in self.services_of(key, monitor) {
            if !selector::matches(&monitor.selector, service.labels) {
                continue;
            }
            match &service.leads_to {
                LeadsTo::Pods(pods) => {
                    for pod in pods {
                        if let Some(finding) = self.replicas.agent(*pod) {
                            self.skipped.insert(finding);
                            continue;
                        }
                        found = true;
                        self.pods
                            .entry(*pod)
                            .or_default()
                            .add(key, Some(service.key));
                    }
                }
                LeadsTo::StoreApi(api) => {
                    found = true;
                    let reached = self.services.entry(service.key);
                    let (chains, _) = reached.or_insert_with(|| (Chains::default(), api));
                    chains.add(key, Some(service.key));
                }
                LeadsTo::Nothing(finding) => self.skipped.insert(finding.clone()),
            }
        }
        found
    }

    /// The Services in the namespaces of a ServiceMonitor, by key.
    fn services_of(
        &self,
        key: &Key,
        monitor: &ServiceMonitorFacts,
    ) -> impl Iterator<Item = &'a Service<'a>> + use<'a> {
        let candidates = self.candidates;
        let parts = match &monitor.namespaces {
            TargetNamespaces::Own => vec![candidates.within(&key.namespace)],
            TargetNamespaces::Any => vec![candidates.all()],
            TargetNamespaces::Names(names) => {
                let names: BTreeSet<&String> = names.iter().collect();
                names
                    .into_iter()
                    .map(|name| candidates.within(name))
                    .collect()
            }
        };
        parts.into_iter().flatten()
    }

    /// What all that was reached comes to.
    pub(super) fn conclude(mut self, without_sidecar: WithoutSidecar) -> Resolution {
        let mut resolution = Resolution::default();
        let mut notes = Findings::default();
        for (replica, chains) in &self.pods {
            let replica = self.replicas.get(*replica);
            let resource = replica.owner.resource();
            if let Some((key, facts)) = resource {
                resolution.prometheuses.insert(key.clone());
                resolution
                    .replica_labels
                    .extend(facts.replica_label.clone());
            }
            match outcome::of(replica, without_sidecar) {
                Outcome::Endpoint {
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
                Outcome::Skipped(finding) => self.skipped.insert(finding),
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
                notes.insert(outcome::not_headless(key));
            }
        }
        resolution.skipped = self.skipped.into_sorted();
        resolution.notes = notes.into_sorted();
        resolution
    }
}

/// The chains to one endpoint.
#[derive(Default)]
struct Chains<'a> {
    /// The one to name: a ServiceMonitor and, unless it goes by a scraper, a Service.
    named: Option<(&'a Key, Option<&'a Key>)>,
    last: Option<&'a Key>,
    /// The number of ServiceMonitors.
    monitors: usize,
}

impl<'a> Chains<'a> {
    fn add(&mut self, monitor: &'a Key, service: Option<&'a Key>) {
        // A ServiceMonitor that points here explains more than one that is scraped from here. Of
        // equals the least stays, since they come in order.
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
