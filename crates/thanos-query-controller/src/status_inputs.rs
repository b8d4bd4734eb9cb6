//! Discovery results for the status: counts, reasons and names. No IO.

use kube_facts::Key;
use promop_compat::kind;
use promop_compat::resolve::{
    Candidate, Endpoint, Finding, Reason as SkipReason, Resolution, SelectorFields, Subject, Via,
};
use thanos_api::names::Reason;
use thanos_api::v1alpha1::{
    EndpointStatus, EndpointVia, MAX_ENDPOINTS, MAX_SKIPPED, SkippedStatus,
};
use thanos_controller_common::scope::CommonInputs;
use thanos_workload::integration::KnownCondition;

use crate::components::ComponentService;

/// Connection that NetworkPolicies block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// The blocking policies.
    pub by: Vec<Key>,
    /// Change that allows the connection.
    pub open_with: String,
}

/// Discovery results of one ThanosQuery.
#[derive(Clone, Debug, Default)]
pub struct StatusInputs {
    /// Inputs of every kind.
    pub common: CommonInputs,
    /// Fields of the spec that select ServiceMonitors.
    pub selector_fields: Vec<SelectorFields>,
    /// Resolution of the selections.
    pub resolution: Resolution,
    /// Discovered endpoints, as used by queriers.
    pub discovered: Vec<EndpointStatus>,
    /// Number of further retained endpoints that the status does not list.
    pub unlisted: usize,
    /// Labelled Thanos components.
    pub components: Vec<ComponentService>,
    /// Whether spec.storeNamespaceSelector cannot be evaluated.
    pub unevaluable_stores: bool,
    /// Whether discovered endpoints are frozen.
    pub frozen: bool,
    /// Replica labels of the queriers.
    pub replica_labels: Vec<String>,
    /// Learned replica labels, including earlier ones.
    pub learned_labels: Vec<String>,
    /// Replica labels of Prometheuses that are target labels and therefore not learned.
    pub refused_labels: Vec<String>,
}

