//! Prometheuses that scrape a ServiceMonitor, according to the selection of Prometheus Operator. No
//! IO.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::PrometheusFacts;
use kube_facts::namespaces::{Membership, NamespaceScope, Namespaces, Place};
use kube_facts::selector::{self, Excluded};
use kube_facts::{Key, Labels};

/// Prometheus that may scrape.
pub(crate) struct Scraper<'a> {
    pub key: &'a Key,
    desired: Option<&'a LabelSelector>,
    scope: NamespaceScope,
    /// Error of malformed selectors, which select nothing.
    pub invalid: Option<String>,
}

impl<'a> Scraper<'a> {
    pub fn new(key: &'a Key, facts: &'a PrometheusFacts) -> Self {
        let desired = &facts.service_monitor_selector;
        let namespaces = &facts.service_monitor_namespace_selector;
        let invalid = |field: &str, selector: &Option<LabelSelector>| {
            let error = selector::validate(selector.as_ref()?).err()?;
            Some(format!("spec.{field}.{error}"))
        };
        Self {
            key,
            desired: desired.as_ref(),
            scope: NamespaceScope::from_selector(namespaces.as_ref()),
            invalid: invalid("serviceMonitorSelector", desired)
                .or_else(|| invalid("serviceMonitorNamespaceSelector", namespaces)),
        }
    }

    /// Whether this Prometheus scrapes a ServiceMonitor with these labels at `place`.
    pub fn scrapes(&self, place: &Place<'_>, labels: &Labels) -> Membership {
        if self.invalid.is_some() || !selector::selects(self.desired, labels) {
            return Membership::Out;
        }
        self.selects_namespace_in(place)
    }

    /// Whether this Prometheus selects ServiceMonitors at `place`.
    fn selects_namespace_in(&self, place: &Place<'_>) -> Membership {
        place.membership(&self.scope, &self.key.namespace)
    }
}

/// Prometheus that nearly selects a ServiceMonitor, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The Prometheus.
    pub prometheus: Key,
    /// Required labels that the ServiceMonitor does not have.
    pub missing: Vec<String>,
    /// Labels that exclude the ServiceMonitor.
    pub excluded: Vec<Excluded>,
    /// Whether it selects the namespace of the ServiceMonitor, as far as known.
    pub selects_namespace: bool,
}

impl Nearest {
    pub(crate) fn of<'s, 'a: 's>(
        scrapers: impl Iterator<Item = &'s Scraper<'a>>,
        place: &Place<'_>,
        labels: &Labels,
    ) -> Option<Self> {
        let (_, nearest, desired, selects_namespace) = scrapers
            .filter(|s| s.invalid.is_none())
            .filter_map(|scraper| {
                let selects_namespace = scraper.selects_namespace_in(place) != Membership::Out;
                let desired = scraper.desired?;
                let missing = selector::count_missing(desired, labels);
                Some((
                    missing + usize::from(!selects_namespace),
                    scraper.key,
                    desired,
                    selects_namespace,
                ))
            })
            .min_by_key(|(distance, key, ..)| (*distance, *key))?;
        let (missing, excluded) = selector::to_change(desired, labels);
        Some(Self {
            prometheus: nearest.clone(),
            missing,
            excluded,
            selects_namespace,
        })
    }
}

/// Prometheuses that scrape a ServiceMonitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scraped {
    /// These Prometheuses, by namespace and name.
    By(Vec<Key>),
    /// Possibly this Prometheus, depending on namespace labels that are not readable.
    Unevaluable(Key),
    /// None, with the nearest one, if any Prometheus selects ServiceMonitors.
    NotScraped(Option<Nearest>),
}

/// Prometheuses that scrape a ServiceMonitor in `namespace` with these labels.
#[must_use]
pub fn scraped(
    prometheuses: &BTreeMap<Key, PrometheusFacts>,
    namespaces: &Namespaces<'_>,
    namespace: &str,
    labels: &Labels,
) -> Scraped {
    let place = namespaces.place(namespace);
    let all: Vec<Scraper<'_>> = prometheuses
        .iter()
        .map(|(k, f)| Scraper::new(k, f))
        .collect();
    let of = |scraper: &Scraper<'_>| scraper.scrapes(&place, labels);
    let by = all.iter().filter(|s| of(s) == Membership::In);
    let by: Vec<Key> = by.map(|s| s.key.clone()).collect();
    if !by.is_empty() {
        return Scraped::By(by);
    }
    match all.iter().find(|s| of(s) == Membership::Unevaluable) {
        Some(perhaps) => Scraped::Unevaluable(perhaps.key.clone()),
        None => Scraped::NotScraped(Nearest::of(all.iter(), &place, labels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube_facts::testing::{key, labels, namespaces, selector};

    fn prometheus(
        selects: Option<LabelSelector>,
        selects_namespace: Option<LabelSelector>,
    ) -> PrometheusFacts {
        PrometheusFacts {
            service_monitor_selector: selects,
            service_monitor_namespace_selector: selects_namespace,
            ..Default::default()
        }
    }

    fn scraped_by(prometheuses: &[(&str, PrometheusFacts)], readable: bool) -> Scraped {
        let prometheuses = prometheuses
            .iter()
            .map(|(name, facts)| (key("monitoring", name), facts.clone()))
            .collect();
        let listed = namespaces(&[("apps", &[("team", "a")]), ("monitoring", &[])]);
        let namespaces = Namespaces {
            listed: readable.then_some(&listed),
            watched: None,
        };
        scraped(
            &prometheuses,
            &namespaces,
            "apps",
            &labels(&[("release", "x")]),
        )
    }

    #[test]
    fn every_prometheus_that_selects_it_is_named() {
        let all = Some(LabelSelector::default());
        let found = scraped_by(
            &[
                (
                    "b",
                    prometheus(Some(selector(&[("release", "x")])), all.clone()),
                ),
                (
                    "a",
                    prometheus(all.clone(), Some(selector(&[("team", "a")]))),
                ),
                ("null", prometheus(None, all.clone())),
                ("home", prometheus(all.clone(), None)),
            ],
            true,
        );
        assert_eq!(
            found,
            Scraped::By(vec![key("monitoring", "a"), key("monitoring", "b")])
        );
    }

    #[test]
    fn the_nearest_says_what_is_missing() {
        let all = Some(LabelSelector::default());
        let far = prometheus(Some(selector(&[("release", "y"), ("tier", "z")])), None);
        let near = prometheus(Some(selector(&[("release", "y")])), all);
        let Scraped::NotScraped(Some(nearest)) = scraped_by(&[("a", far), ("b", near)], true)
        else {
            panic!("not scraped");
        };
        assert_eq!(nearest.prometheus, key("monitoring", "b"));
        assert_eq!(nearest.missing, ["release=y"]);
        assert!(nearest.selects_namespace);
        assert_eq!(scraped_by(&[], true), Scraped::NotScraped(None));
        let null = prometheus(None, None);
        assert_eq!(scraped_by(&[("a", null)], true), Scraped::NotScraped(None));
    }

    #[test]
    fn what_depends_on_unreadable_namespaces_is_not_guessed() {
        let by_team = prometheus(
            Some(LabelSelector::default()),
            Some(selector(&[("team", "a")])),
        );
        assert_eq!(
            scraped_by(&[("a", by_team)], false),
            Scraped::Unevaluable(key("monitoring", "a"))
        );
    }
}
