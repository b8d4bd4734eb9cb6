//! Which Prometheuses scrape by a ServiceMonitor, as Prometheus Operator selects it for them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::World;
use super::replicas::Replicas;
use super::report::{Findings, Reason, Subject};
use crate::model::{Key, PrometheusFacts, ServiceMonitorFacts};
use crate::namespaces::{Membership, NamespaceScope, Namespaces, Place};
use crate::selector::{self, requirements};

/// The Prometheuses that may scrape.
pub(super) struct Scrapers<'a> {
    /// `None` if the kind cannot be read.
    all: Option<Vec<Scraper<'a>>>,
    namespaces: Namespaces<'a>,
}

struct Scraper<'a> {
    key: &'a Key,
    facts: &'a PrometheusFacts,
    scope: NamespaceScope,
    /// Why its selectors select nothing, if they are malformed.
    invalid: Option<String>,
    /// Its replicas, by index.
    replicas: Vec<usize>,
}

impl<'a> Scrapers<'a> {
    pub(super) fn of(world: &World<'a>, replicas: &Replicas<'_>) -> Self {
        let scraper = |(key, facts)| Scraper::new(key, facts, replicas);
        Self {
            all: world
                .prometheuses
                .map(|all| all.iter().map(scraper).collect()),
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
        for scraper in all {
            match scraper.scrapes(&place, monitor) {
                Membership::In => {
                    explained = true;
                    scraper.replicas.iter().copied().for_each(&mut *visit);
                }
                Membership::Out => {}
                Membership::Unevaluable => {
                    explained = true;
                    scraper.report_unevaluable(findings);
                }
            }
            scraper.report_invalid(findings);
        }
        if !explained {
            findings.add(Reason::NotScraped, subject(), || {
                not_scraped(all, &place, key, monitor)
            });
        }
    }
}

impl<'a> Scraper<'a> {
    fn new(key: &'a Key, facts: &'a PrometheusFacts, replicas: &Replicas<'_>) -> Self {
        let wanted = &facts.service_monitor_selector;
        let namespaces = &facts.service_monitor_namespace_selector;
        let invalid = |field: &str, selector: &Option<LabelSelector>| {
            let error = selector::validate(selector.as_ref()?).err()?;
            Some(format!("spec.{field}.{error}"))
        };
        Self {
            key,
            facts,
            scope: NamespaceScope::from_selector(namespaces.as_ref()),
            invalid: invalid("serviceMonitorSelector", wanted)
                .or_else(|| invalid("serviceMonitorNamespaceSelector", namespaces)),
            replicas: replicas.of_prometheus(key).collect(),
        }
    }

    /// Whether this Prometheus scrapes by `monitor`, which is at `place`.
    fn scrapes(&self, place: &Place<'_>, monitor: &ServiceMonitorFacts) -> Membership {
        let wanted = self.facts.service_monitor_selector.as_ref();
        if self.invalid.is_some() || !selector::selects(wanted, &monitor.labels) {
            return Membership::Out;
        }
        self.looks_in(place)
    }

    /// Whether this Prometheus looks for ServiceMonitors at `place`.
    fn looks_in(&self, place: &Place<'_>) -> Membership {
        place.membership(&self.scope, &self.key.namespace)
    }

    fn report_invalid(&self, findings: &mut Findings) {
        if let Some(error) = &self.invalid {
            let subject = Subject::Prometheus(self.key.clone());
            findings.add(Reason::InvalidSelector, subject, || {
                format!("{error}; Prometheus Operator refuses it as well")
            });
        }
    }

    fn report_unevaluable(&self, findings: &mut Findings) {
        let subject = Subject::Prometheus(self.key.clone());
        findings.add(Reason::UnevaluableNamespaceSelector, subject, || {
            "whether it scrapes the selected ServiceMonitors depends on the labels of namespaces, \
             which this controller may not list; permit listing namespaces, or select a \
             ServiceMonitor that points at this Prometheus itself"
                .to_owned()
        });
    }
}

/// Why nothing scrapes by `monitor`: names the Prometheus that comes nearest.
fn not_scraped(
    all: &[Scraper<'_>],
    place: &Place<'_>,
    key: &Key,
    monitor: &ServiceMonitorFacts,
) -> String {
    let valid = all.iter().filter(|s| s.invalid.is_none());
    let nearest = valid
        .filter_map(|scraper| {
            let looks = scraper.looks_in(place) != Membership::Out;
            let wanted = scraper.facts.service_monitor_selector.as_ref()?;
            let missing = selector::count_missing(wanted, &monitor.labels);
            Some((missing + usize::from(!looks), scraper.key, wanted, looks))
        })
        .min_by_key(|(distance, key, ..)| (*distance, *key));
    let Some((_, nearest, wanted, looks)) = nearest else {
        return "it points at an application, and no Prometheus selects any ServiceMonitor; \
                create one, or set spec.serviceMonitorSelector of one"
            .to_owned();
    };
    let missing: Vec<String> = requirements(wanted)
        .filter(|r| !r.is_met(&monitor.labels))
        .map(|r| r.to_string())
        .collect();
    let mut ways = Vec::new();
    if !missing.is_empty() {
        ways.push(format!("give it the labels {}", missing.join(", ")));
    }
    if !looks {
        ways.push(format!(
            "let spec.serviceMonitorNamespaceSelector there select the namespace {}",
            key.namespace
        ));
    }
    format!(
        "it points at an application that no Prometheus scrapes; Prometheus {nearest} comes \
         nearest: {}",
        ways.join(" and "),
    )
}
