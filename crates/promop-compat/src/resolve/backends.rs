//! Pods behind a Service: existing pods, and pods that a StatefulSet will recreate. No IO.

use super::model::ClusterFacts;
use crate::model::{BackendFacts, ServiceFacts, StatefulSetFacts, TargetPort};
use crate::names;
use crate::selection::in_namespace;
use kube_facts::selector;
use kube_facts::{Key, Labels, PortFacts};

/// Backends of a Service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A pod that serves the port, or manually managed endpoints.
    Served,
    /// Pods, but none that serves the port.
    NotServed,
    /// No pod.
    NoPods,
}

/// Backends of the port with this index. If `declared`, a pod serves a numbered port only if one of
/// its containers declares it; otherwise any pod may, since the declaration is informational.
#[must_use]
pub fn backing(
    world: &ClusterFacts<'_>,
    service: &Key,
    facts: &ServiceFacts,
    port: usize,
    declared: bool,
) -> Backing {
    // Without a selector, the endpoints are managed manually.
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

/// Whether a Service with this selector selects a pod.
pub(super) fn is_behind(selector: &Labels, pod: &BackendFacts) -> bool {
    selector::service_selects(selector, &pod.labels)
}

/// Whether a Service with this selector selects a pod of a StatefulSet.
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

/// Ordinal of a pod of the StatefulSet `key`, from its name.
fn ordinal_of(key: &Key, pod: &str) -> Option<u32> {
    let ordinal = pod.strip_prefix(key.name.as_str())?.strip_prefix('-')?;
    ordinal.parse().ok()
}
