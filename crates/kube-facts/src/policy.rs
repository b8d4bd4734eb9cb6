//! NetworkPolicies: whether they let one pod reach another, which of them do not, and the policy
//! that would. Pure.
//!
//! Policies only ever add: a pod that no policy of a direction selects is open in that direction,
//! and otherwise any rule of any of them that admits the connection is enough.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::namespaces::{Membership, NAME_LABEL, NamespaceScope, Namespaces};
use crate::selector;
use crate::{Key, Labels, PortFacts};

/// A NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyFacts {
    /// `spec.podSelector`: the pods of its namespace that it governs.
    pub pods: LabelSelector,
    /// The ingress rules; `None` if it does not govern ingress.
    pub ingress: Option<Vec<PolicyRule>>,
    /// The egress rules; `None` if it does not govern egress.
    pub egress: Option<Vec<PolicyRule>>,
}

/// One rule: it admits connections with any of the peers to any of the ports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyRule {
    /// The peers; none means everyone.
    pub peers: Vec<PolicyPeer>,
    /// The TCP ports; `None` means all ports, and an empty list none (the rule has ports of other
    /// protocols).
    pub ports: Option<Vec<PortMatch>>,
}

/// Who may be at the other end.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyPeer {
    /// Pods.
    Pods {
        /// Their namespaces; `None` means that of the policy.
        namespaces: Option<LabelSelector>,
        /// Their labels; `None` means all pods of these namespaces.
        pods: Option<LabelSelector>,
    },
    /// A range of addresses (`ipBlock`). Objects do not say which pods have these.
    Addresses,
}

/// Which ports of the pod that is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortMatch {
    /// All.
    Any,
    /// From the first to the last, both included.
    Numbers {
        /// `port`.
        first: u16,
        /// `endPort`, or `port` if unset.
        last: u16,
    },
    /// The container port of that name.
    Named(String),
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// The namespace of the pod.
    pub namespace: &'a str,
    /// The labels of the pod.
    pub labels: &'a Labels,
    /// Its named container ports. They matter at the end that is connected to.
    pub ports: &'a [PortFacts],
}

/// Whether NetworkPolicies admit a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They do.
    Allowed {
        /// It is undecidable: it depends on whether a range of addresses holds the peer, or which
        /// labels its namespace has.
        assumed: bool,
    },
    /// They do not.
    Blocked {
        /// The policies that govern the pod connected to, and do not admit the other.
        ingress_by: Vec<Key>,
        /// The policies that govern the pod that connects, and do not let it out to the other.
        egress_by: Vec<Key>,
    },
}

/// Whether `policies` let `from` connect to TCP port `port` of `to`.
#[must_use]
pub fn verdict(
    policies: &BTreeMap<Key, PolicyFacts>,
    namespaces: &Namespaces<'_>,
    from: &Peer<'_>,
    to: &Peer<'_>,
    port: u16,
) -> Verdict {
    let connection = Connection {
        namespaces,
        to,
        port,
    };
    let ingress = connection.direction(policies, to, from, |policy| policy.ingress.as_deref());
    let egress = connection.direction(policies, from, to, |policy| policy.egress.as_deref());
    match (ingress, egress) {
        (Ok(ingress), Ok(egress)) => Verdict::Allowed {
            assumed: ingress == Admits::Perhaps || egress == Admits::Perhaps,
        },
        (ingress, egress) => Verdict::Blocked {
            ingress_by: ingress.err().unwrap_or_default(),
            egress_by: egress.err().unwrap_or_default(),
        },
    }
}

/// Whether a rule admits a connection; the greater answer of several rules counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Admits {
    No,
    Perhaps,
    Yes,
}

struct Connection<'a> {
    namespaces: &'a Namespaces<'a>,
    to: &'a Peer<'a>,
    port: u16,
}

