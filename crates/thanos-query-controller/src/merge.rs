//! One Service can be discovered by a ServiceMonitor and by its labels. It is one endpoint, a group
//! whichever way it is discovered, and each of its faults is reported once. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kube_facts::Key;
use promop_compat::model::ServiceFacts;
use promop_compat::resolve::{Finding, Reason, Resolution, Subject, Via};
use thanos_api::v1alpha1::EndpointVia;

use crate::components::{Reconciler, group_address};
use crate::retained_endpoints::RetainedEndpoints;

/// The Services among the endpoints of a resolution.
pub(crate) fn services_of(resolution: &Resolution) -> impl Iterator<Item = &Key> {
    let endpoints = resolution.endpoints.iter();
    endpoints
        .filter(|e| e.via == Via::Service)
        .filter_map(|e| e.chain.service.as_ref())
}

/// Removes what both discovered from one of them, and all but one of the Services of type ExternalName
/// that are aliases of one address. Gives groups their address. Returns the
/// addresses of groups among the discovered endpoints.
pub(crate) fn merge(
    resolution: &mut Resolution,
    components: &mut Vec<Reconciler>,
    services: &BTreeMap<Key, ServiceFacts>,
    retained_endpoints: Option<&RetainedEndpoints>,
) -> BTreeSet<String> {
    let announced: BTreeSet<Key> = components
        .iter()
        .filter(|c| matches!(c, Reconciler::Endpoint { .. }))
        .map(|c| c.service().clone())
        .collect();
    resolution.endpoints.retain(|endpoint| {
        let service = endpoint.chain.service.as_ref();
        endpoint.via != Via::Service || service.is_none_or(|key| !announced.contains(key))
    });
    let discovered: BTreeSet<Key> = services_of(resolution).cloned().collect();
    let reported = |key: &Key| {
        let about = Subject::Service(key.clone());
        let is_about = |f: &Finding| f.subject == about;
        resolution.skipped.iter().any(is_about)
    };
    components.retain(|component| {
        let key = component.service();
        matches!(component, Reconciler::Endpoint { .. })
            || !(discovered.contains(key) || reported(key))
    });

    let group = |key: &Key| group_address(key, services.get(key)?);
    let mut groups = BTreeSet::new();
    for endpoint in &mut resolution.endpoints {
        let service = endpoint.chain.service.as_ref();
        let service = service.filter(|_| endpoint.via == Via::Service);
        if let Some(address) = service.and_then(group) {
            endpoint.address.clone_from(&address);
            groups.insert(address);
        }
    }
    // Aliases of one name are one endpoint.
    let mut addresses = BTreeSet::new();
    components.retain(|component| match component {
        Reconciler::Endpoint { address, .. } => addresses.insert(address.clone()),
        _ => true,
    });
    resolution.endpoints.retain(|endpoint| {
        endpoint.via != Via::Service || addresses.insert(endpoint.address.clone())
    });
    let retained_endpoints = retained_endpoints.into_iter().flat_map(|s| &s.endpoints);
    let retained_endpoints = retained_endpoints.filter(|e| e.via == EndpointVia::Service);
    groups.extend(retained_endpoints.filter_map(|endpoint| {
        let (namespace, name) = endpoint.service.as_deref()?.split_once('/')?;
        group(&Key::new(namespace, name)).filter(|address| *address == endpoint.address)
    }));
    // One pod of a group is meant to answer.
    resolution.notes.retain(|note| match &note.subject {
        Subject::Service(key) => note.reason != Reason::NotHeadless || group(key).is_none(),
        _ => true,
    });
    groups
}
