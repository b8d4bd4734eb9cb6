//! Everything that the plan of a ThanosQuery depends on. Facts only: no clock, no client.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube_facts::Labels;
use promop_compat::resolve::Endpoint;
use thanos_api::v1alpha1::ThanosQuery;
pub use thanos_controller_common::Settings;

use crate::retained_endpoints::RetainedEndpoints;

/// What one pass saw.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The custom resource.
    pub query: Arc<ThanosQuery>,
    /// What the controller was started with.
    pub settings: Settings,
    /// Whether ServiceMonitors may be written: both gates are open and the kind is there.
    pub service_monitors: bool,
    /// What the selected ServiceMonitors resolve to.
    pub endpoints: Vec<Endpoint>,
    /// What they resolved to before nobody could say any more; then `endpoints` is empty.
    pub retained_endpoints: Option<RetainedEndpoints>,
    /// Addresses of discovered endpoints that are groups: their pods hold the same data, one of them
    /// answers each query.
    pub groups: BTreeSet<String>,
    /// StoreAPIs of Thanos components.
    pub stores: Vec<StoreAddress>,
    /// Services of this namespace that serve the Query API and that the frontend selects, those of
    /// this resource included as far as they exist.
    pub query_apis: Vec<QueryApi>,
    /// Replica labels learned from what is discovered, with those that the status already lists.
    pub learned_replica_labels: Vec<String>,
    /// Policies that would open the way to discovered pods of this namespace.
    pub openings: Vec<NetworkPolicy>,
}

/// The StoreAPI of a Thanos component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreAddress {
    /// Address, as Thanos takes it.
    pub address: String,
    /// Its pods hold the same data, one of them answers each query.
    pub group: bool,
}

/// A Service that serves the Query API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryApi {
    /// Name of the Service.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Number of its port `http`.
    pub port: u16,
}
