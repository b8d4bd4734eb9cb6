//! Stores of a ThanosQuery, and which change affects which ThanosQuery.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::core::ApiResource;
use kube_facts::extract::Thin;
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::policy::PolicyFacts;
use kube_facts::selector;
use kube_facts::{Key, Labels, NamespaceFacts};
use operator_runtime::{Related, RelatedOf, Spec, Store};
use promop_compat::extract::{
    BackendSpec, PodSpec, PrometheusAgentSpec, ServiceMonitorSpec, ServiceSpec, StatefulSetSpec,
};
use promop_compat::kind;
use promop_compat::model::{
    BackendFacts, PodFacts, PrometheusAgentFacts, PrometheusFacts, ServiceFacts,
    ServiceMonitorFacts, StatefulSetFacts,
};
use promop_compat::resolve::{self, Request};
use serde::Deserialize;
use thanos_api::names::{Condition, Reason, label};
use thanos_api::v1alpha1::ThanosQuery;
use thanos_controller_common::related;
use thanos_workload::store_api;

use crate::QueryController;
use crate::components::{may_hold_components, store_scope};
use crate::spec_inputs::{desired, namespace, resource_gate, selections, without_sidecar};

/// ServiceMonitors of Thanos controllers are not used for discovery.
const NOT_OURS: &str = "!operator.thanos.io/owner,!operator.thanos.io/controller";
/// Label of pods of Prometheus Operator.
const PROMETHEUS_PODS: &str = "app.kubernetes.io/managed-by=prometheus-operator";
/// Finished pods are behind no Service, and Jobs leave many of them.
const RUNNING_PODS: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Labels of querier pods.
const QUERIER_PODS: &str =
    "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-query,operator.thanos.io/owner";

/// Stores of all related kinds.
#[derive(Default)]
pub struct Stores {
    /// ServiceMonitors.
    pub service_monitors: Store<ServiceMonitorFacts>,
    /// Prometheuses.
    pub prometheuses: Store<PrometheusFacts>,
    /// PrometheusAgents: templates of absent pods.
    pub prometheus_agents: Store<PrometheusAgentFacts>,
    /// Services.
    pub services: Store<ServiceFacts>,
    /// Pods that Prometheus Operator manages.
    pub pods: Store<PodFacts>,
    /// All pods, as seen by the Services in front of them.
    pub backends: Store<BackendFacts>,
    /// StatefulSets: templates of absent pods.
    pub stateful_sets: Store<StatefulSetFacts>,
    /// Namespaces.
    pub namespaces: Store<NamespaceFacts>,
    /// NetworkPolicies.
    pub policies: Store<PolicyFacts>,
    /// Querier pods, with the name of their ThanosQuery.
    pub queriers: Store<String>,
}

/// All related kinds and their stores.
#[must_use]
pub fn related() -> Vec<RelatedOf<QueryController>> {
    vec![
        Related::optional::<Thin<ServiceMonitorSpec>>(
            kind::SERVICE_MONITOR,
            Spec {
                store: |v: &Stores| &v.service_monitors,
                store_mut: |v: &mut Stores| &mut v.service_monitors,
                is_affected_by: service_monitor_affects,
            },
        )
        .labelled(NOT_OURS),
        related::prometheuses(
            |v: &Stores| &v.prometheuses,
            |v: &mut Stores| &mut v.prometheuses,
            // A ThanosQuery without discovery may still be scraped by a Prometheus.
            |_, query, _, _, _| resource_gate(query) != Some(false),
        ),
        Related::optional::<Thin<PrometheusAgentSpec>>(
            kind::PROMETHEUS_AGENT,
            Spec {
                store: |v: &Stores| &v.prometheus_agents,
                store_mut: |v: &mut Stores| &mut v.prometheus_agents,
                is_affected_by: |_, query, _, _, _| discovers(query),
            },
        ),
        Related::new::<Thin<ServiceSpec>>(
            ApiResource::erase::<Service>(&()),
            Spec {
                store: |v: &Stores| &v.services,
                store_mut: |v: &mut Stores| &mut v.services,
                is_affected_by: service_affects,
            },
        ),
        Related::new::<Thin<PodSpec>>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                store: |v: &Stores| &v.pods,
                store_mut: |v: &mut Stores| &mut v.pods,
                is_affected_by: |_, query, _, old, new| {
                    discovers(query) && resolve::affects_pods(old, new)
                },
            },
        )
        .labelled(PROMETHEUS_PODS),
        Related::new::<Thin<BackendSpec>>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                store: |v: &Stores| &v.backends,
                store_mut: |v: &mut Stores| &mut v.backends,
                is_affected_by: |stores, query, key, old, new| {
                    may_find_services(stores, query, key)
                        && resolve::affects_backends(&world(stores), key, old, new)
                },
            },
        )
        .fields(RUNNING_PODS)
        .debounced(),
        Related::new::<Thin<StatefulSetSpec>>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                store: |v: &Stores| &v.stateful_sets,
                store_mut: |v: &mut Stores| &mut v.stateful_sets,
                is_affected_by: |stores, query, key, old, new| {
                    may_find_services(stores, query, key)
                        && resolve::affects_stateful_sets(&world(stores), key, old, new)
                },
            },
        )
        .debounced()
        .dispensable(),
        Related::new::<Thin<QuerierPod>>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                store: |v: &Stores| &v.queriers,
                store_mut: |v: &mut Stores| &mut v.queriers,
                // Read only when a file changes.
                is_affected_by: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIER_PODS),
        related::namespaces(
            |v: &Stores| &v.namespaces,
            |v: &mut Stores| &mut v.namespaces,
            |_, query, key, _, _| selects_namespaces(query) || key.name == namespace(query),
        ),
        related::policies(
            |v: &Stores| &v.policies,
            |v: &mut Stores| &mut v.policies,
            |_, query, _, _, _| discovers(query),
        ),
    ]
}

