//! Names of the objects of a ThanosQuery named `cr`. Querier and frontend use the names of the Go
//! operator.

use kube_facts::Key;
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

/// Name prefix of all objects of bridges.
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
