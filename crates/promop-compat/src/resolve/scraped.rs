//! Prometheuses that scrape a selected ServiceMonitor, and thus store its series. No IO.

use super::model::ClusterFacts;
use super::replicas::Replicas;
use super::report::{Findings, Reason, Subject};
use crate::model::{PrometheusFacts, ServiceMonitorFacts};
use crate::scrapers::{Nearest, Scraper};
use kube_facts::Key;
use kube_facts::namespaces::{Membership, Namespaces};

/// Prometheuses that may scrape.
pub(super) struct Scrapers<'a> {
    /// `None` if the CRD is not readable.
    all: Option<Vec<Source<'a>>>,
    namespaces: Namespaces<'a>,
}

/// Prometheus that may scrape, and its replicas by index.
struct Source<'a> {
    scraper: Scraper<'a>,
    facts: &'a PrometheusFacts,
    replicas: Vec<usize>,
}

/// Whether, and in which namespaces, a ServiceMonitor selects applications.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Applications {
    /// In its own namespace.
    here: bool,
    /// In other namespaces.
    elsewhere: bool,
}

impl Applications {
    /// Adds Services that the ServiceMonitor `key` selects.
    pub(super) fn add<'k>(&mut self, key: &Key, services: impl IntoIterator<Item = &'k Key>) {
        for service in services {
            match service.namespace == key.namespace {
                true => self.here = true,
                false => self.elsewhere = true,
            }
        }
    }

    pub(super) fn any(self) -> bool {
        self.here || self.elsewhere
    }
}

impl<'a> Scrapers<'a> {
    pub(super) fn of(world: &ClusterFacts<'a>, replicas: &Replicas<'_>) -> Self {
        let source = |(key, facts)| Source {
            scraper: Scraper::new(key, facts),
            facts,
            replicas: replicas.of_prometheus(key).collect(),
        };
        Self {
            all: world
                .prometheuses
                .map(|all| all.iter().map(source).collect()),
            namespaces: world.namespaces,
        }
    }

    /// A Prometheus that selects the ServiceMonitor `key` and ignores its namespace selector, if
    /// every Prometheus that selects it does.
    pub(super) fn ignoring_namespaces(
        &self,
        key: &Key,
        monitor: &ServiceMonitorFacts,
    ) -> Option<&'a Key> {
        let place = self.namespaces.place(&key.namespace);
        let mut ignoring = None;
        for source in self.all.iter().flatten() {
            if source.scraper.scrapes(&place, &monitor.labels) == Membership::Out {
                continue;
            }
            if !source.facts.ignores_namespace_selectors {
                return None;
            }
            ignoring.get_or_insert(source.scraper.key);
        }
        ignoring
    }

    /// Visits, by index, the replicas of every Prometheus that scrapes `applications` by `monitor`.
    /// If there are none, a finding in `skipped` has the reason. A Prometheus that selects the
    /// ServiceMonitor but does not scrape all of it, while others do, is added to `notes`.
    pub(super) fn of_monitor(
        &self,
        key: &Key,
        monitor: &ServiceMonitorFacts,
        applications: Applications,
        skipped: &mut Findings,
        notes: &mut Findings,
        visit: &mut impl FnMut(usize),
    ) {
        let subject = || Subject::ServiceMonitor(key.clone());
        let Some(all) = &self.all else {
            skipped.add(Reason::PrometheusUnreadable, subject(), || {
                "it selects an application, and Prometheus resources are not readable; install their CRD or grant permission to read them"
                    .to_owned()
            });
            return;
        };
        let place = self.namespaces.place(&key.namespace);
        let (mut scraped, mut unknown) = (false, false);
        let (mut rejected, mut narrowed) = (None, None);
        for Source {
            scraper,
            facts,
            replicas,
        } in all
        {
            match scraper.scrapes(&place, &monitor.labels) {
                Membership::In => {
                    if let Some(why) = rejection(scraper.key, facts, monitor) {
                        rejected.get_or_insert(why);
                    } else {
                        let is_narrowed =
                            facts.ignores_namespace_selectors && applications.elsewhere;
                        if is_narrowed {
                            narrowed.get_or_insert((scraper.key, applications.here));
                        }
                        if applications.here || !is_narrowed {
                            scraped = true;
                            replicas.iter().copied().for_each(&mut *visit);
                        }
                    }
                }
                Membership::Out => {}
                Membership::Unevaluable => {
                    unknown = true;
                    report_unevaluable(scraper, skipped);
                }
            }
            report_invalid(scraper, skipped);
        }
        if !scraped && !unknown && rejected.is_none() && narrowed.is_none() {
            skipped.add(Reason::NotScraped, subject(), || {
                let scrapers = all.iter().map(|source| &source.scraper);
                not_scraped(Nearest::of(scrapers, &place, &monitor.labels), key)
            });
        }
        let findings = if scraped { notes } else { skipped };
        if let Some(why) = rejected {
            findings.add(Reason::ServiceMonitorRejected, subject(), || why);
        }
        if let Some((prometheus, here)) = narrowed {
            findings.add(Reason::NamespaceSelectorIgnored, subject(), || {
                ignored(prometheus, key, here)
            });
        }
    }
}

