//! Names of the objects of a ThanosQuery named `cr`. Those of the querier and the frontend are the
//! Go operator's.

use kube_facts::Key;
use thanos_workload::names::{child, child_of_many};

/// The queriers' Deployment, ServiceAccount, budget, monitor and headless Service.
#[must_use]
pub fn querier(cr: &str) -> String {
    child(&["thanos-query", cr])
}

/// The queriers' Service for clients: one virtual address.
#[must_use]
pub fn client_service(cr: &str) -> String {
    child(&["thanos-query", cr, "client"])
}

/// The ConfigMap that holds the endpoint file.
#[must_use]
pub fn endpoints(cr: &str) -> String {
    child(&["thanos-query", cr, "endpoints"])
}

/// The objects of the query frontend.
#[must_use]
pub fn frontend(cr: &str) -> String {
    child(&["thanos-query-frontend", cr])
}

/// How the names of all objects of bridges start.
pub const BRIDGE: &str = "thanos-sidecar";

/// What the bridges share: ServiceAccount, monitor, policy.
#[must_use]
pub fn bridges(cr: &str) -> String {
    child(&[BRIDGE, cr])
}

/// The bridge for a Prometheus pod: its Deployment and Service. It ends in a hash, because pods of
/// two namespaces may have one name.
#[must_use]
pub fn bridge(cr: &str, pod: &Key) -> String {
    child_of_many(&[BRIDGE, cr, &pod.name], &format!("{cr}/{pod}"))
}

/// How the names of the policies that open a way to discovered pods start.
#[must_use]
pub fn openings(cr: &str) -> String {
    child(&["thanos-query", cr, "open"])
}
