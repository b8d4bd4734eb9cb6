//! Oracle of NetworkPolicies.

use std::collections::BTreeMap;

use kube_facts::Key;
use kube_facts::namespaces::Namespaces;
use kube_facts::policy::{Connectivity, Peer, PolicyFacts, PolicyPeer, PolicyRule, PortMatch};

use super::{in_scope, scope, selects};

/// Whether `from` may connect to `port` of `to`.
pub fn connectivity(
    policies: &BTreeMap<Key, PolicyFacts>,
    known: &Namespaces<'_>,
    from: &Peer<'_>,
    to: &Peer<'_>,
    port: u16,
) -> Connectivity {
    let everywhere = Namespaces {
        listed: known.listed,
        watched: None,
    };
    let mut blocked = [Vec::new(), Vec::new()];
    let mut assumed = false;
    for (direction, subject, other) in [(0, to, from), (1, from, to)] {
        let mut governing = Vec::new();
        let (mut surely, mut perhaps) = (false, false);
        for (key, policy) in policies {
            let rules = if direction == 0 {
                &policy.ingress
            } else {
                &policy.egress
            };
            let Some(rules) = rules else { continue };
            if key.namespace == subject.namespace && selects(&policy.pods, subject.labels) {
                governing.push(key.clone());
                for rule in rules {
                    if admits_port(rule, to, port) {
                        surely |= rule.peers.is_empty();
                        for peer in &rule.peers {
                            match is_peer(peer, &key.namespace, other, &everywhere) {
                                Some(yes) => surely |= yes,
                                None => perhaps = true,
                            }
                        }
                    }
                }
            }
        }
        if governing.is_empty() || surely {
            continue;
        }
        if perhaps {
            assumed = true;
        } else {
            blocked[direction] = governing;
        }
    }
    let [ingress_by, egress_by] = blocked;
    if ingress_by.is_empty() && egress_by.is_empty() {
        Connectivity::Allowed { assumed }
    } else {
        Connectivity::Blocked {
            ingress_by,
            egress_by,
        }
    }
}

fn admits_port(rule: &PolicyRule, to: &Peer<'_>, port: u16) -> bool {
    let Some(ports) = &rule.ports else {
        return true;
    };
    ports.iter().any(|desired| match desired {
        PortMatch::Any => true,
        PortMatch::Numbers { first, last } => *first <= port && port <= *last,
        PortMatch::Named(name) => to
            .ports
            .iter()
            .any(|p| p.name.as_ref() == Some(name) && p.port == port),
    })
}

/// `None` if unknown.
fn is_peer(peer: &PolicyPeer, own: &str, other: &Peer<'_>, known: &Namespaces<'_>) -> Option<bool> {
    match peer {
        PolicyPeer::Addresses => None,
        PolicyPeer::Pods {
            namespaces: None,
            pods: None,
        } => Some(false),
        PolicyPeer::Pods { namespaces, pods } => {
            if pods
                .as_ref()
                .is_some_and(|pods| !selects(pods, other.labels))
            {
                return Some(false);
            }
            in_scope(known, &scope(namespaces), own, other.namespace)
        }
    }
}
