//! What the status tells about discovery: counts, reasons and names. Pure.

use kube_facts::Key;
use operator_runtime::Monitored;
use promop_compat::caps::{Gate, Kind};
use promop_compat::resolve::{Candidate, Endpoint, Finding, Reason as Why, Resolution, Via};
use thanos_api::names::Reason;
use thanos_api::v1alpha1::{
    EndpointStatus, EndpointVia, MAX_ENDPOINTS, MAX_SKIPPED, SkippedStatus,
};
use thanos_workload::integration::Verdict;

use crate::components::Reconciler;

/// A way that NetworkPolicies block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// The policies.
    pub by: Vec<Key>,
    /// What would open the way, or who does.
    pub open_with: String,
}

/// What discovery found for one ThanosQuery.
#[derive(Clone, Debug, Default)]
pub struct StatusInputs {
    /// The gate of each kind in use.
    pub gates: Vec<(Kind, Gate)>,
    /// How many selections of ServiceMonitors the spec holds.
    pub selections: usize,
    /// What they resolve to.
    pub resolution: Resolution,
    /// The discovered endpoints, as queriers use them.
    pub discovered: Vec<EndpointStatus>,
    /// How many more there are that nobody can list now.
    pub unlisted: usize,
    /// Labelled Thanos components.
    pub components: Vec<Reconciler>,
    /// A selector of namespaces cannot be evaluated here.
    pub unevaluable_stores: bool,
    /// What was discovered stands as it was.
    pub frozen: bool,
    /// Whether a Prometheus scrapes what runs here.
    pub monitored: Monitored,
    /// Labels by which queriers deduplicate.
    pub replica_labels: Vec<String>,
    /// Those of them that were learned, now or earlier.
    pub learned_labels: Vec<String>,
    /// Labels that Prometheuses use for replicas and that are not learned, since they tell targets
    /// apart.
    pub refused_labels: Vec<String>,
}

impl StatusInputs {
    /// The condition `EndpointsResolved`.
    #[must_use]
    pub fn endpoints_verdict(&self) -> Verdict {
        let total = self.total();
        if self.selections > 0
            && self.is_discovering()
            && self.resolution.selected == 0
            && self.discovered.is_empty()
        {
            if let Some(refused) = self.skipped_for(Why::UnevaluableNamespaceSelector) {
                return (false, Reason::NamespacesForbidden, refused.message.clone());
            }
            return self.nothing_selected();
        }
        let blocked = self.discovered.iter().filter(|e| !e.blocked_by.is_empty());
        if let Some(first) = blocked.clone().next() {
            let message = format!(
                "{} of {} cannot be reached: NetworkPolicy {} keeps them out; {}",
                blocked.count(),
                endpoints(total),
                first.blocked_by.join(", "),
                first.open_with.as_deref().unwrap_or_default()
            );
            return (false, Reason::BlockedByNetworkPolicy, message);
        }
        if self.unevaluable_stores {
            let message = "spec.storeNamespaceSelector needs the labels of namespaces, which may \
                           not be read: select by kubernetes.io/metadata.name, or permit it";
            return (false, Reason::NamespacesForbidden, message.to_owned());
        }
        let skipped = self.skipped_total();
        match (total, skipped) {
            (0, 0) if self.selections > 0 => (
                false,
                Reason::NoEndpoints,
                "ServiceMonitors are selected and not used, see the condition \
                 PrometheusOperatorIntegration"
                    .to_owned(),
            ),
            (0, 0) => (
                false,
                Reason::NoEndpoints,
                "nothing is selected; set spec.serviceMonitorSelector, or label a Service \
                 operator.thanos.io/store-api=true"
                    .to_owned(),
            ),
            (0, _) => (false, Reason::NoEndpoints, self.first_skipped()),
            (_, 0) => (true, Reason::Resolved, endpoints(total)),
            _ => {
                let message = format!(
                    "{}; {skipped} skipped: {}",
                    endpoints(total),
                    self.first_skipped()
                );
                (true, Reason::SomeSkipped, message)
            }
        }
    }

    /// Whether ServiceMonitors are looked at, now or frozen.
    fn is_discovering(&self) -> bool {
        let gate = self
            .gates
            .iter()
            .find(|(kind, _)| *kind == Kind::ServiceMonitor);
        gate.is_some_and(|(_, gate)| gate.is_open()) || self.frozen
    }

    fn nothing_selected(&self) -> Verdict {
        let nearest = &self.resolution.nearest;
        let elsewhere: Vec<String> = nearest
            .iter()
            .filter(|c| c.would_match_elsewhere)
            .map(|c| c.key.to_string())
            .collect();
        if !elsewhere.is_empty() {
            let message = format!(
                "no ServiceMonitor in the selected namespaces matches, but {} would: widen the \
                 namespace selector",
                elsewhere.join(", ")
            );
            return (false, Reason::MatchesInOtherNamespaces, message);
        }
        let mut near: Vec<(bool, String)> = nearest.iter().map(describe).collect();
        // One that has the label with another value is most likely meant.
        near.sort_by_key(|(has_key, _)| !has_key);
        let near: Vec<String> = near.into_iter().map(|(_, text)| text).collect();
        let message = match near.is_empty() {
            true => {
                "no ServiceMonitor matches, and there is none in the selected namespaces".to_owned()
            }
            false => format!("no ServiceMonitor matches; nearest: {}", near.join("; ")),
        };
        (false, Reason::SelectorMatchesNothing, message)
    }

