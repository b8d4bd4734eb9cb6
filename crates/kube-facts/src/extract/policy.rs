//! Extracts the facts of NetworkPolicies. Pure.

use serde::Deserialize;
use serde_json::Value;

use super::selector::{Selector, optional, required};
use super::{Extract, Spec, Thin};
use crate::Labels;
use crate::policy::{PolicyFacts, PolicyPeer, PolicyRule, PortMatch};
use crate::tolerant_decode::{Lenient, Object, Present, Shape};

/// The decoded part of the spec of a NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicySpec {
    pod_selector: Lenient<Selector>,
    policy_types: Lenient<Vec<String>>,
    ingress: Lenient<Vec<Object<Rule>>>,
    egress: Lenient<Vec<Object<Rule>>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    from: Lenient<Vec<Object<Peer>>>,
    to: Lenient<Vec<Object<Peer>>>,
    ports: Lenient<Vec<Object<Port>>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Peer {
    pod_selector: Lenient<Selector>,
    namespace_selector: Lenient<Selector>,
    ip_block: Lenient<Present>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Port {
    protocol: Lenient<String>,
    port: Lenient<NumberOrName>,
    end_port: Lenient<i64>,
}

#[derive(Clone, Debug, PartialEq)]
enum NumberOrName {
    Number(i64),
    Name(String),
}

impl Shape<'_> for NumberOrName {
    fn from_integer(number: i64) -> Option<Self> {
        Some(Self::Number(number))
    }

    fn from_text(name: &str) -> Option<Self> {
        Some(Self::Name(name.to_owned()))
    }
}

impl PolicyFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<PolicySpec>::read(object).into_facts()
    }
}

impl Spec for PolicySpec {
    type Facts = PolicyFacts;

    fn into_facts(self, _: Labels) -> PolicyFacts {
        let types = self.policy_types.or_default();
        let names = |kind: &str| types.iter().any(|t| t == kind);
        let ingress = self.ingress.or_default();
        let egress = self.egress.or_default();
        // If unset, the types follow from the rules: always Ingress, and Egress if it has rules.
        let (governs_ingress, governs_egress) = match types.is_empty() {
            true => (true, !egress.is_empty()),
            false => (names("Ingress"), names("Egress")),
        };
        let rules = |rules: Vec<Object<Rule>>| {
            rules
                .into_iter()
                .map(|Object(rule)| rule.into_facts())
                .collect()
        };
        PolicyFacts {
            pods: required(self.pod_selector),
            ingress: governs_ingress.then(|| rules(ingress)),
            egress: governs_egress.then(|| rules(egress)),
        }
    }
}

impl Rule {
    fn into_facts(self) -> PolicyRule {
        let mut peers = self.from.or_default();
        peers.extend(self.to.or_default());
        let ports = self.ports.get().filter(|ports| !ports.is_empty());
        PolicyRule {
            peers: peers
                .into_iter()
                .map(|Object(peer)| peer.into_facts())
                .collect(),
            ports: ports.map(|ports| {
                ports
                    .into_iter()
                    .filter_map(|Object(port)| port.into_facts())
                    .collect()
            }),
        }
    }
}

impl Peer {
    fn into_facts(self) -> PolicyPeer {
        match self.ip_block.get() {
            Some(Present) => PolicyPeer::Addresses,
            None => PolicyPeer::Pods {
                namespaces: optional(self.namespace_selector),
                pods: optional(self.pod_selector),
            },
        }
    }
}

impl Port {
    /// The matching ports; `None` for other protocols than TCP.
    fn into_facts(self) -> Option<PortMatch> {
        if self
            .protocol
            .get()
            .is_some_and(|protocol| protocol != "TCP")
        {
            return None;
        }
        Some(match self.port.get() {
            None => PortMatch::Any,
            Some(NumberOrName::Name(name)) => PortMatch::Named(name),
            Some(NumberOrName::Number(first)) => {
                let last = self.end_port.get().unwrap_or(first);
                PortMatch::Numbers {
                    first: u16::try_from(first).ok()?,
                    last: u16::try_from(last).ok()?,
                }
            }
        })
    }
}
