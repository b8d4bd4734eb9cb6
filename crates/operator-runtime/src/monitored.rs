//! Whether a Prometheus scrapes what a custom resource runs: the condition `Monitored`. Pure.
//!
//! A Prometheus must select the ServiceMonitors, and its ServiceAccount must be allowed to discover the
//! pods behind them. Prometheus Operator reports neither: the series are just missing.

use std::collections::BTreeMap;

use kube_facts::namespaces::Namespaces;
use kube_facts::{Key, Labels};
use promop_compat::caps::Gate;
use promop_compat::model::PrometheusFacts;
use promop_compat::scrapers::{Nearest, Scraped, scraped};

use crate::access::{Access, AccessCheck};

/// How many of the Prometheuses that select the same ServiceMonitor are checked.
const CHECKED: usize = 5;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct Monitoring<'a> {
    /// Whether ServiceMonitors may be written.
    pub gate: Gate,
    /// Whether the resource wants them (`spec.serviceMonitor.enabled`).
    pub desired: bool,
    /// Their names and labels.
    pub monitors: &'a [(String, Labels)],
    /// Where they are, and what they lead to.
    pub namespace: &'a str,
    /// All Prometheus resources; `None` if the kind is absent or may not be read.
    pub prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
    /// The namespaces.
    pub namespaces: Namespaces<'a>,
    /// What is known of the permissions of Prometheuses.
    pub access: &'a Access,
}

/// The condition, and the access checks that it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitored {
    /// Whether it holds; `None` if that is unknown.
    pub holds: Option<bool>,
    /// In one word.
    pub reason: &'static str,
    /// In a sentence, with the way out.
    pub message: String,
    /// What a Prometheus must be permitted to do.
    pub access_checks: Vec<AccessCheck>,
}

impl Monitored {
    fn new(holds: Option<bool>, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            holds,
            reason,
            message: message.into(),
            access_checks: Vec::new(),
        }
    }
}

