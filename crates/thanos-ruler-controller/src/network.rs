//! NetworkPolicies that block traffic from rulers to Alertmanagers. Pure.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube_facts::namespaces::Namespaces;
use kube_facts::policy::{Connectivity, Peer, PolicyFacts, connectivity};
use kube_facts::{Key, PortFacts};
use promop_compat::alertmanagers::Target;
use promop_compat::model::AlertmanagerFacts;
use promop_compat::names;
use thanos_api::names::label;
use thanos_api::v1alpha1::ThanosRuler;

use crate::names::{PROGRAM, identity};

/// Traffic that NetworkPolicies block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// The policies, as namespace/name.
    pub by: Vec<String>,
    /// The policy change that would admit the traffic.
    pub open_with: String,
}

/// The Alertmanager resources that rulers cannot reach.
pub(crate) fn blocked<'a>(
    ruler: &ThanosRuler,
    targets: impl Iterator<Item = &'a Target>,
    alertmanagers: &BTreeMap<Key, AlertmanagerFacts>,
    policies: &BTreeMap<Key, PolicyFacts>,
    namespaces: &Namespaces<'_>,
) -> BTreeMap<Key, Blocked> {
    let own = ruler.metadata.namespace.as_deref().unwrap_or_default();
    let labels = identity(&ruler.name_any()).labels(ruler.spec.common.labels.as_ref());
    let from = Peer {
        namespace: own,
        labels: &labels,
        ports: &[],
    };
    // Policies cannot distinguish the pods of one Alertmanager.
    let mut first: BTreeMap<&Key, &Target> = BTreeMap::new();
    for target in targets {
        first.entry(&target.alertmanager).or_insert(target);
    }
    let of = |(key, target): (&Key, &Target)| {
        let facts = alertmanagers.get(key)?;
        let pod = names::alertmanager_pod_labels(key, facts, target.ordinal);
        let port = PortFacts {
            name: Some(facts.port_name.clone()),
            port: target.port,
        };
        let to = Peer {
            namespace: &key.namespace,
            labels: &pod,
            ports: &[port],
        };
        let Connectivity::Blocked {
            ingress_by,
            egress_by,
        } = connectivity(policies, namespaces, &from, &to, target.port)
        else {
            return None;
        };
        let mut open_with = Vec::new();
        if !ingress_by.is_empty() {
            open_with.push(format!(
                "in namespace {}, allow ingress from pods {}={PROGRAM} of namespace {own} to port {}",
                key.namespace,
                label::NAME,
                target.port
            ));
        }
        if !egress_by.is_empty() {
            open_with.push(format!(
                "in namespace {own}, allow egress of pods {}={PROGRAM} to port {} of namespace {}",
                label::NAME,
                target.port,
                key.namespace
            ));
        }
        let by = ingress_by.iter().chain(&egress_by).map(ToString::to_string);
        let blocked = Blocked {
            by: by.collect(),
            open_with: open_with.join("; "),
        };
        Some((key.clone(), blocked))
    };
    first.into_iter().filter_map(of).collect()
}
