//! What is behind a Service: pods that exist, and pods that a StatefulSet will make again. Pure.

use super::World;
use crate::model::{BackendFacts, ServiceFacts, StatefulSetFacts, TargetPort};
use crate::names;
use crate::selection::in_namespace;
use kube_facts::selector;
use kube_facts::{Key, Labels, PortFacts};

/// What is behind a port of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A pod that serves the port, or endpoints that are managed by hand.
    Served,
    /// Pods, none of which serves the port.
    NotServed,
    /// No pod at all.
    NoPods,
}

/// What is behind the port with this index. If `declared`, a pod serves a numbered port only if one
/// of its containers declares it; otherwise every pod may, since the declaration is informational.
#[must_use]
pub fn backing(
    world: &World<'_>,
    service: &Key,
    facts: &ServiceFacts,
    port: usize,
    declared: bool,
) -> Backing {
    // Without a selector, the endpoints are managed by hand.
    if facts.selector.is_empty() {
        return Backing::Served;
    }
    let serves = |ports: &[PortFacts]| match target(facts, port) {
        Some(TargetPort::Name(name)) => ports.iter().any(|p| p.name.as_deref() == Some(name)),
        Some(TargetPort::Number(number)) => !declared || ports.iter().any(|p| p.port == *number),
        None => {
            !declared || {
                let number = facts.ports.get(port).map(|p| p.port);
                ports.iter().any(|p| Some(p.port) == number)
            }
        }
    };
    let pods = in_namespace(world.backends, &service.namespace)
        .filter(|(_, pod)| is_behind(&facts.selector, pod))
        .map(|(_, pod)| &pod.ports);
    let sets = in_namespace(world.stateful_sets, &service.namespace)
        .filter(|(key, set)| makes_behind(&facts.selector, key, set))
        .map(|(_, set)| &set.ports);
    let mut backing = Backing::NoPods;
    for ports in pods.chain(sets) {
        if serves(ports) {
            return Backing::Served;
        }
        backing = Backing::NotServed;
    }
    backing
}

fn target(facts: &ServiceFacts, port: usize) -> Option<&TargetPort> {
    facts.targets.get(port)
}

/// Whether a Service with this selector leads to a pod.
pub(super) fn is_behind(selector: &Labels, pod: &BackendFacts) -> bool {
    selector::service_selects(selector, &pod.labels)
}

/// Whether a Service with this selector leads to a pod of a StatefulSet.
pub(super) fn makes_behind(selector: &Labels, key: &Key, set: &StatefulSetFacts) -> bool {
    let is_of_replica = |label: &str, value: &str| match label {
        names::POD_NAME => ordinal_of(key, value).is_some_and(|n| n < set.replicas),
        names::POD_INDEX => value.parse().is_ok_and(|n: u32| n < set.replicas),
        _ => false,
    };
    set.replicas > 0
        && !selector.is_empty()
        && selector.iter().all(|(label, value)| {
            set.pod.labels.get(label) == Some(value) || is_of_replica(label, value)
        })
}

/// The ordinal of a pod by its name, if it is one of the StatefulSet `key`.
fn ordinal_of(key: &Key, pod: &str) -> Option<u32> {
    let ordinal = pod.strip_prefix(key.name.as_str())?.strip_prefix('-')?;
    ordinal.parse().ok()
}