/// Reason why Prometheus Operator rejects a ServiceMonitor for a Prometheus that selects it.
fn rejection(
    prometheus: &Key,
    facts: &PrometheusFacts,
    monitor: &ServiceMonitorFacts,
) -> Option<String> {
    if let Some(field) = monitor.file_field.as_ref().filter(|_| facts.denies_files) {
        return Some(format!(
            "Prometheus Operator rejects it for Prometheus {prometheus}, whose \
             spec.arbitraryFSAccessThroughSMs.deny forbids {field}; refer to a Secret or ConfigMap \
             instead, as in authorization.credentials or tlsConfig.ca"
        ));
    }
    let class = monitor.scrape_class.as_ref()?;
    (!facts.scrape_classes.contains(class)).then(|| {
        format!(
            "Prometheus Operator rejects it for Prometheus {prometheus}, whose spec.scrapeClasses \
             has no {class}, the spec.scrapeClass of the ServiceMonitor; add the class, or correct \
             spec.scrapeClass"
        )
    })
}

/// Message about a Prometheus that ignores the namespace selector of the ServiceMonitor `key`.
fn ignored(prometheus: &Key, key: &Key, here: bool) -> String {
    let left = match here {
        true => "scrapes it only in",
        false => "finds no selected Service in",
    };
    format!(
        "spec.namespaceSelector is ignored by Prometheus {prometheus} \
         (spec.ignoreNamespaceSelectors), which {left} namespace {}; create a ServiceMonitor in \
         the namespace of each Service",
        key.namespace
    )
}

fn report_invalid(scraper: &Scraper<'_>, findings: &mut Findings) {
    if let Some(error) = &scraper.invalid {
        let subject = Subject::Prometheus(scraper.key.clone());
        findings.add(Reason::InvalidSelector, subject, || {
            format!("{error}; Prometheus Operator rejects it as well")
        });
    }
}

fn report_unevaluable(scraper: &Scraper<'_>, findings: &mut Findings) {
    let subject = Subject::Prometheus(scraper.key.clone());
    findings.add(Reason::UnevaluableNamespaceSelector, subject, || {
        "it is unknown whether it scrapes the selected ServiceMonitors, because the controller has no permission to list namespaces; grant the permission, or select a \
         ServiceMonitor that targets this Prometheus"
            .to_owned()
    });
}

/// Message about a ServiceMonitor `key` that no Prometheus scrapes.
fn not_scraped(nearest: Option<Nearest>, key: &Key) -> String {
    let Some(nearest) = nearest else {
        return "it selects an application, and no Prometheus selects any ServiceMonitor; create a \
                Prometheus, or set its spec.serviceMonitorSelector"
            .to_owned();
    };
    let mut remedies = Vec::new();
    if !nearest.missing.is_empty() {
        remedies.push(format!("add the labels {}", nearest.missing.join(", ")));
    }
    remedies.extend(nearest.excluded.iter().map(|label| match label.any_value {
        true => format!("remove the label {label}"),
        false => format!("remove or change the label {label}"),
    }));
    if !nearest.selects_namespace {
        remedies.push(format!(
            "extend spec.serviceMonitorNamespaceSelector of the Prometheus to the namespace {}",
            key.namespace
        ));
    }
    format!(
        "no Prometheus scrapes the selected application; closest: Prometheus {}; {}",
        nearest.prometheus,
        remedies.join(" and "),
    )
}
