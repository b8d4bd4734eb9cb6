//! Evaluates NetworkPolicies: whether one pod can connect to another, which policies block it, and the
//! policy that would allow it. Pure.
//!
//! Policies are additive: a pod without a policy for a direction allows all connections in that
//! direction; otherwise one rule that allows the connection is enough.

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

/// Facts of a NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyFacts {
    /// `spec.podSelector`.
    pub pods: LabelSelector,
    /// Ingress rules; `None` if the policy does not apply to ingress.
    pub ingress: Option<Vec<PolicyRule>>,
    /// Egress rules; `None` if the policy does not apply to egress.
    pub egress: Option<Vec<PolicyRule>>,
}

/// One rule, which allows connections with any of the peers to any of the ports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyRule {
    /// Peers; empty means all.
    pub peers: Vec<PolicyPeer>,
    /// TCP ports; `None` means all ports, and an empty list none (the rule has only ports of other
    /// protocols).
    pub ports: Option<Vec<PortMatch>>,
}

/// A peer of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyPeer {
    /// Pods.
    Pods {
        /// Namespace selector; `None` means the namespace of the policy.
        namespaces: Option<LabelSelector>,
        /// Pod selector; `None` means all pods of these namespaces.
        pods: Option<LabelSelector>,
    },
    /// An address range (`ipBlock`), which is not compared with the addresses of pods.
    Addresses,
}

/// Ports of the destination pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortMatch {
    /// All ports.
    Any,
    /// A range, both ends included.
    Numbers {
        /// `port`.
        first: u16,
        /// `endPort`, or `port` if unset.
        last: u16,
    },
    /// The container port with this name.
    Named(String),
}

/// Source or destination of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// Labels of the pod.
    pub labels: &'a Labels,
    /// Named container ports; only used for the destination.
    pub ports: &'a [PortFacts],
}

/// Whether NetworkPolicies allow a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Allowed.
    Allowed {
        /// Whether this is an assumption: it depends on an address range, or on unknown labels of a
        /// namespace.
        assumed: bool,
    },
    /// Blocked.
    Blocked {
        /// Policies of the destination pod that block ingress.
        ingress_by: Vec<Key>,
        /// Policies of the source pod that block egress.
        egress_by: Vec<Key>,
    },
}

/// Whether `policies` allow `from` to connect to TCP port `port` of `to`.
#[must_use]
pub fn connectivity(
    policies: &BTreeMap<Key, PolicyFacts>,
    namespaces: &Namespaces<'_>,
    from: &Peer<'_>,
    to: &Peer<'_>,
    port: u16,
) -> Connectivity {
    let connection = Connection {
        namespaces,
        to,
        port,
    };
    let ingress = connection.direction(policies, to, from, |policy| policy.ingress.as_deref());
    let egress = connection.direction(policies, from, to, |policy| policy.egress.as_deref());
    match (ingress, egress) {
        (Ok(ingress), Ok(egress)) => Connectivity::Allowed {
            assumed: ingress == Allows::Unknown || egress == Allows::Unknown,
        },
        (ingress, egress) => Connectivity::Blocked {
            ingress_by: ingress.err().unwrap_or_default(),
            egress_by: egress.err().unwrap_or_default(),
        },
    }
}

/// Whether a rule allows a connection. The maximum of several rules applies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Allows {
    No,
    Unknown,
    Yes,
}

struct Connection<'a> {
    namespaces: &'a Namespaces<'a>,
    to: &'a Peer<'a>,
    port: u16,
}

impl Connection<'_> {
    /// Evaluates one direction: whether the policies of `subject` allow `other`. The error contains the
    /// policies that block it.
    fn direction<'p>(
        &self,
        policies: &'p BTreeMap<Key, PolicyFacts>,
        subject: &Peer<'_>,
        other: &Peer<'_>,
        rules: impl Fn(&'p PolicyFacts) -> Option<&'p [PolicyRule]>,
    ) -> Result<Allows, Vec<Key>> {
        let mut applied = Vec::new();
        let mut best = Allows::No;
        for (key, policy) in policies {
            let Some(rules) = rules(policy) else { continue };
            if key.namespace != subject.namespace
                || !selector::matches(&policy.pods, subject.labels)
            {
                continue;
            }
            applied.push(key.clone());
            let allows = rules
                .iter()
                .map(|rule| self.rule(rule, &key.namespace, other));
            best = allows.fold(best, Allows::max);
        }
        match best {
            _ if applied.is_empty() => Ok(Allows::Yes),
            Allows::No => Err(applied),
            allows => Ok(allows),
        }
    }

    fn rule(&self, rule: &PolicyRule, own: &str, other: &Peer<'_>) -> Allows {
        let allows_port = match &rule.ports {
            None => true,
            Some(ports) => ports.iter().any(|port| self.is_port(port)),
        };
        match &rule.peers[..] {
            _ if !allows_port => Allows::No,
            [] => Allows::Yes,
            peers => {
                let allows = peers.iter().map(|peer| self.peer(peer, own, other));
                allows.fold(Allows::No, Allows::max)
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

    fn peer(&self, peer: &PolicyPeer, own: &str, other: &Peer<'_>) -> Allows {
        let (namespaces, pods) = match peer {
            PolicyPeer::Addresses => return Allows::Unknown,
            // Rejected by the API server.
            PolicyPeer::Pods {
                namespaces: None,
                pods: None,
            } => return Allows::No,
            PolicyPeer::Pods { namespaces, pods } => (namespaces.as_ref(), pods.as_ref()),
        };
        if !pods.is_none_or(|desired| selector::matches(desired, other.labels)) {
            return Allows::No;
        }
        // An unset selector selects the namespace of the policy and an empty one all, as in Prometheus
        // Operator. But policies apply to more than the watched namespaces.
        let scope = NamespaceScope::from_selector(namespaces);
        let everywhere = Namespaces {
            watched: None,
            ..*self.namespaces
        };
        match everywhere.membership(&scope, own, other.namespace) {
            Membership::In => Allows::Yes,
            Membership::Out => Allows::No,
            Membership::Unevaluable => Allows::Unknown,
        }
    }
}

/// The narrowest NetworkPolicy that allows ingress from `from` to TCP port `port` of `to`, in the
/// namespace of `to`. It selects both pods by their labels in `Peer`.
#[must_use]
pub fn opening_policy(name: &str, from: &Peer<'_>, to: &Peer<'_>, port: u16) -> NetworkPolicy {
    let rule = NetworkPolicyIngressRule {
        from: Some(vec![peer(to.namespace, from)]),
        ports: Some(vec![tcp(port)]),
    };
    policy(name, to, "Ingress", |spec| spec.ingress = Some(vec![rule]))
}

/// The narrowest NetworkPolicy that allows egress from `from` to TCP port `port` of `to`, in the
/// namespace of `from`. It does not allow DNS.
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

/// A peer in a policy of `namespace`.
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
