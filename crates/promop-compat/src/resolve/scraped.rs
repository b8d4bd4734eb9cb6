//! Which Prometheuses scrape by a ServiceMonitor, as Prometheus Operator selects it for them.

use super::World;
use super::report::{Findings, Reason, Subject};
use crate::model::{Key, PrometheusFacts, ServiceMonitorFacts};
use crate::namespaces::{Membership, NamespaceScope, Namespaces};
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
    invalid: Option<String>,
    /// The namespace asked for last, and whether it is in the scope.
    last: Option<(String, Membership)>,
}

impl<'a> Scrapers<'a> {
    pub(super) fn of(world: &World<'a>) -> Self {
        let all = world.prometheuses.map(|all| {
            all.iter()
                .map(|(key, facts)| Scraper::new(key, facts))
                .collect::<Vec<_>>()
        });
        Self {
            all,
            namespaces: world.namespaces,
        }
    }

    /// The Prometheuses that scrape by `monitor`. If there are none, a finding says why.
    pub(super) fn of_monitor(
        &mut self,
        key: &Key,
        monitor: &ServiceMonitorFacts,
        findings: &mut Findings,
    ) -> Vec<&'a Key> {
        let subject = || Subject::ServiceMonitor(key.clone());
        let Some(all) = &mut self.all else {
            findings.add(Reason::PrometheusUnreadable, subject(), || {
                "it points at an application, and Prometheus resources cannot be read to tell \
                 which of them scrape it; install their definition or permit reading them"
                    .to_owned()
            });
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut doubtful = false;
        for scraper in all.iter_mut() {
            match scraper.scrapes(&self.namespaces, key, monitor) {
                Membership::In => found.push(scraper.key),
                Membership::Out => {}
                Membership::Unevaluable => {
                    doubtful = true;
                    scraper.report_unevaluable(findings);
                }
            }
            scraper.report_invalid(findings);
        }
        if found.is_empty() && !doubtful {
            findings.add(Reason::NotScraped, subject(), || {
                not_scraped(all, &self.namespaces, key, monitor)
            });
        }
        found
    }
}

impl<'a> Scraper<'a> {
    fn new(key: &'a Key, facts: &'a PrometheusFacts) -> Self {
        let fields = [
            ("serviceMonitorSelector", &facts.service_monitor_selector),
            (
                "serviceMonitorNamespaceSelector",
                &facts.service_monitor_namespace_selector,
            ),
        ];
        let invalid = fields.into_iter().find_map(|(field, selector)| {
            let error = selector::validate(selector.as_ref()?).err()?;
            Some(format!("spec.{field}.{error}"))
        });
        let namespaces = facts.service_monitor_namespace_selector.as_ref();
        let scope = NamespaceScope::from_selector(namespaces);
        Self {
            key,
            facts,
            scope,
            invalid,
            last: None,
        }
    }

    /// Whether this Prometheus scrapes by `monitor`.
    fn scrapes(
        &mut self,
        namespaces: &Namespaces<'_>,
        key: &Key,
        monitor: &ServiceMonitorFacts,
    ) -> Membership {
        let wanted = self.facts.service_monitor_selector.as_ref();
        if self.invalid.is_some() || !selector::selects(wanted, &monitor.labels) {
            return Membership::Out;
        }
        self.looks_in(namespaces, &key.namespace)
    }

    /// Whether this Prometheus looks for ServiceMonitors in `namespace`.
    fn looks_in(&mut self, namespaces: &Namespaces<'_>, namespace: &str) -> Membership {
        match &self.last {
            Some((last, membership)) if last == namespace => *membership,
            _ => {
                let own = &self.key.namespace;
                let membership = namespaces.membership(&self.scope, own, namespace);
                self.last = Some((namespace.to_owned(), membership));
                membership
            }
        }
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
    all: &mut [Scraper<'_>],
    namespaces: &Namespaces<'_>,
    key: &Key,
    monitor: &ServiceMonitorFacts,
) -> String {
    let valid = all.iter_mut().filter(|s| s.invalid.is_none());
    let nearest = valid
        .filter_map(|scraper| {
            let looks = scraper.looks_in(namespaces, &key.namespace) != Membership::Out;
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
