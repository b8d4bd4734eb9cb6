//! From Alertmanager resources to the addresses at which each of their pods takes alerts. Pure.

use std::collections::BTreeMap;

use crate::model::AlertmanagerFacts;
use crate::names;
use crate::nearest::Candidate;
use crate::selection::{self, Selectors, Unusable};
use kube_facts::Key;
use kube_facts::namespaces::Namespaces;

/// How many pods of one resource are told at most. It may claim billions; no cluster of Alertmanagers
/// is that large.
const REPLICAS_MAX: u32 = 100;

/// What selectors resolve to. Equal views and selectors give equal answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alertmanagers {
    /// The pods to tell, together with those that are reached in the same way; by scheme and
    /// prefix.
    pub groups: Vec<Group>,
    /// What was selected and is not told, or not as a whole; by namespace and name.
    pub skipped: Vec<Skipped>,
    /// The number of Alertmanager resources selected.
    pub selected: usize,
    /// Why nothing can be selected, if so.
    pub unusable: Option<Unusable>,
    /// If nothing is selected, though something is asked for: those that come nearest.
    pub nearest: Vec<Candidate>,
}

/// How the API of an Alertmanager is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// By HTTPS. The certificate may not be for the name of the pod.
    pub https: bool,
    /// What stands before `/api`: `/`, or a path that starts with a slash and does not end with
    /// one.
    pub path_prefix: String,
}

impl Way {
    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self.https {
            true => "https",
            false => "http",
        }
    }
}

/// Pods that are reached in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How.
    pub way: Way,
    /// Whom, by namespace and name of the resource, and by ordinal.
    pub targets: Vec<Target>,
}

/// One pod of an Alertmanager. It may be absent for a moment, while it restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The resource.
    pub alertmanager: Key,
    /// The ordinal of the pod.
    pub ordinal: u32,
    /// The DNS name of the pod, as resolvable in every namespace.
    pub host: String,
    /// The port of the API.
    pub port: u16,
}

impl Target {
    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// An Alertmanager that was selected and is not told, or not as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The resource.
    pub alertmanager: Key,
    /// Why.
    pub reason: Reason,
    /// What is the matter and the way out, in one sentence.
    pub message: String,
}

/// Why an Alertmanager is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It has no pods.
    NoReplicas,
    /// It listens on loopback only.
    ListenLocal,
    /// It demands a client certificate.
    ClientCertificateRequired,
    /// It has more pods than are told.
    TooManyReplicas,
}

impl Reason {
    /// The reason as status writes it.
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

/// Whom to tell: every pod of the Alertmanagers that `selectors` select. With
/// [`Selectors::all_of`], these are all Alertmanagers of one namespace.
#[must_use]
pub fn resolve(
    alertmanagers: &BTreeMap<Key, AlertmanagerFacts>,
    namespaces: &Namespaces<'_>,
    selectors: &Selectors<'_>,
) -> Alertmanagers {
    let found = selection::select(alertmanagers, namespaces, selectors);
    let mut groups: BTreeMap<Way, Vec<Target>> = BTreeMap::new();
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
                "only the first {REPLICAS_MAX} of its pods are told; lower spec.replicas of the \
                 Alertmanager",
            );
            skip(Reason::TooManyReplicas, &message);
        }
        let way = Way {
            https: facts.web_tls,
            path_prefix: facts.route_prefix.clone(),
        };
        let targets = (0..facts.replicas.min(REPLICAS_MAX)).map(|i| target(key, facts, i));
        groups.entry(way).or_default().extend(targets);
    }
    let groups = groups.into_iter();
    Alertmanagers {
        groups: groups
            .map(|(way, targets)| Group { way, targets })
            .collect(),
        skipped,
        selected: found.objects.len(),
        unusable: found.unusable,
        nearest: found.nearest,
    }
}

/// Why an Alertmanager cannot be told anything, if so.
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
            "it listens on loopback only, so nobody can reach it; set spec.listenLocal of the \
             Alertmanager to false, or name the address of the proxy before it",
        ));
    }
    if facts.web_client_cert {
        return Some((
            Reason::ClientCertificateRequired,
            "its API demands a client certificate, which rulers do not have; relax \
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