    fn skipped_for(&self, why: Why) -> Option<&Finding> {
        self.resolution.skipped.iter().find(|f| f.reason == why)
    }

    fn first_skipped(&self) -> String {
        let first = self.skipped().into_iter().next();
        first.map_or_else(String::new, |s| format!("{}: {}", s.subject, s.message))
    }

    /// The number of endpoints.
    #[must_use]
    pub fn total(&self) -> usize {
        let announced = |c: &&Reconciler| matches!(c, Reconciler::Endpoint { .. });
        match self.unlisted {
            0 => self.discovered.len() + self.components.iter().filter(announced).count(),
            // The endpoint file stays as it is, so no component joins either.
            more => self.discovered.len() + more,
        }
    }

    /// The number of skipped objects.
    #[must_use]
    pub fn skipped_total(&self) -> usize {
        let silent = |c: &&Reconciler| !matches!(c, Reconciler::Endpoint { .. });
        self.resolution.skipped.len() + self.components.iter().filter(silent).count()
    }

    /// `status.endpoints`, the first of them.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        let announced = self
            .components
            .iter()
            .filter_map(|component| match component {
                Reconciler::Endpoint {
                    service, address, ..
                } => Some(EndpointStatus {
                    address: address.clone(),
                    via: EndpointVia::StoreAPI,
                    service: Some(service.to_string()),
                    ..Default::default()
                }),
                Reconciler::WithoutPort { .. } | Reconciler::Unserved { .. } => None,
            });
        let discovered = self.discovered.iter().cloned();
        discovered.chain(announced).take(MAX_ENDPOINTS).collect()
    }

    /// `status.skipped`, the first of them. Notes on endpoints that are listed come last.
    #[must_use]
    pub fn skipped(&self) -> Vec<SkippedStatus> {
        let finding = |f: &Finding| SkippedStatus {
            subject: f.subject.to_string(),
            reason: f.reason.as_str().to_owned(),
            message: f.message.clone(),
        };
        let silent = self
            .components
            .iter()
            .filter_map(|component| match component {
                Reconciler::WithoutPort { service, message } => Some(SkippedStatus {
                    subject: format!("Service {service}"),
                    reason: "NoGrpcPort".to_owned(),
                    message: message.clone(),
                }),
                Reconciler::Unserved {
                    service,
                    reason,
                    message,
                } => Some(SkippedStatus {
                    subject: format!("Service {service}"),
                    reason: reason.as_str().to_owned(),
                    message: message.clone(),
                }),
                Reconciler::Endpoint { .. } => None,
            });
        let strict =
            self.components
                .iter()
                .filter_map(|component| {
                    match component {
            Reconciler::Endpoint { service, strict: true, .. } => Some(SkippedStatus {
                subject: format!("Service {service}"),
                reason: "StrictNotPossible".to_owned(),
                message: "it is listed, but not as strict: Thanos refuses strict endpoints whose \
                          address is looked up; remove the label"
                    .to_owned(),
            }),
            _ => None,
        }
                });
        let refused = self.refused_labels.iter().map(|label| SkippedStatus {
            subject: format!("label {label}"),
            reason: "TargetLabel".to_owned(),
            message: "a Prometheus uses it for replicas, but it tells targets apart and is not \
                      learned; add it to spec.replicaLabels if that is meant"
                .to_owned(),
        });
        let all = self.resolution.skipped.iter().map(finding);
        all.chain(silent)
            .chain(self.resolution.notes.iter().map(finding))
            .chain(strict)
            .chain(refused)
            .take(MAX_SKIPPED)
            .collect()
    }
}

/// A number of endpoints.
fn endpoints(number: usize) -> String {
    match number {
        1 => "1 endpoint".to_owned(),
        more => format!("{more} endpoints"),
    }
}

/// What a candidate has and misses: of its labels, those that the selector asks for with another
/// value, and if there is none, all of them. With it, whether there is one.
fn describe(candidate: &Candidate) -> (bool, String) {
    let has_key = candidate.labels.keys().any(|key| candidate.has_wrong(key));
    let labels: Vec<String> = candidate
        .labels
        .iter()
        .filter(|(key, _)| !has_key || candidate.has_wrong(key))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let (labels, differs) = (labels.join(", "), candidate.differs());
    let text = match candidate.missing.is_empty() {
        true => format!("{} {differs}", candidate.key),
        false => format!("{} has {labels}, {differs}", candidate.key),
    };
    (has_key, text)
}

/// An endpoint as the status tells it.
#[must_use]
pub fn told(endpoint: &Endpoint, address: String, blocked: Option<Blocked>) -> EndpointStatus {
    let text = |key: &Key| key.to_string();
    let blocked = blocked.unwrap_or_default();
    EndpointStatus {
        address,
        via: match endpoint.via {
            Via::Sidecar => EndpointVia::Sidecar,
            Via::Bridge => EndpointVia::Bridge,
            Via::Service => EndpointVia::Service,
        },
        service_monitor: Some(text(&endpoint.chain.service_monitor)),
        service: endpoint.chain.service.as_ref().map(text),
        prometheus: endpoint.chain.prometheus.as_ref().map(text),
        pod: endpoint.pod.as_ref().map(text),
        others: match endpoint.chain.others {
            0 => None,
            n => Some(count(n)),
        },
        blocked_by: blocked.by.iter().take(10).map(text).collect(),
        open_with: Some(blocked.open_with).filter(|o| !o.is_empty()),
    }
}

/// A count as the API writes it.
#[must_use]
pub fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
