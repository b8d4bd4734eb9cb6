//! The Prometheuses that scrape by a selected ServiceMonitor: they hold its series.

use super::World;
use super::replicas::Replicas;
use super::report::{Findings, Reason, Subject};
use crate::model::{Key, ServiceMonitorFacts};
use crate::namespaces::{Membership, Namespaces};
use crate::scrapers::{Nearest, Scraper};

/// The Prometheuses that may scrape.
pub(super) struct Scrapers<'a> {
    /// `None` if the kind cannot be read.
    all: Option<Vec<Source<'a>>>,
    namespaces: Namespaces<'a>,
}

/// A Prometheus that may scrape, and its replicas, by index.
struct Source<'a> {
    scraper: Scraper<'a>,
    replicas: Vec<usize>,
}

impl<'a> Scrapers<'a> {
    pub(super) fn of(world: &World<'a>, replicas: &Replicas<'_>) -> Self {
        let source = |(key, facts)| Source {
            scraper: Scraper::new(key, facts),
            replicas: replicas.of_prometheus(key).collect(),
        };
        Self {
            all: world
                .prometheuses
                .map(|all| all.iter().map(source).collect()),
            namespaces: world.namespaces,
        }
    }

    /// Visits the replicas of every Prometheus that scrapes by `monitor`, by their index. If there
    /// are none, a finding says why.
    pub(super) fn of_monitor(
        &self,
        key: &Key,
        monitor: &ServiceMonitorFacts,
        findings: &mut Findings,
        visit: &mut impl FnMut(usize),
    ) {
        let subject = || Subject::ServiceMonitor(key.clone());
        let Some(all) = &self.all else {
            findings.add(Reason::PrometheusUnreadable, subject(), || {
                "it points at an application, and Prometheus resources cannot be read to tell \
                 which of them scrape it; install their definition or permit reading them"
                    .to_owned()
            });
            return;
        };
        let place = self.namespaces.place(&key.namespace);
        let mut explained = false;
        for Source { scraper, replicas } in all {
            match scraper.scrapes(&place, &monitor.labels) {
                Membership::In => {
                    explained = true;
                    replicas.iter().copied().for_each(&mut *visit);
                }
                Membership::Out => {}
                Membership::Unevaluable => {
                    explained = true;
                    report_unevaluable(scraper, findings);
                }
            }
            report_invalid(scraper, findings);
        }
        if !explained {
            findings.add(Reason::NotScraped, subject(), || {
                let scrapers = all.iter().map(|source| &source.scraper);
                not_scraped(Nearest::of(scrapers, &place, &monitor.labels), key)
            });
        }
    }
}

fn report_invalid(scraper: &Scraper<'_>, findings: &mut Findings) {
    if let Some(error) = &scraper.invalid {
        let subject = Subject::Prometheus(scraper.key.clone());
        findings.add(Reason::InvalidSelector, subject, || {
            format!("{error}; Prometheus Operator refuses it as well")
        });
    }
}

fn report_unevaluable(scraper: &Scraper<'_>, findings: &mut Findings) {
    let subject = Subject::Prometheus(scraper.key.clone());
    findings.add(Reason::UnevaluableNamespaceSelector, subject, || {
        "whether it scrapes the selected ServiceMonitors depends on the labels of namespaces, \
         which this controller may not list; permit listing namespaces, or select a \
         ServiceMonitor that points at this Prometheus itself"
            .to_owned()
    });
}

/// Why nothing scrapes by the ServiceMonitor `key`.
fn not_scraped(nearest: Option<Nearest>, key: &Key) -> String {
    let Some(nearest) = nearest else {
        return "it points at an application, and no Prometheus selects any ServiceMonitor; \
                create one, or set spec.serviceMonitorSelector of one"
            .to_owned();
    };
    let mut ways = Vec::new();
    if !nearest.missing.is_empty() {
        ways.push(format!("give it the labels {}", nearest.missing.join(", ")));
    }
    if !nearest.looks {
        ways.push(format!(
            "let spec.serviceMonitorNamespaceSelector there select the namespace {}",
            key.namespace
        ));
    }
    format!(
        "it points at an application that no Prometheus scrapes; Prometheus {} comes nearest: {}",
        nearest.prometheus,
        ways.join(" and "),
    )
}
