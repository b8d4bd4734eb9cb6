//! Findings for the status: a reason for programs, a subject, and a message for users. No IO.

use std::collections::BTreeMap;
use std::fmt;

use kube_facts::Key;

/// Reason why a selected object provides no endpoint, or for a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A selector is malformed and selects nothing.
    InvalidSelector,
    /// A namespace selector needs namespace labels that are not readable.
    UnevaluableNamespaceSelector,
    /// The sidecar listens on loopback only.
    SidecarListenLocal,
    /// The sidecar serves the StoreAPI with TLS.
    SidecarTls,
    /// Prometheus listens on loopback only, so it cannot be bridged.
    ListenLocal,
    /// The Prometheus API requires a client certificate, so it cannot be bridged.
    ClientCertificateRequired,
    /// The series of the Prometheus have no external label; no sidecar becomes ready.
    NoExternalLabels,
    /// No sidecar, and bridges are disabled.
    NoSidecar,
    /// The Prometheus resource of a Service or pod does not exist (any more).
    PrometheusGone,
    /// A PrometheusAgent forwards its samples and stores none.
    PrometheusAgent,
    /// No Prometheus scrapes the ServiceMonitor.
    NotScraped,
    /// The Prometheus CRD is absent or not readable.
    PrometheusUnreadable,
    /// A StoreAPI Service that is not headless: only one of its pods answers each query.
    NotHeadless,
    /// A ServiceMonitor that selects no Service.
    SelectsNoService,
    /// Prometheus Operator rejects a ServiceMonitor for the Prometheuses that select it.
    ServiceMonitorRejected,
    /// A Prometheus ignores the namespace selector of a ServiceMonitor.
    NamespaceSelectorIgnored,
    /// A StoreAPI Service whose selector matches no pod.
    NoPods,
    /// A StoreAPI Service with pods, none of which serves its port.
    PortNotServed,
    /// A StoreAPI Service of type ExternalName without a name.
    NoExternalName,
}

impl Reason {
    /// Reason in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSelector => "InvalidSelector",
            Self::UnevaluableNamespaceSelector => "UnevaluableNamespaceSelector",
            Self::SidecarListenLocal => "SidecarListenLocal",
            Self::SidecarTls => "SidecarTLS",
            Self::ListenLocal => "ListenLocal",
            Self::ClientCertificateRequired => "ClientCertificateRequired",
            Self::NoExternalLabels => "NoExternalLabels",
            Self::NoSidecar => "NoSidecar",
            Self::PrometheusGone => "PrometheusGone",
            Self::PrometheusAgent => "PrometheusAgent",
            Self::NotScraped => "NotScraped",
            Self::PrometheusUnreadable => "PrometheusUnreadable",
            Self::NotHeadless => "NotHeadless",
            Self::SelectsNoService => "SelectsNoService",
            Self::ServiceMonitorRejected => "ServiceMonitorRejected",
            Self::NamespaceSelectorIgnored => "NamespaceSelectorIgnored",
            Self::NoPods => "NoPods",
            Self::PortNotServed => "PortNotServed",
            Self::NoExternalName => "NoExternalName",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Subject of a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Selection of the request with this index.
    Selection(usize),
    /// A ServiceMonitor.
    ServiceMonitor(Key),
    /// A Service.
    Service(Key),
    /// A Prometheus resource.
    Prometheus(Key),
    /// A pod.
    Pod(Key),
    /// A PrometheusAgent resource.
    PrometheusAgent(Key),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selection(i) => write!(f, "selection {i}"),
            Self::ServiceMonitor(key) => write!(f, "ServiceMonitor {key}"),
            Self::Service(key) => write!(f, "Service {key}"),
            Self::Prometheus(key) => write!(f, "Prometheus {key}"),
            Self::Pod(key) => write!(f, "Pod {key}"),
            Self::PrometheusAgent(key) => write!(f, "PrometheusAgent {key}"),
        }
    }
}

/// Finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Why.
    pub reason: Reason,
    /// About what.
    pub subject: Subject,
    /// Reason and remedy in one sentence.
    pub message: String,
}

/// Distinct findings.
#[derive(Default)]
pub(super) struct Findings(BTreeMap<(Reason, Subject), String>);

impl Findings {
    pub(super) fn insert(&mut self, finding: Finding) {
        self.add(finding.reason, finding.subject, || finding.message);
    }

    /// Adds a finding unless it exists.
    pub(super) fn add(
        &mut self,
        reason: Reason,
        subject: Subject,
        message: impl FnOnce() -> String,
    ) {
        self.0.entry((reason, subject)).or_insert_with(message);
    }

    /// All findings, by reason and subject.
    pub(super) fn into_sorted(self) -> Vec<Finding> {
        self.0
            .into_iter()
            .map(|((reason, subject), message)| Finding {
                reason,
                subject,
                message,
            })
            .collect()
    }
}
