//! Decides which changes can affect a resolution. Other changes enqueue nothing. No IO.

use super::backends::{is_behind, makes_behind};
use super::candidates::{purported, store_api_port};
use super::model::{ClusterFacts, Request};
use super::replicas::Replicas;
use crate::model::{
    BackendFacts, PodFacts, PrometheusFacts, ServiceFacts, ServiceMonitorFacts, StatefulSetFacts,
    TargetNamespaces,
};
use crate::selection::in_namespace;
use kube_facts::namespaces::{Membership, NamespaceScope, Namespaces};
use kube_facts::selector;
use kube_facts::{Key, Labels};

/// Whether a change of one ServiceMonitor can affect the resolution of `request`: whether it was or
/// is now selected.
///
/// A resolution without selected ServiceMonitors lists the nearest candidates, which every change
/// of a ServiceMonitor can affect.
#[must_use]
pub fn is_affected_by(
    namespaces: &Namespaces<'_>,
    request: &Request<'_>,
    key: &Key,
    old: Option<&ServiceMonitorFacts>,
    new: Option<&ServiceMonitorFacts>,
) -> bool {
    request.selections.iter().any(|selection| {
        let labels = [old, new].into_iter().flatten().map(|facts| &facts.labels);
        // Labels first: they exclude most ServiceMonitors at no cost.
        labels
            .into_iter()
            .any(|labels| selector::matches(&selection.selector, labels))
            && selection.validate().is_ok()
            && namespaces.membership(&selection.scope, request.namespace, &key.namespace)
                == Membership::In
    })
}

/// Whether a change of one Service can affect the resolution of `request`: whether a Prometheus pod
/// or a StoreAPI was or is now behind it, or a selected ServiceMonitor selected or selects it.
/// `world` is the state after the change.
///
/// A ServiceMonitor that selects no Service is reported with the nearest Service, which every
/// change of a Service's labels can affect.
#[must_use]
pub fn affects_services(
    world: &ClusterFacts<'_>,
    request: &Request<'_>,
    key: &Key,
    old: Option<&ServiceFacts>,
    new: Option<&ServiceFacts>,
) -> bool {
    let replicas = Replicas::within(world, &key.namespace);
    let mut changed = [old, new].into_iter().flatten();
    let leads = changed.any(|facts| {
        let places = replicas.in_namespace(&key.namespace);
        let pods = replicas.behind(places, &facts.selector);
        purported(world, pods, facts).is_some()
    });
    leads || is_selected(world, request, key, old, new)
}

/// Relevant parts of an application's Service: its labels, and whether it has endpoints.
fn as_application(facts: &ServiceFacts) -> (&Labels, bool) {
    (&facts.labels, facts.external.is_some())
}

/// Whether a selected ServiceMonitor selects a changed Service as an application.
fn is_selected(
    world: &ClusterFacts<'_>,
    request: &Request<'_>,
    key: &Key,
    old: Option<&ServiceFacts>,
    new: Option<&ServiceFacts>,
) -> bool {
    if old.map(as_application) == new.map(as_application) {
        return false;
    }
    let points_at = |(monitor, facts): &(&Key, &ServiceMonitorFacts)| {
        let in_namespace = match &facts.namespaces {
            TargetNamespaces::Own => monitor.namespace == key.namespace,
            TargetNamespaces::Any => true,
            TargetNamespaces::Names(names) => names.contains(&key.namespace),
        };
        let mut both = [old, new].into_iter().flatten();
        in_namespace && both.any(|service| selector::matches(&facts.selector, &service.labels))
    };
    world
        .service_monitors
        .iter()
        .filter(points_at)
        .any(|(monitor, facts)| {
            is_affected_by(&world.namespaces, request, monitor, Some(facts), None)
        })
}

/// Whether a change of one pod can affect the backends of a StoreAPI: whether it was or is now
/// behind a Service that exposes one.
#[must_use]
pub fn affects_backends(
    world: &ClusterFacts<'_>,
    key: &Key,
    old: Option<&BackendFacts>,
    new: Option<&BackendFacts>,
) -> bool {
    any_store_api(world, &key.namespace, |selector| {
        let mut both = [old, new].into_iter().flatten();
        both.any(|pod| is_behind(selector, pod))
    })
}

/// Whether a change of one StatefulSet can affect any resolution: whether it creates replicas of a
/// Prometheus or PrometheusAgent, or pods behind a Service that exposes a StoreAPI.
#[must_use]
pub fn affects_stateful_sets(
    world: &ClusterFacts<'_>,
    key: &Key,
    old: Option<&StatefulSetFacts>,
    new: Option<&StatefulSetFacts>,
) -> bool {
    let both = || [old, new].into_iter().flatten();
    both().any(|set| super::replicas::is_replica(&set.pod))
        || any_store_api(world, &key.namespace, |selector| {
            both().any(|set| makes_behind(selector, key, set))
        })
}

/// Whether a Service of a namespace that exposes a StoreAPI has such a selector. Services of Thanos
/// controllers count without pods.
fn any_store_api(
    world: &ClusterFacts<'_>,
    namespace: &str,
    matches: impl Fn(&Labels) -> bool,
) -> bool {
    // Ports first: they exclude most Services.
    in_namespace(world.services, namespace).any(|(_, facts)| {
        store_api_port(world, facts).is_some()
            && !facts.labels.contains_key(world.own_label)
            && matches(&facts.selector)
    })
}

/// Whether a change of one pod can affect any resolution: whether it was or is now a replica of a
/// Prometheus or PrometheusAgent.
#[must_use]
pub fn affects_pods(old: Option<&PodFacts>, new: Option<&PodFacts>) -> bool {
    [old, new]
        .into_iter()
        .flatten()
        .any(super::replicas::is_replica)
}

/// Whether a change of a namespace's labels can affect the resolution of `request`: whether the
/// request or any Prometheus selects namespaces by labels.
#[must_use]
pub fn affects_namespaces(world: &ClusterFacts<'_>, request: &Request<'_>) -> bool {
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
