//! What a ThanosQuery depends on, and which change concerns which ThanosQuery.

use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::core::ApiResource;
use operator_runtime::{Related, Spec, View};
use promop_compat::caps::Kind;
use promop_compat::model::{
    Key, NamespaceFacts, PodFacts, PrometheusFacts, ServiceFacts, ServiceMonitorFacts,
};
use promop_compat::namespaces::{NamespaceScope, Namespaces};
use promop_compat::policy::PolicyFacts;
use promop_compat::resolve::{self, Request};
use serde_json::Value;
use thanos_api::names::{Condition, Reason, label};
use thanos_api::v1alpha1::ThanosQuery;

use crate::QueryController;
use crate::components::{is_component, may_hold_components, store_scope};
use crate::request::{namespace, resource_gate, selections, without_sidecar};

/// The ServiceMonitors that we generate are no application's: they lead nowhere.
const NOT_OURS: &str = "!operator.thanos.io/owner";
/// Pods of Prometheus Operator carry this label.
const PROMETHEUS_PODS: &str = "app.kubernetes.io/managed-by=prometheus-operator";
/// Pods of queriers carry these labels.
const QUERIER_PODS: &str =
    "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-query,operator.thanos.io/owner";

/// Views of everything that is read.
#[derive(Default)]
pub struct Views {
    /// ServiceMonitors.
    pub service_monitors: View<ServiceMonitorFacts>,
    /// Prometheus resources.
    pub prometheuses: View<PrometheusFacts>,
    /// Services.
    pub services: View<ServiceFacts>,
    /// Pods that Prometheus Operator manages.
    pub pods: View<PodFacts>,
    /// Namespaces.
    pub namespaces: View<NamespaceFacts>,
    /// NetworkPolicies.
    pub policies: View<PolicyFacts>,
    /// Querier pods, with the name of the ThanosQuery they belong to.
    pub queriers: View<String>,
}

/// Every related kind, and how it gets into the views.
#[must_use]
pub fn related() -> Vec<Related<QueryController>> {
    vec![
        Related::optional(
            Kind::ServiceMonitor,
            Spec {
                view: |v: &Views| &v.service_monitors,
                view_mut: |v: &mut Views| &mut v.service_monitors,
                extract: ServiceMonitorFacts::from_object,
                affects: service_monitor_affects,
            },
        )
        .labelled(NOT_OURS),
        Related::optional(
            Kind::Prometheus,
            Spec {
                view: |v: &Views| &v.prometheuses,
                view_mut: |v: &mut Views| &mut v.prometheuses,
                extract: PrometheusFacts::from_object,
                affects: |_, query, _, _, _| discovers(query),
            },
        ),
        Related::new(
            ApiResource::erase::<Service>(&()),
            Spec {
                view: |v: &Views| &v.services,
                view_mut: |v: &mut Views| &mut v.services,
                extract: ServiceFacts::from_object,
                affects: service_affects,
            },
        ),
        Related::new(
            ApiResource::erase::<Pod>(&()),
            Spec {
                view: |v: &Views| &v.pods,
                view_mut: |v: &mut Views| &mut v.pods,
                extract: PodFacts::from_object,
                affects: |_, query, _, old, new| {
                    discovers(query) && resolve::affects_pods(old, new)
                },
            },
        )
        .labelled(PROMETHEUS_PODS),
        Related::new(
            ApiResource::erase::<Pod>(&()),
            Spec {
                view: |v: &Views| &v.queriers,
                view_mut: |v: &mut Views| &mut v.queriers,
                extract: |pod| text(&pod["metadata"]["labels"][label::OWNER]),
                // Which pods run is asked when a file changes.
                affects: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIER_PODS),
        Related::new(
            ApiResource::erase::<Namespace>(&()),
            Spec {
                view: |v: &Views| &v.namespaces,
                view_mut: |v: &mut Views| &mut v.namespaces,
                extract: NamespaceFacts::from_object,
                affects: |_, query, _, _, _| selects_namespaces(query),
            },
        )
        .cluster_scoped()
        .dispensable(),
        Related::new(
            ApiResource::erase::<NetworkPolicy>(&()),
            Spec {
                view: |v: &Views| &v.policies,
                view_mut: |v: &mut Views| &mut v.policies,
                extract: PolicyFacts::from_object,
                affects: |_, query, _, _, _| discovers(query),
            },
        ),
    ]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether ServiceMonitors lead `query` anywhere.
fn discovers(query: &ThanosQuery) -> bool {
    resource_gate(query) != Some(false) && !selections(query).is_empty()
}

/// Whether labels of namespaces decide anything for `query`. The verdicts on NetworkPolicies need
/// them too.
fn selects_namespaces(query: &ThanosQuery) -> bool {
    let stores = store_scope(query);
    discovers(query) || matches!(stores, NamespaceScope::Matching(_))
}

fn service_monitor_affects(
    views: &Views,
    query: &ThanosQuery,
    key: &Key,
    old: Option<&ServiceMonitorFacts>,
    new: Option<&ServiceMonitorFacts>,
) -> bool {
    let selections = selections(query);
    let own = namespace(query);
    let request = Request {
        namespace: &own,
        selections: &selections,
        without_sidecar: without_sidecar(query),
    };
    let namespaces = Namespaces {
        listed: views.namespaces.readable(),
        watched: None,
    };
    resolve::affects(&namespaces, &request, key, old, new)
        || (!selections.is_empty() && shows_candidates(query))
}

/// Whether the status names what a selector nearly matches, which any ServiceMonitor can change.
fn shows_candidates(query: &ThanosQuery) -> bool {
    let conditions = query.status.iter().flat_map(|s| &s.conditions);
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
    views: &Views,
    query: &ThanosQuery,
    key: &Key,
    old: Option<&ServiceFacts>,
    new: Option<&ServiceFacts>,
) -> bool {
    let mut facts = [old, new].into_iter().flatten();
    if facts.any(|s| is_component(&s.labels)) {
        let namespaces = Namespaces {
            listed: views.namespaces.readable(),
            watched: None,
        };
        return may_hold_components(query, &key.namespace, &namespaces);
    }
    let mut facts = [old, new].into_iter().flatten();
    if facts.any(|s| s.labels.contains_key(label::QUERY_API)) {
        return query.spec.query_frontend.is_some() && key.namespace == namespace(query);
    }
    discovers(query) && {
        let world = resolve::World {
            service_monitors: views.service_monitors.items(),
            services: views.services.items(),
            pods: views.pods.items(),
            prometheuses: Some(views.prometheuses.items()),
            namespaces: Namespaces::default(),
            own_label: label::OWNER,
            store_label: (label::STORE_API, label::TRUE),
        };
        resolve::affects_services(&world, key, old, new)
    }
}