/// Facts of a querier pod: only its labels.
#[derive(Clone, Debug, Default, Deserialize)]
struct QuerierPod {}

impl kube_facts::extract::Spec for QuerierPod {
    type Facts = String;

    /// Name of the ThanosQuery.
    fn into_facts(self, mut labels: Labels) -> String {
        labels.remove(label::OWNER).unwrap_or_default()
    }
}

/// Whether `query` selects ServiceMonitors.
fn discovers(query: &ThanosQuery) -> bool {
    resource_gate(query) != Some(false) && desired(query).next().is_some()
}

/// Whether `query` may discover a StoreAPI in the namespace of an object.
fn may_find_services(stores: &Stores, query: &ThanosQuery, key: &Key) -> bool {
    discovers(query) || may_hold_components(query, &key.namespace, &known(stores))
}

/// The cluster without limits of namespaces, to decide which changes affect which ThanosQuery.
fn world(stores: &Stores) -> resolve::ClusterFacts<'_> {
    resolve::ClusterFacts {
        service_monitors: stores.service_monitors.items(),
        services: stores.services.items(),
        pods: stores.pods.items(),
        backends: stores.backends.items(),
        stateful_sets: stores.stateful_sets.items(),
        prometheuses: Some(stores.prometheuses.items()),
        prometheus_agents: Some(stores.prometheus_agents.items()),
        namespaces: known(stores),
        own_label: label::OWNER,
        store_label: (label::STORE_API, label::TRUE),
    }
}

/// Whether namespace labels affect `query`. The evaluation of NetworkPolicies needs them too.
fn selects_namespaces(query: &ThanosQuery) -> bool {
    let store_namespaces = store_scope(query);
    discovers(query) || matches!(store_namespaces, NamespaceScope::Matching(_))
}

/// The known namespaces. Unwatched namespaces cause no events, so the limit of this process does
/// not matter.
fn known(stores: &Stores) -> Namespaces<'_> {
    Namespaces {
        listed: stores.namespaces.readable(),
        watched: None,
    }
}

fn service_monitor_affects(
    stores: &Stores,
    query: &ThanosQuery,
    key: &Key,
    old: Option<&ServiceMonitorFacts>,
    new: Option<&ServiceMonitorFacts>,
) -> bool {
    // Labels first: they exclude most ServiceMonitors without copying a selector.
    let may_be_selected = [old, new].into_iter().flatten().any(|facts| {
        let mut desired = desired(query);
        desired.any(|it| {
            it.selector
                .is_none_or(|s| selector::matches(s, &facts.labels))
        })
    });
    let is_selected = || {
        with_request(query, |spec_inputs| {
            resolve::is_affected_by(&known(stores), spec_inputs, key, old, new)
        })
    };
    (may_be_selected && is_selected())
        || (desired(query).next().is_some() && shows_candidates(query))
}

/// Calls `decide` with the discovery request of `query`.
fn with_request(query: &ThanosQuery, decide: impl Fn(&Request<'_>) -> bool) -> bool {
    decide(&Request {
        namespace: &namespace(query),
        selections: &selections(query),
        fields: &[],
        without_sidecar: without_sidecar(query),
    })
}

/// Whether the status may name the Service nearest to the selector of a ServiceMonitor, which the
/// labels of any Service can change. The status may be truncated.
fn shows_services(query: &ThanosQuery) -> bool {
    let Some(status) = &query.status else {
        return false;
    };
    let named = resolve::Reason::SelectsNoService.as_str();
    let listed = status.skipped.len();
    let total = usize::try_from(status.skipped_total.unwrap_or_default()).unwrap_or_default();
    total > listed || status.skipped.iter().any(|s| s.reason == named)
}

/// Whether the status names the nearest matches of a selector, which any ServiceMonitor can change.
fn shows_candidates(query: &ThanosQuery) -> bool {
    let conditions = query.status.iter().flat_map(|s| &s.common.conditions);
    conditions
        .filter(|c| c.type_ == Condition::EndpointsResolved.as_str())
        .any(|c| {
            [
                Reason::SelectorMatchesNothing,
                Reason::MatchesInOtherNamespaces,
            ]
            .iter()
            .any(|reason| c.reason == reason.as_str())
        })
}

fn service_affects(
    stores: &Stores,
    query: &ThanosQuery,
    key: &Key,
    old: Option<&ServiceFacts>,
    new: Option<&ServiceFacts>,
) -> bool {
    let either =
        |has: &dyn Fn(&Labels) -> bool| [old, new].into_iter().flatten().any(|s| has(&s.labels));
    let as_component = || {
        either(&store_api::is_offered) && may_hold_components(query, &key.namespace, &known(stores))
    };
    // A frontend without a selector uses the querier Service of this ThanosQuery.
    let frontend = query.spec.query_frontend.as_ref();
    let as_query_api = || {
        frontend
            .and_then(|f| f.query_label_selector.as_ref())
            .is_some_and(|desired| {
                key.namespace == namespace(query)
                    && either(&|labels| {
                        labels.contains_key(label::QUERY_API) && selector::matches(desired, labels)
                    })
            })
    };
    let is_relabelled = old.map(|s| &s.labels) != new.map(|s| &s.labels);
    let by_service_monitors = || {
        discovers(query)
            && (is_relabelled && shows_services(query)
                || with_request(query, |spec_inputs| {
                    resolve::affects_services(&world(stores), spec_inputs, key, old, new)
                }))
    };
    // A Service can be discovered in several ways, each for other ThanosQueries.
    as_component() || as_query_api() || by_service_monitors()
}

#[cfg(test)]
mod tests;
