//! Evaluates NetworkPolicies: whether they allow a connection between two pods, which of them block
//! it, and the policy that would allow it. No IO.
//!
//! Policies are additive: a pod that no policy of a direction selects is open in that direction;
//! otherwise any rule of any of them that allows the connection is sufficient.

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

/// NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyFacts {
    /// `spec.podSelector`: pods of its namespace to which it applies.
    pub pods: LabelSelector,
    /// Ingress rules; `None` if it does not apply to ingress.
    pub ingress: Option<Vec<PolicyRule>>,
    /// Egress rules; `None` if it does not apply to egress.
    pub egress: Option<Vec<PolicyRule>>,
}

/// Rule that allows connections with any of the peers on any of the ports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyRule {
    /// Peers; empty means all.
    pub peers: Vec<PolicyPeer>,
    /// TCP ports; `None` means all ports, and an empty list none (the rule has only ports of other
    /// protocols).
    pub ports: Option<Vec<PortMatch>>,
}

/// Peer of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyPeer {
    /// Pods.
    Pods {
        /// Namespaces; `None` means that of the policy.
        namespaces: Option<LabelSelector>,
        /// Labels; `None` means all pods of these namespaces.
        pods: Option<LabelSelector>,
    },
    /// Address range (`ipBlock`). Its pods cannot be derived from objects.
    Addresses,
}

/// Ports of the destination pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortMatch {
    /// All ports.
    Any,
    /// Inclusive range.
    Numbers {
        /// `port`.
        first: u16,
        /// `endPort`, or `port` if unset.
        last: u16,
    },
    /// Container port with this name.
    Named(String),
}

/// Source or destination of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// Labels of the pod.
    pub labels: &'a Labels,
    /// Named container ports of the pod, used only for the destination.
    pub ports: &'a [PortFacts],
}

/// Whether NetworkPolicies allow a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Allowed.
    Allowed {
        /// Whether the result depends on unknown facts: whether an address range contains the peer,
        /// or the labels of its namespace.
        assumed: bool,
    },
    /// Blocked.
    Blocked {
        /// Policies that apply to the destination and do not allow the source.
        ingress_by: Vec<Key>,
        /// Policies that apply to the source and do not allow the destination.
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
            assumed: ingress == Admits::Perhaps || egress == Admits::Perhaps,
        },
        (ingress, egress) => Connectivity::Blocked {
            ingress_by: ingress.err().unwrap_or_default(),
            egress_by: egress.err().unwrap_or_default(),
        },
    }
}

/// Whether a rule allows a connection; the most permissive result of several rules applies.
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
    /// Evaluates one direction: the policies that apply to `subject` must allow `other`. The error
    /// contains the policies that do not.
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
            // Rejected by the API server.
            PolicyPeer::Pods {
                namespaces: None,
                pods: None,
            } => return Admits::No,
            PolicyPeer::Pods { namespaces, pods } => (namespaces.as_ref(), pods.as_ref()),
        };
        if !pods.is_none_or(|desired| selector::matches(desired, other.labels)) {
            return Admits::No;
        }
        // Unset is the policy's namespace and an empty selector is all, as for selectors of
        // Prometheus Operator. But policies are not limited to the namespaces that this process
        // watches.
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

/// Minimal NetworkPolicy that allows `from` to connect to TCP port `port` of `to`, to be created in
/// the namespace of `to`. The labels of both are used as pod selectors.
#[must_use]
pub fn opening_policy(name: &str, from: &Peer<'_>, to: &Peer<'_>, port: u16) -> NetworkPolicy {
    let rule = NetworkPolicyIngressRule {
        from: Some(vec![peer(to.namespace, from)]),
        ports: Some(vec![tcp(port)]),
    };
    policy(name, to, "Ingress", |spec| spec.ingress = Some(vec![rule]))
}

/// Minimal NetworkPolicy that allows `from` to connect to TCP port `port` of `to`, to be created in
/// the namespace of `from`. DNS has to be allowed separately.
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

/// Peer relative to a policy in `namespace`.
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
