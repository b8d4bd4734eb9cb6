//! Resolves Alertmanager resources to the alert endpoints of their pods. No IO.

use std::collections::BTreeMap;

use crate::model::AlertmanagerFacts;
use crate::names;
use crate::nearest::Candidate;
use crate::select;
use crate::selection::{Selectors, Unusable};
use kube_facts::Key;
use kube_facts::namespaces::Namespaces;

/// Maximum number of pods per Alertmanager. spec.replicas may be set to billions; no Alertmanager
/// cluster is that large.
const REPLICAS_MAX: u32 = 100;

/// Resolution of selectors. Equal stores and selectors give equal results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alertmanagers {
    /// Pods that receive alerts, grouped by transport (scheme and path prefix).
    pub groups: Vec<Group>,
    /// Selected Alertmanagers that receive no alerts, or not on all pods; by namespace and name.
    pub skipped: Vec<Skipped>,
    /// Number of selected Alertmanager resources.
    pub selected: usize,
    /// Reason why the selectors are unusable.
    pub unusable: Option<Unusable>,
    /// Nearest candidates, if nothing is selected though selectors are set.
    pub nearest: Vec<Candidate>,
}

/// Transport to the API of an Alertmanager.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transport {
    /// HTTPS. The certificate may not be valid for the pod name.
    pub https: bool,
    /// Path before `/api`: `/`, or a path with a leading and without a trailing slash.
    pub path_prefix: String,
}

impl Transport {
    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self.https {
            true => "https",
            false => "http",
        }
    }
}

/// Pods with the same transport.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Transport.
    pub transport: Transport,
    /// Pods, by namespace and name of the Alertmanager, and by ordinal.
    pub targets: Vec<Target>,
}

/// Pod of an Alertmanager. It may be temporarily absent during a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Alertmanager resource.
    pub alertmanager: Key,
    /// Ordinal of the pod.
    pub ordinal: u32,
    /// DNS name of the pod that resolves in every namespace.
    pub host: String,
    /// Port of the API.
    pub port: u16,
}

impl Target {
    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Selected Alertmanager that receives no alerts, or not on all pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Alertmanager resource.
    pub alertmanager: Key,
    /// Reason.
    pub reason: Reason,
    /// Reason and remedy in one sentence.
    pub message: String,
}

/// Reason why an Alertmanager receives no alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No pods.
    NoReplicas,
    /// Listens on loopback only.
    ListenLocal,
    /// Requires a client certificate.
    ClientCertificateRequired,
    /// More pods than the maximum.
    TooManyReplicas,
}

impl Reason {
    /// Reason in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoReplicas => "NoReplicas",
            Self::ListenLocal => "ListenLocal",
            Self::ClientCertificateRequired => "ClientCertificateRequired",
            Self::TooManyReplicas => "TooManyReplicas",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All pods of the Alertmanagers that `selectors` select. With [`Selectors::all_of`], these are all
/// Alertmanagers of one namespace.
#[must_use]
pub fn resolve(
    alertmanagers: &BTreeMap<Key, AlertmanagerFacts>,
    namespaces: &Namespaces<'_>,
    selectors: &Selectors<'_>,
) -> Alertmanagers {
    let found = select::select(alertmanagers, namespaces, selectors);
    let mut groups: BTreeMap<Transport, Vec<Target>> = BTreeMap::new();
    let mut skipped = Vec::new();
    for (key, facts) in &found.objects {
        let mut skip = |reason, message: &str| {
            skipped.push(Skipped {
                alertmanager: (*key).clone(),
                reason,
                message: message.to_owned(),
            });
        };
        if let Some((reason, message)) = why_not(facts) {
            skip(reason, message);
            continue;
        }
        if facts.replicas > REPLICAS_MAX {
            let message = format!(
                "alerts are sent only to its first {REPLICAS_MAX} pods; reduce spec.replicas of the \
                 Alertmanager",
            );
            skip(Reason::TooManyReplicas, &message);
        }
        let transport = Transport {
            https: facts.web_tls,
            path_prefix: facts.route_prefix.clone(),
        };
        let targets = (0..facts.replicas.min(REPLICAS_MAX)).map(|i| target(key, facts, i));
        groups.entry(transport).or_default().extend(targets);
    }
    let groups = groups.into_iter();
    Alertmanagers {
        groups: groups
            .map(|(transport, targets)| Group { transport, targets })
            .collect(),
        skipped,
        selected: found.objects.len(),
        unusable: found.unusable,
        nearest: found.nearest,
    }
}

/// Reason why an Alertmanager cannot receive alerts.
fn why_not(facts: &AlertmanagerFacts) -> Option<(Reason, &'static str)> {
    if facts.replicas == 0 {
        return Some((
            Reason::NoReplicas,
            "it has no pods; set spec.replicas of the Alertmanager to one or more",
        ));
    }
    if facts.listen_local {
        return Some((
            Reason::ListenLocal,
            "it listens on loopback only; set spec.listenLocal of the Alertmanager to false, or configure the address of its proxy",
        ));
    }
    if facts.web_client_cert {
        return Some((
            Reason::ClientCertificateRequired,
            "its API requires a client certificate, which rulers do not have; relax \
             spec.web.tlsConfig.clientAuthType of the Alertmanager",
        ));
    }
    None
}

fn target(key: &Key, facts: &AlertmanagerFacts, ordinal: u32) -> Target {
    let pod = names::alertmanager_pod_name(&key.name, ordinal);
    Target {
        alertmanager: key.clone(),
        ordinal,
        host: format!("{pod}.{}.{}.svc", facts.service_name, key.namespace),
        port: names::ALERTMANAGER_PORT,
    }
}

#[cfg(test)]
mod tests;
