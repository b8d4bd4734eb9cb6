//! The condition `Monitored`: whether a Prometheus scrapes the pods of a custom resource. Pure.
//!
//! A Prometheus must select the ServiceMonitors, and its ServiceAccount must be permitted to list the
//! pods behind them. Prometheus itself reports neither: the series are missing.

use std::collections::BTreeMap;

use kube_facts::namespaces::Namespaces;
use kube_facts::{Key, Labels};
use operator_runtime::{Access, AccessCheck};
use promop_compat::gate::Gate;
use promop_compat::model::PrometheusFacts;
use promop_compat::scrapers::{Nearest, Scraped, scraped};

/// Maximum number of selecting Prometheuses whose permissions are checked.
const MAX_CHECKED: usize = 5;

/// Inputs of the condition.
#[derive(Clone, Copy, Debug)]
pub struct Monitoring<'a> {
    /// Whether ServiceMonitors can be written.
    pub gate: Gate,
    /// `spec.serviceMonitor.enabled`.
    pub desired: bool,
    /// Names and labels of the ServiceMonitors.
    pub monitors: &'a [(String, Labels)],
    /// Namespace of the ServiceMonitors and of their pods.
    pub namespace: &'a str,
    /// All Prometheus resources; `None` if the kind is absent or unreadable.
    pub prometheuses: Option<&'a BTreeMap<Key, PrometheusFacts>>,
    /// The namespaces.
    pub namespaces: Namespaces<'a>,
    /// Known permissions of Prometheuses.
    pub access: &'a Access,
}

/// The condition, and the access checks that it depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitored {
    /// Status of the condition; `None` is Unknown.
    pub holds: Option<bool>,
    /// Reason of the condition.
    pub reason: &'static str,
    /// Message of the condition, with the remedy.
    pub message: String,
    /// Permissions that a Prometheus needs.
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
    /// Computes the condition.
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
            let message = "whether a Prometheus selects the ServiceMonitors is unknown, since Prometheus \
                           resources are unreadable; see the condition PrometheusOperatorIntegration";
            return Monitored::new(None, "PrometheusUnreadable", message);
        };
        let mut by = Vec::new();
        for (name, labels) in self.monitors {
            match scraped(prometheuses, &self.namespaces, self.namespace, labels) {
                Scraped::By(those) => by.extend(those),
                Scraped::Unevaluable(prometheus) => {
                    let message = format!(
                        "whether Prometheus {prometheus} selects the ServiceMonitors depends on \
                         labels of namespaces; permit this controller to list namespaces"
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
            let message = "no Prometheus selects any ServiceMonitor; create a Prometheus, or set spec.serviceMonitorSelector of \
                           one";
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
                    "remove the label {label} from spec.serviceMonitor.labels or, if it is not set \
                     there, the requirement !{key} from spec.serviceMonitorSelector of the Prometheus"
                ),
                false => format!(
                    "set {key} in spec.serviceMonitor.labels to another value than {}",
                    label.value
                ),
            }
        }));
        if !nearest.selects_namespace {
            ways.push(format!(
                "let spec.serviceMonitorNamespaceSelector of the Prometheus select the namespace {}",
                self.namespace
            ));
        }
        let message = format!(
            "no Prometheus selects ServiceMonitor {monitor}; closest: {}: {}",
            nearest.prometheus,
            ways.join(", and ")
        );
        Monitored::new(Some(false), "NotSelected", message)
    }

    /// Whether one of the selecting Prometheuses is permitted to discover the pods.
    fn permitted(&self, prometheuses: &BTreeMap<Key, PrometheusFacts>, by: &[Key]) -> Monitored {
        let those = by.iter().take(MAX_CHECKED);
        let those = those.filter_map(|key| Some((key, prometheuses.get(key)?)));
        let checked: Vec<(&Key, Vec<AccessCheck>)> = those
            .map(|(key, facts)| (key, self.access_checks(key, facts)))
            .collect();
        let is_permitted = |access_checks: &[AccessCheck]| {
            let mut answers = access_checks.iter().map(|c| self.access.answer(c));
            answers.all(|answer| answer == Some(true))
        };
        let permitted = checked
            .iter()
            .filter(|(_, access_checks)| is_permitted(access_checks));
        let permitted: Vec<String> = permitted.map(|(key, _)| key.to_string()).collect();
        let denied = checked
            .iter()
            .find(|(_, access_checks)| self.access.is_denied(access_checks));
        let mut monitored = match (permitted.is_empty(), denied) {
            (false, _) => {
                let message = format!("scraped by Prometheus {}", permitted.join(", "));
                Monitored::new(Some(true), "Scraped", message)
            }
            (true, Some((key, access_checks))) => self.not_permitted(key, access_checks),
            (true, None) => {
                let message = format!(
                    "Prometheus {} selects the ServiceMonitors; whether it is permitted to list \
                     pods, services and endpoints in {} could not be checked",
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
        let mut message = format!(
            "Prometheus {prometheus} selects the ServiceMonitors but is not permitted to list"
        );
        let denied = access_checks
            .iter()
            .filter(|c| self.access.answer(c) == Some(false));
        let denied: Vec<&str> = denied.map(|c| c.resource).collect();
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
                " {} in {namespace}; run: kubectl -n {namespace} create role {name} \
                 --verb=get,list,watch --resource={} && kubectl -n {namespace} create rolebinding \
                 {name} --role={name} --serviceaccount={}:{name}",
                denied.join(", "),
                resources.join(","),
                account.namespace,
            );
        }
        Monitored::new(Some(false), "PrometheusNotPermitted", message)
    }

    /// Permissions that Prometheus needs to discover targets.
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
