//! What a ThanosQuery depends on, and which change concerns which ThanosQuery.

use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::core::ApiResource;
use operator_runtime::{Related, Spec, View};
use promop_compat::caps::Kind;
use promop_compat::model::{
    Key, Labels, NamespaceFacts, PodFacts, PrometheusFacts, ServiceFacts, ServiceMonitorFacts,
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

/// The namespaces as far as they are known. What is not watched causes no events, so the limit of
/// this process does not matter.
fn known(views: &Views) -> Namespaces<'_> {
    Namespaces {
        listed: views.namespaces.readable(),
        watched: None,
    }
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
    resolve::affects(&known(views), &request, key, old, new)
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
    let either =
        |has: fn(&Labels) -> bool| [old, new].into_iter().flatten().any(|s| has(&s.labels));
    let as_component =
        || either(is_component) && may_hold_components(query, &key.namespace, &known(views));
    let as_query_api = || {
        either(|labels| labels.contains_key(label::QUERY_API))
            && query.spec.query_frontend.is_some()
            && key.namespace == namespace(query)
    };
    let by_service_monitors = || {
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
    };
    // One Service can be found in several ways, and each of them concerns other ThanosQuery.
    as_component() || as_query_api() || by_service_monitors()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(namespace: &str, spec: Value) -> ThanosQuery {
        serde_json::from_value(json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
            "metadata": {"name": "q", "namespace": namespace}, "spec": spec,
        }))
        .unwrap()
    }

    fn service(labels: Value) -> ServiceFacts {
        ServiceFacts::from_object(&json!({
            "metadata": {"labels": labels},
            "spec": {"selector": {"app": "x"}, "ports": [{"name": "grpc", "port": 10901}]},
        }))
    }

    #[test]
    fn a_service_wakes_all_that_may_find_it_in_any_way() {
        let query_api = json!({label::QUERY_API: "true"});
        let store_api = json!({label::STORE_API: "true", label::PART_OF: "thanos"});
        let frontend = json!({"queryFrontend": {}});
        let discovery = json!({"serviceMonitorSelector": {}});
        let everywhere = json!({"storeNamespaceSelector": {}});
        let closed = json!({"serviceMonitorSelector": {},
            "featureGates": {"enablePrometheusOperatorCRDs": false}});
        for (labels, namespace, spec, expected) in [
            (&query_api, "there", &frontend, true),
            (&query_api, "here", &frontend, false),
            (&query_api, "there", &json!({}), false),
            (&query_api, "here", &discovery, true),
            (&query_api, "here", &closed, false),
            (&store_api, "there", &json!({}), true),
            (&store_api, "here", &json!({}), false),
            (&store_api, "here", &everywhere, true),
            (&store_api, "here", &discovery, true),
            (&json!({}), "there", &frontend, false),
            (&json!({}), "here", &discovery, true),
            // Our own are found by their labels alone.
            (&json!({label::OWNER: "x"}), "here", &discovery, false),
        ] {
            let facts = service(labels.clone());
            let query = query(namespace, spec.clone());
            for (old, new) in [(None, Some(&facts)), (Some(&facts), None)] {
                let found =
                    service_affects(&Views::default(), &query, &Key::new("there", "s"), old, new);
                assert_eq!(found, expected, "{labels} for {namespace} {spec}");
            }
        }
    }
}
