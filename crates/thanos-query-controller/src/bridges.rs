//! Bridged endpoints: the name and the address of each bridge. No IO.

use kube::ResourceExt;
use kube_facts::Key;
use promop_compat::resolve::{BridgeTarget, Endpoint, Via};
use thanos_api::v1alpha1::ThanosQuery;
use thanos_workload::ports;

use crate::names;

/// Address of the bridge for `endpoint`; `None` if it is not bridged. Queriers resolve it
/// repeatedly, so a recreated Service is found.
#[must_use]
pub fn address(query: &ThanosQuery, endpoint: &Endpoint) -> Option<String> {
    let name = name(query, endpoint)?;
    let namespace = query.namespace().unwrap_or_default();
    Some(format!("dns+{name}.{namespace}.svc:{}", ports::GRPC_NUMBER))
}

/// Deployment of the bridge for `endpoint`; `None` if it is not bridged.
#[must_use]
pub fn name(query: &ThanosQuery, endpoint: &Endpoint) -> Option<String> {
    let (pod, _) = target(endpoint)?;
    Some(names::bridge(&query.name_any(), pod))
}

/// Prometheus pod and API of a bridged endpoint.
#[must_use]
pub fn target(endpoint: &Endpoint) -> Option<(&Key, &BridgeTarget)> {
    match endpoint.via {
        Via::Bridge => endpoint.pod.as_ref().zip(endpoint.bridge.as_ref()),
        Via::Sidecar | Via::Service => None,
    }
}
