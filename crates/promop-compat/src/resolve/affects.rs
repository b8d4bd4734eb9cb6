//! Which changes can change a resolution at all. A change that cannot wakes nobody.

use super::candidates::leads_to;
use super::replicas::Replicas;
use super::{Request, World};
use crate::model::{Key, PodFacts, PrometheusFacts, ServiceFacts, ServiceMonitorFacts};
use crate::namespaces::{Membership, NamespaceScope, Namespaces};
use crate::selector;

/// Whether a change of one ServiceMonitor can change what `request` resolves to: whether it was
/// or is now selected.
///
/// A resolution with nothing selected names the nearest candidates instead; whoever shows those
/// looks again at every change of a ServiceMonitor.
#[must_use]
pub fn affects(
    namespaces: &Namespaces<'_>,
    request: &Request<'_>,
    key: &Key,
    old: Option<&ServiceMonitorFacts>,
    new: Option<&ServiceMonitorFacts>,
) -> bool {
    request.selections.iter().any(|selection| {
        let labels = [old, new].into_iter().flatten().map(|facts| &facts.labels);
        // Labels first: they rule out most, and cost nothing.
        labels
            .into_iter()
            .any(|labels| selector::matches(&selection.selector, labels))
            && selection.validate().is_ok()
            && namespaces.membership(&selection.scope, request.namespace, &key.namespace)
                == Membership::In
    })
}

/// Whether a change of one Service can change any resolution: whether a Prometheus pod or a
/// StoreAPI was or is now behind it. `world` is the one after the change.
#[must_use]
pub fn affects_services(
    world: &World<'_>,
    key: &Key,
    old: Option<&ServiceFacts>,
    new: Option<&ServiceFacts>,
) -> bool {
    let replicas = Replicas::within(world, &key.namespace);
    let mut changed = [old, new].into_iter().flatten();
    changed.any(|facts| {
        let places = replicas.in_namespace(&key.namespace);
        let pods = replicas.behind(places, &facts.selector);
        leads_to(world, pods, key, facts).is_some()
    })
}

/// Whether a change of one pod can change any resolution: whether it was or is now a replica of a
/// Prometheus or of a PrometheusAgent.
#[must_use]
pub fn affects_pods(old: Option<&PodFacts>, new: Option<&PodFacts>) -> bool {
    [old, new]
        .into_iter()
        .flatten()
        .any(super::replicas::is_replica)
}

/// Whether a change of a namespace's labels can change what `request` resolves to: whether the
/// request or any Prometheus selects namespaces by their labels.
#[must_use]
pub fn affects_namespaces(world: &World<'_>, request: &Request<'_>) -> bool {
    let by_labels = |scope: &NamespaceScope| matches!(scope, NamespaceScope::Matching(_));
    let of_prometheus = |facts: &PrometheusFacts| {
        let selector = facts.service_monitor_namespace_selector.as_ref();
        by_labels(&NamespaceScope::from_selector(selector))
    };
    request
        .selections
        .iter()
        .any(|selection| by_labels(&selection.scope))
        || world
            .prometheuses
            .is_some_and(|all| all.values().any(of_prometheus))
}