impl Connection<'_> {
    /// One direction: the policies that govern `subject` must admit `other`. If they do not, they
    /// are the error.
    fn direction<'p>(
        &self,
        policies: &'p BTreeMap<Key, PolicyFacts>,
        subject: &Peer<'_>,
        other: &Peer<'_>,
        rules: impl Fn(&'p PolicyFacts) -> Option<&'p [PolicyRule]>,
    ) -> Result<Admits, Vec<Key>> {
        let mut governing = Vec::new();
        let mut best = Admits::No;
        for (key, policy) in policies {
            let Some(rules) = rules(policy) else { continue };
            if key.namespace != subject.namespace
                || !selector::matches(&policy.pods, subject.labels)
            {
                continue;
            }
            governing.push(key.clone());
            let admits = rules
                .iter()
                .map(|rule| self.rule(rule, &key.namespace, other));
            best = admits.fold(best, Admits::max);
        }
        match best {
            _ if governing.is_empty() => Ok(Admits::Yes),
            Admits::No => Err(governing),
            admits => Ok(admits),
        }
    }

    fn rule(&self, rule: &PolicyRule, own: &str, other: &Peer<'_>) -> Admits {
        let admits_port = match &rule.ports {
            None => true,
            Some(ports) => ports.iter().any(|port| self.is_port(port)),
        };
        match &rule.peers[..] {
            _ if !admits_port => Admits::No,
            [] => Admits::Yes,
            peers => {
                let admits = peers.iter().map(|peer| self.peer(peer, own, other));
                admits.fold(Admits::No, Admits::max)
            }
        }
    }

    fn is_port(&self, desired: &PortMatch) -> bool {
        match desired {
            PortMatch::Any => true,
            PortMatch::Numbers { first, last } => (*first..=*last).contains(&self.port),
            PortMatch::Named(name) => {
                let mut ports = self.to.ports.iter();
                ports.any(|p| p.port == self.port && p.name.as_ref() == Some(name))
            }
        }
    }

    fn peer(&self, peer: &PolicyPeer, own: &str, other: &Peer<'_>) -> Admits {
        let (namespaces, pods) = match peer {
            PolicyPeer::Addresses => return Admits::Perhaps,
            // Refused by the API server.
            PolicyPeer::Pods {
                namespaces: None,
                pods: None,
            } => return Admits::No,
            PolicyPeer::Pods { namespaces, pods } => (namespaces.as_ref(), pods.as_ref()),
        };
        if !pods.is_none_or(|desired| selector::matches(desired, other.labels)) {
            return Admits::No;
        }
        // None is the policy's own namespace and an empty selector is all: the same rule as for
        // the selectors of Prometheus Operator. But policies do not end at the namespaces that
        // this process watches.
        let scope = NamespaceScope::from_selector(namespaces);
        let everywhere = Namespaces {
            watched: None,
            ..*self.namespaces
        };
        match everywhere.membership(&scope, own, other.namespace) {
            Membership::In => Admits::Yes,
            Membership::Out => Admits::No,
            Membership::Unevaluable => Admits::Perhaps,
        }
    }
}

/// The narrowest NetworkPolicy that admits `from` at TCP port `port` of `to`: to be created in the
/// namespace of `to`. The labels of both are those by which the policy is to know them.
#[must_use]
pub fn opening_policy(name: &str, from: &Peer<'_>, to: &Peer<'_>, port: u16) -> NetworkPolicy {
    let rule = NetworkPolicyIngressRule {
        from: Some(vec![peer(to.namespace, from)]),
        ports: Some(vec![tcp(port)]),
    };
    policy(name, to, "Ingress", |spec| spec.ingress = Some(vec![rule]))
}

/// The narrowest NetworkPolicy that lets `from` out to TCP port `port` of `to`: to be created in
/// the namespace of `from`. A policy that closes egress must admit name resolution as well.
#[must_use]
pub fn opening_egress_policy(
    name: &str,
    from: &Peer<'_>,
    to: &Peer<'_>,
    port: u16,
) -> NetworkPolicy {
    let rule = NetworkPolicyEgressRule {
        to: Some(vec![peer(from.namespace, to)]),
        ports: Some(vec![tcp(port)]),
    };
    policy(name, from, "Egress", |spec| spec.egress = Some(vec![rule]))
}

fn policy(
    name: &str,
    subject: &Peer<'_>,
    direction: &str,
    rules: impl FnOnce(&mut NetworkPolicySpec),
) -> NetworkPolicy {
    let mut spec = NetworkPolicySpec {
        pod_selector: Some(with_labels(subject.labels)),
        policy_types: Some(vec![direction.to_owned()]),
        ..Default::default()
    };
    rules(&mut spec);
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(subject.namespace.to_owned()),
            ..Default::default()
        },
        spec: Some(spec),
    }
}

/// A peer as seen from a policy in `namespace`.
fn peer(namespace: &str, other: &Peer<'_>) -> NetworkPolicyPeer {
    let by_name = || {
        with_labels(&Labels::from([(
            NAME_LABEL.to_owned(),
            other.namespace.to_owned(),
        )]))
    };
    NetworkPolicyPeer {
        namespace_selector: (namespace != other.namespace).then(by_name),
        pod_selector: Some(with_labels(other.labels)),
        ..Default::default()
    }
}

fn with_labels(labels: &Labels) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels.clone()),
        ..Default::default()
    }
}

fn tcp(port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(port))),
        protocol: Some("TCP".to_owned()),
        ..Default::default()
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