impl Monitoring<'_> {
    /// Decides.
    #[must_use]
    pub fn decide(&self) -> Monitored {
        if !self.gate.is_open() {
            let message = "see the condition PrometheusOperatorIntegration";
            return Monitored::new(Some(false), self.gate.reason(), message);
        }
        if !self.desired {
            let message = "spec.serviceMonitor.enabled is false";
            return Monitored::new(Some(false), "MonitoringDisabled", message);
        }
        let Some(prometheuses) = self.prometheuses else {
            let message = "Prometheus resources cannot be read, so it is unknown which Prometheus scrapes them";
            return Monitored::new(None, "PrometheusUnreadable", message);
        };
        let mut by = Vec::new();
        for (name, labels) in self.monitors {
            match scraped(prometheuses, &self.namespaces, self.namespace, labels) {
                Scraped::By(those) => by.extend(those),
                Scraped::Unevaluable(prometheus) => {
                    let message = format!(
                        "whether Prometheus {prometheus} selects them depends on the labels of \
                         namespaces, which this controller may not list"
                    );
                    return Monitored::new(None, "NamespacesForbidden", message);
                }
                Scraped::NotScraped(nearest) => return self.not_selected(name, nearest),
            }
        }
        by.sort();
        by.dedup();
        self.permitted(prometheuses, &by)
    }

    fn not_selected(&self, monitor: &str, nearest: Option<Nearest>) -> Monitored {
        let Some(nearest) = nearest else {
            let message = "no Prometheus selects any ServiceMonitor";
            return Monitored::new(Some(false), "NotSelected", message);
        };
        let mut ways = Vec::new();
        if !nearest.missing.is_empty() {
            let missing = nearest.missing.join(", ");
            ways.push(format!("set spec.serviceMonitor.labels to {missing}"));
        }
        ways.extend(nearest.excluded.iter().map(|label| {
            let key = &label.key;
            match label.any_value {
                true => format!(
                    "remove the label {label} from spec.serviceMonitor.labels or, if it is not there, \
                     the requirement !{key} from spec.serviceMonitorSelector of the Prometheus"
                ),
                false => format!(
                    "set {key} in spec.serviceMonitor.labels to another value than {}",
                    label.value
                ),
            }
        }));
        if !nearest.selects_namespace {
            ways.push(format!(
                "let its spec.serviceMonitorNamespaceSelector select the namespace {}",
                self.namespace
            ));
        }
        let message = format!(
            "no Prometheus selects ServiceMonitor {monitor}; {} comes nearest: {}",
            nearest.prometheus,
            ways.join(", and ")
        );
        Monitored::new(Some(false), "NotSelected", message)
    }

    /// They are selected; may one of those that select them find the pods?
    fn permitted(&self, prometheuses: &BTreeMap<Key, PrometheusFacts>, by: &[Key]) -> Monitored {
        let those = by.iter().take(CHECKED);
        let those = those.filter_map(|key| Some((key, prometheuses.get(key)?)));
        let checked: Vec<(&Key, Vec<AccessCheck>)> = those
            .map(|(key, facts)| (key, self.access_checks(key, facts)))
            .collect();
        let is_permitted = |access_checks: &[AccessCheck]| {
            let mut answers = access_checks.iter().map(|q| self.access.answer(q));
            answers.all(|answer| answer == Some(true))
        };
        let permitted = checked
            .iter()
            .filter(|(_, access_checks)| is_permitted(access_checks));
        let permitted: Vec<String> = permitted.map(|(key, _)| key.to_string()).collect();
        let refused = checked
            .iter()
            .find(|(_, access_checks)| self.access.is_refused(access_checks));
        let mut monitored = match (permitted.is_empty(), refused) {
            (false, _) => {
                let message = format!("by Prometheus {}", permitted.join(", "));
                Monitored::new(Some(true), "Scraped", message)
            }
            (true, Some((key, access_checks))) => self.not_permitted(key, access_checks),
            (true, None) => {
                let message = format!(
                    "Prometheus {} selects them; whether it may list pods, services and endpoints \
                     in {} could not be checked",
                    by.first().map(Key::to_string).unwrap_or_default(),
                    self.namespace
                );
                Monitored::new(None, "PermissionUnknown", message)
            }
        };
        monitored.access_checks = checked
            .into_iter()
            .flat_map(|(_, access_checks)| access_checks)
            .collect();
        monitored
    }

    fn not_permitted(&self, prometheus: &Key, access_checks: &[AccessCheck]) -> Monitored {
        let mut message = format!("Prometheus {prometheus} selects them, but may not list");
        let refused = access_checks
            .iter()
            .filter(|q| self.access.answer(q) == Some(false));
        let refused: Vec<&str> = refused.map(|q| q.resource).collect();
        let resources: Vec<String> = access_checks
            .iter()
            .map(AccessCheck::kubectl_resource)
            .collect();
        if let Some(AccessCheck {
            account, namespace, ..
        }) = access_checks.first()
        {
            let name = &account.name;
            message += &format!(
                " {} in {namespace}: kubectl -n {namespace} create role {name} \
                 --verb=get,list,watch --resource={} && kubectl -n {namespace} create rolebinding \
                 {name} --role={name} --serviceaccount={}:{name}",
                refused.join(", "),
                resources.join(","),
                account.namespace,
            );
        }
        Monitored::new(Some(false), "PrometheusNotPermitted", message)
    }

    /// What Prometheus must be permitted to do to find targets.
    fn access_checks(&self, prometheus: &Key, facts: &PrometheusFacts) -> Vec<AccessCheck> {
        let may_list = |group, resource| AccessCheck {
            account: Key::new(
                prometheus.namespace.as_str(),
                facts.service_account.as_str(),
            ),
            namespace: self.namespace.to_owned(),
            group,
            resource,
            verb: "list",
        };
        let endpoints = match facts.endpoint_slices {
            true => may_list("discovery.k8s.io", "endpointslices"),
            false => may_list("", "endpoints"),
        };
        vec![may_list("", "pods"), may_list("", "services"), endpoints]
    }
}

#[cfg(test)]
mod tests;
