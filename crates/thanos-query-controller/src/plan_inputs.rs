//! Inputs of the plan of a ThanosQuery: only facts, no clock and no client.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube_facts::Labels;
use promop_compat::resolve::Endpoint;
use thanos_api::v1alpha1::ThanosQuery;
pub use thanos_controller_common::Settings;

use crate::retained_endpoints::RetainedEndpoints;

/// Observation of one reconcile.
#[derive(Clone, Debug)]
pub struct PlanInputs {
    /// The custom resource.
    pub query: Arc<ThanosQuery>,
    /// Settings from the command line.
    pub settings: Settings,
    /// Whether ServiceMonitors are written: both gates are open and the CRD exists.
    pub service_monitors: bool,
    /// Resolution of the selected ServiceMonitors.
    pub endpoints: Vec<Endpoint>,
    /// Endpoints from the status, retained while the CRDs are unreadable; `endpoints` is empty
    /// then.
    pub retained_endpoints: Option<RetainedEndpoints>,
    /// Addresses of discovered endpoints that are groups: their pods hold the same data, so one of
    /// them answers each query.
    pub groups: BTreeSet<String>,
    /// StoreAPIs of Thanos components.
    pub stores: Vec<StoreAddress>,
    /// Services of this namespace that serve the Query API and that the frontend selects, including
    /// the existing one of this ThanosQuery.
    pub query_apis: Vec<QueryApi>,
    /// Replica labels learned from discovery, including those already in the status.
    pub learned_replica_labels: Vec<String>,
    /// Policies that allow connections to discovered pods of this namespace.
    pub openings: Vec<NetworkPolicy>,
}

/// StoreAPI of a Thanos component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreAddress {
    /// Address in the syntax of Thanos.
    pub address: String,
    /// The pods hold the same data, so one of them answers each query.
    pub group: bool,
}

/// Service that serves the Query API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryApi {
    /// Name of the Service.
    pub name: String,
    /// Labels of the Service.
    pub labels: Labels,
    /// Number of the port `http`.
    pub port: u16,
}