impl StatusInputs {
    /// The condition `EndpointsResolved`.
    #[must_use]
    pub fn endpoints_condition(&self) -> KnownCondition {
        let total = self.total();
        if !self.selector_fields.is_empty()
            && self.is_discovering()
            && self.resolution.selected == 0
            && self.discovered.is_empty()
        {
            if let Some(refused) = self.skipped_for(SkipReason::UnevaluableNamespaceSelector) {
                return (false, Reason::NamespacesForbidden, refused.message.clone());
            }
            return self.nothing_selected();
        }
        let blocked = self.discovered.iter().filter(|e| !e.blocked_by.is_empty());
        if let Some(first) = blocked.clone().next() {
            let message = format!(
                "{} of {} unreachable: blocked by NetworkPolicy {}; {}",
                blocked.count(),
                endpoints(total),
                first.blocked_by.join(", "),
                first.open_with.as_deref().unwrap_or_default()
            );
            return (false, Reason::BlockedByNetworkPolicy, message);
        }
        if self.unevaluable_stores {
            let message = "spec.storeNamespaceSelector needs permission to list namespaces; grant it, or select by kubernetes.io/metadata.name";
            return (false, Reason::NamespacesForbidden, message.to_owned());
        }
        let skipped = self.skipped_total();
        match (total, skipped) {
            (0, 0) if !self.selector_fields.is_empty() => (
                false,
                Reason::NoEndpoints,
                "selected ServiceMonitors are not used; see the condition PrometheusOperatorIntegration"
                    .to_owned(),
            ),
            (0, 0) => (
                false,
                Reason::NoEndpoints,
                "no selector is set and no StoreAPI Service exists; set spec.serviceMonitorSelector or label a Service operator.thanos.io/store-api=true"
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

    /// Whether ServiceMonitors are used, live or frozen.
    fn is_discovering(&self) -> bool {
        let gate = self
            .common
            .gates
            .iter()
            .find(|(kind, _)| *kind == kind::SERVICE_MONITOR);
        gate.is_some_and(|(_, gate)| gate.is_open()) || self.frozen
    }

    fn nothing_selected(&self) -> KnownCondition {
        let nearest = &self.resolution.nearest;
        let fields = |field: fn(&SelectorFields) -> &'static str| {
            let all = self.selector_fields.iter().map(field);
            Vec::from_iter(all).join(" or ")
        };
        let selectors = fields(|f| f.selector);
        let elsewhere: Vec<String> = nearest
            .iter()
            .filter(|c| c.would_match_elsewhere)
            .map(|c| c.key.to_string())
            .collect();
        if !elsewhere.is_empty() {
            let message = format!(
                "no ServiceMonitor of the selected namespaces matches {selectors}, but {} would; extend {}",
                elsewhere.join(", "),
                fields(|f| f.namespaces)
            );
            return (false, Reason::MatchesInOtherNamespaces, message);
        }
        let mut near: Vec<(bool, String)> = nearest.iter().map(describe).collect();
        // A candidate that has the label with another value is the most likely intention.
        near.sort_by_key(|(has_key, _)| !has_key);
        let near: Vec<String> = near.into_iter().map(|(_, text)| text).collect();
        let message = match near.is_empty() {
            true => {
                format!(
                    "no ServiceMonitor matches {selectors}; the selected namespaces contain none"
                )
            }
            false => format!(
                "no ServiceMonitor matches {selectors}; closest: {}",
                near.join("; ")
            ),
        };
        (false, Reason::SelectorMatchesNothing, message)
    }

    fn skipped_for(&self, reason: SkipReason) -> Option<&Finding> {
        self.resolution.skipped.iter().find(|f| f.reason == reason)
    }

    fn first_skipped(&self) -> String {
        let first = self.skipped().into_iter().next();
        first.map_or_else(String::new, |s| format!("{}: {}", s.subject, s.message))
    }

    /// Number of endpoints.
    #[must_use]
    pub fn total(&self) -> usize {
        let announced = |c: &&ComponentService| matches!(c, ComponentService::Endpoint { .. });
        match self.unlisted {
            0 => self.discovered.len() + self.components.iter().filter(announced).count(),
            // The endpoint file is kept unchanged, so components are not added.
            more => self.discovered.len() + more,
        }
    }

    /// Number of skipped objects.
    #[must_use]
    pub fn skipped_total(&self) -> usize {
        let silent = |c: &&ComponentService| !matches!(c, ComponentService::Endpoint { .. });
        self.resolution.skipped.len() + self.components.iter().filter(silent).count()
    }

    /// Entries of `status.endpoints`, up to the limit.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        let announced = self
            .components
            .iter()
            .filter_map(|component| match component {
                ComponentService::Endpoint {
                    service, address, ..
                } => Some(EndpointStatus {
                    address: address.clone(),
                    via: EndpointVia::StoreAPI,
                    service: Some(service.to_string()),
                    ..Default::default()
                }),
                ComponentService::WithoutPort { .. } | ComponentService::Unserved { .. } => None,
            });
        let discovered = self.discovered.iter().cloned();
        discovered.chain(announced).take(MAX_ENDPOINTS).collect()
    }

    /// Entries of `status.skipped`, up to the limit. Notes on listed endpoints are last.
    #[must_use]
    pub fn skipped(&self) -> Vec<SkippedStatus> {
        let finding = |f: &Finding| SkippedStatus {
            subject: match f.subject {
                Subject::Selection(i) => {
                    let fields = self.selector_fields.get(i).copied();
                    fields.unwrap_or_default().selector.to_owned()
                }
                _ => f.subject.to_string(),
            },
            reason: f.reason.as_str().to_owned(),
            message: f.message.clone(),
        };
        let silent = self
            .components
            .iter()
            .filter_map(|component| match component {
                ComponentService::WithoutPort { service, message } => Some(SkippedStatus {
                    subject: format!("Service {service}"),
                    reason: "NoGrpcPort".to_owned(),
                    message: message.clone(),
                }),
                ComponentService::Unserved {
                    service,
                    reason,
                    message,
                } => Some(SkippedStatus {
                    subject: format!("Service {service}"),
                    reason: reason.as_str().to_owned(),
                    message: message.clone(),
                }),
                ComponentService::Endpoint { .. } => None,
            });
        let strict =
            self.components
                .iter()
                .filter_map(|component| {
                    match component {
            ComponentService::Endpoint { service, strict: true, .. } => Some(SkippedStatus {
                subject: format!("Service {service}"),
                reason: "StrictNotPossible".to_owned(),
                message: "queried without strict mode, because Thanos rejects strict endpoints with DNS addresses; remove the label"
                    .to_owned(),
            }),
            _ => None,
        }
                });
        let refused = self.refused_labels.iter().map(|label| SkippedStatus {
            subject: format!("label {label}"),
            reason: "TargetLabel".to_owned(),
            message: "a Prometheus uses it as replica label, but it is a target label and is not learned; add it to spec.replicaLabels if intended"
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

/// Number of endpoints as text.
fn endpoints(number: usize) -> String {
    match number {
        1 => "1 endpoint".to_owned(),
        more => format!("{more} endpoints"),
    }
}

/// Whether the candidate has a label of the selector with another value, and a description: those
/// labels (all of them, if none matches a key) and what is missing.
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

/// Endpoint in the form of the status.
#[must_use]
pub fn endpoint_status(
    endpoint: &Endpoint,
    address: String,
    blocked: Option<Blocked>,
) -> EndpointStatus {
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

/// Count in the integer type of the API.
#[must_use]
pub fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
