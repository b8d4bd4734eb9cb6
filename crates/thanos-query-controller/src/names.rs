//! Names and labels of the objects of a ThanosQuery named `cr`. Querier and frontend use the names of the Go
//! operator.

use kube_facts::Key;
use thanos_api::names::label;
use thanos_workload::labels::{Identity, Map};
use thanos_workload::names::{child, child_of_many};

/// Deployment, ServiceAccount, PodDisruptionBudget, ServiceMonitor and headless Service of the
/// queriers.
#[must_use]
pub fn querier(cr: &str) -> String {
    child(&["thanos-query", cr])
}

/// Service of the queriers for clients, with one virtual address.
#[must_use]
pub fn client_service(cr: &str) -> String {
    child(&["thanos-query", cr, "client"])
}

/// ConfigMap of the endpoint file.
#[must_use]
pub fn endpoints(cr: &str) -> String {
    child(&["thanos-query", cr, "endpoints"])
}

/// Objects of the query frontend.
#[must_use]
pub fn frontend(cr: &str) -> String {
    child(&["thanos-query-frontend", cr])
}

/// Name prefix of all objects of bridges, and name of their program and its container; Thanos dashboards
/// match it in the job label.
pub const BRIDGE: &str = "thanos-sidecar";

/// Objects shared by the bridges: ServiceAccount, ServiceMonitor, NetworkPolicy.
#[must_use]
pub fn bridges(cr: &str) -> String {
    child(&[BRIDGE, cr])
}

/// Deployment and Service of the bridge for a Prometheus pod. The name ends in a hash, because pods
/// of different namespaces may have the same name.
#[must_use]
pub fn bridge(cr: &str, pod: &Key) -> String {
    child_of_many(&[BRIDGE, cr, &pod.name], &format!("{cr}/{pod}"))
}

/// Name prefix of the policies that open discovered pods.
#[must_use]
pub fn openings(cr: &str) -> String {
    child(&["thanos-query", cr, "open"])
}

/// Name of the program of queriers and of its container.
pub const QUERIER: &str = "thanos-query";
/// Name of the program of frontends and of its container.
pub const FRONTEND: &str = "thanos-query-frontend";
/// Component of bridges. Their program is [`BRIDGE`].
const BRIDGE_COMPONENT: &str = "prometheus-bridge";

/// Identity of the queriers of a ThanosQuery.
#[must_use]
pub fn querier_identity(cr: &str) -> Identity {
    Identity {
        name: querier(cr),
        program: QUERIER,
        component: "query-layer",
        owner: cr.to_owned(),
        extra: vec![(label::QUERY_API, label::TRUE.to_owned())],
    }
}

/// Identity of the query frontend.
#[must_use]
pub fn frontend_identity(cr: &str) -> Identity {
    Identity {
        name: frontend(cr),
        program: FRONTEND,
        component: "query-frontend",
        owner: cr.to_owned(),
        extra: Vec::new(),
    }
}

/// Identity of the bridge for a Prometheus pod.
#[must_use]
pub fn bridge_identity(cr: &str, pod: &Key) -> Identity {
    Identity {
        name: bridge(cr, pod),
        program: BRIDGE,
        component: BRIDGE_COMPONENT,
        owner: cr.to_owned(),
        extra: Vec::new(),
    }
}

/// Labels shared by all bridges of a ThanosQuery.
#[must_use]
pub fn bridge_labels(cr: &str) -> Map {
    let mut labels = bridges_identity(cr).selector_labels();
    labels.remove(label::INSTANCE);
    labels
}

/// Identity of all bridges of a ThanosQuery.
#[must_use]
pub fn bridges_identity(cr: &str) -> Identity {
    Identity {
        name: bridges(cr),
        program: BRIDGE,
        component: BRIDGE_COMPONENT,
        owner: cr.to_owned(),
        extra: Vec::new(),
    }
}
