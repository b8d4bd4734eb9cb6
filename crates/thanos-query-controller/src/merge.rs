//! Merges discovery by ServiceMonitors with discovery by labels: a Service that both discover is
//! one endpoint (a group if it is labelled as one) and is reported as skipped once. No IO.

use std::collections::{BTreeMap, BTreeSet};

use kube_facts::Key;
use promop_compat::model::ServiceFacts;
use promop_compat::resolve::{Finding, Reason, Resolution, Subject, Via};
use thanos_api::v1alpha1::EndpointVia;

use crate::components::{ComponentService, group_address};
use crate::retained_endpoints::RetainedEndpoints;

/// Services among the endpoints of a resolution.
pub(crate) fn services_of(resolution: &Resolution) -> impl Iterator<Item = &Key> {
    let endpoints = resolution.endpoints.iter();
    endpoints
        .filter(|e| e.via == Via::Service)
        .filter_map(|e| e.chain.service.as_ref())
}

/// Removes duplicates between `resolution` and `components`, and all but one ExternalName Service
/// per address. Sets the address of groups and returns the addresses of discovered groups.
pub(crate) fn merge(
    resolution: &mut Resolution,
    components: &mut Vec<ComponentService>,
    services: &BTreeMap<Key, ServiceFacts>,
    retained_endpoints: Option<&RetainedEndpoints>,
) -> BTreeSet<String> {
    let announced: BTreeSet<Key> = components
        .iter()
        .filter(|c| matches!(c, ComponentService::Endpoint { .. }))
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
        matches!(component, ComponentService::Endpoint { .. })
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
    // ExternalName Services with the same name are one endpoint.
    let mut addresses = BTreeSet::new();
    components.retain(|component| match component {
        ComponentService::Endpoint { address, .. } => addresses.insert(address.clone()),
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
    // For a group, one address is intended.
    resolution.notes.retain(|note| match &note.subject {
        Subject::Service(key) => note.reason != Reason::NotHeadless || group(key).is_none(),
        _ => true,
    });
    groups
}
