//! Which Prometheuses scrape by a ServiceMonitor, as Prometheus Operator selects it for them. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::model::PrometheusFacts;
use kube_facts::namespaces::{Membership, NamespaceScope, Namespaces, Place};
use kube_facts::selector::{self, Excluded};
use kube_facts::{Key, Labels};

/// A Prometheus that may scrape.
pub(crate) struct Scraper<'a> {
    pub key: &'a Key,
    desired: Option<&'a LabelSelector>,
    scope: NamespaceScope,
    /// Why its selectors select nothing, if they are malformed.
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

    /// Whether this Prometheus scrapes by a ServiceMonitor with these labels at `place`.
    pub fn scrapes(&self, place: &Place<'_>, labels: &Labels) -> Membership {
        if self.invalid.is_some() || !selector::selects(self.desired, labels) {
            return Membership::Out;
        }
        self.looks_in(place)
    }

    /// Whether this Prometheus looks for ServiceMonitors at `place`.
    fn looks_in(&self, place: &Place<'_>) -> Membership {
        place.membership(&self.scope, &self.key.namespace)
    }
}

/// The Prometheus that comes nearest to scraping by a ServiceMonitor, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The Prometheus.
    pub prometheus: Key,
    /// The labels that it asks for and the ServiceMonitor does not have.
    pub missing: Vec<String>,
    /// The labels for which it does not select the ServiceMonitor.
    pub excluded: Vec<Excluded>,
    /// Whether it looks in the namespace of the ServiceMonitor, as far as can be known.
    pub looks: bool,
}

impl Nearest {
    pub(crate) fn of<'s, 'a: 's>(
        scrapers: impl Iterator<Item = &'s Scraper<'a>>,
        place: &Place<'_>,
        labels: &Labels,
    ) -> Option<Self> {
        let (_, nearest, desired, looks) = scrapers
            .filter(|s| s.invalid.is_none())
            .filter_map(|scraper| {
                let looks = scraper.looks_in(place) != Membership::Out;
                let desired = scraper.desired?;
                let missing = selector::count_missing(desired, labels);
                Some((missing + usize::from(!looks), scraper.key, desired, looks))
            })
            .min_by_key(|(distance, key, ..)| (*distance, *key))?;
        let (missing, excluded) = selector::to_change(desired, labels);
        Some(Self {
            prometheus: nearest.clone(),
            missing,
            excluded,
            looks,
        })
    }
}

/// Who scrapes by a ServiceMonitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scraped {
    /// These Prometheuses, by namespace and name.
    By(Vec<Key>),
    /// Perhaps this Prometheus: it depends on labels of namespaces, which may not be read.
    Unevaluable(Key),
    /// None. The one that comes nearest, if any selects ServiceMonitors at all.
    NotSelected(Option<Nearest>),
}

/// Who scrapes by a ServiceMonitor in `namespace` with these labels.
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
        None => Scraped::NotSelected(Nearest::of(all.iter(), &place, labels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube_facts::testing::{key, labels, namespaces, selector};

    fn prometheus(selects: Option<LabelSelector>, looks: Option<LabelSelector>) -> PrometheusFacts {
        PrometheusFacts {
            service_monitor_selector: selects,
            service_monitor_namespace_selector: looks,
            ..Default::default()
        }
    }

    fn asked(prometheuses: &[(&str, PrometheusFacts)], readable: bool) -> Scraped {
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
        let found = asked(
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
        let Scraped::NotSelected(Some(nearest)) = asked(&[("a", far), ("b", near)], true) else {
            panic!("nobody scrapes");
        };
        assert_eq!(nearest.prometheus, key("monitoring", "b"));
        assert_eq!(nearest.missing, ["release=y"]);
        assert!(nearest.looks);
        assert_eq!(asked(&[], true), Scraped::NotSelected(None));
        let null = prometheus(None, None);
        assert_eq!(asked(&[("a", null)], true), Scraped::NotSelected(None));
    }

    #[test]
    fn what_depends_on_unreadable_namespaces_is_not_guessed() {
        let by_team = prometheus(
            Some(LabelSelector::default()),
            Some(selector(&[("team", "a")])),
        );
        assert_eq!(
            asked(&[("a", by_team)], false),
            Scraped::Unevaluable(key("monitoring", "a"))
        );
    }
}
