//! Computes the inputs of plan and status from the stores. No IO.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube_facts::Key;
use kube_facts::selector;
use operator_runtime::{Cluster, Store};
use promop_compat::gate::Gate;
use promop_compat::kind;
use promop_compat::model::ServiceFacts;
use promop_compat::resolve::{Endpoint, Request, Resolution, resolve};
use thanos_api::names::label;
use thanos_api::v1alpha1::{EndpointStatus, ThanosQuery};
use thanos_controller_common::scope::{CommonInputs, is_disabled, is_frozen};
use thanos_workload::store_api;

use crate::bridges;
use crate::components::{ComponentService, components, served, store_scope};
use crate::merge::{merge, services_of};
use crate::network::Network;
use crate::plan::{self, replica_labels};
use crate::plan_inputs::{PlanInputs, QueryApi, StoreAddress};
use crate::retained_endpoints::RetainedEndpoints;
use crate::spec_inputs::{namespace, selections, selector_fields, without_sidecar};
use crate::status_inputs::{StatusInputs, endpoint_status};
use crate::stores::Stores;
use crate::{Observed, QueryController};

/// Name of the port that serves the Query API.
const HTTP_PORT: &str = "http";

/// Observes one ThanosQuery.
pub(crate) fn observe(
    controller: &QueryController,
    stores: &Stores,
    cluster: Cluster<'_>,
    query: &Arc<ThanosQuery>,
) -> Observed {
    let gates = controller.scope.gates(&query.spec.integration, cluster);
    let (monitors, prometheuses) = (gates.of(kind::SERVICE_MONITOR), gates.of(kind::PROMETHEUS));
    let (selections, fields) = (selections(query), selector_fields(query));
    let own = namespace(query);

    let desired = !selections.is_empty() && !is_disabled(monitors);
    let unknown = stores.service_monitors.is_unknown() || stores.prometheuses.is_unknown();
    let retained_endpoints = Some(query)
        .filter(|_| desired && unknown)
        .and_then(|q| RetainedEndpoints::of(q));
    let readable = is_usable(prometheuses, &stores.prometheuses);
    // Agents hold no data, so nothing is retained while their CRD is absent.
    let agents = gates.of(kind::PROMETHEUS_AGENT).is_open();
    let world = controller.world(stores, readable, agents);
    let mut resolution =
        if retained_endpoints.is_none() && is_usable(monitors, &stores.service_monitors) {
            let spec_inputs = Request {
                namespace: &own,
                selections: &selections,
                fields: &fields,
                without_sidecar: without_sidecar(query),
            };
            resolve(&world, &spec_inputs)
        } else {
            Resolution::default()
        };
    let frozen = retained_endpoints.is_some()
        || desired && (is_frozen(&stores.service_monitors) || is_frozen(&stores.prometheuses));

    let namespaces = controller.scope.namespaces(&stores.namespaces);
    let store_namespaces = store_scope(query);
    let services = stores.services.items();
    let mut components = served(components(query, services, &namespaces), &world);
    let groups = merge(
        &mut resolution,
        &mut components,
        services,
        retained_endpoints.as_ref(),
    );
    let labelled = services_of(&resolution).filter(|key| {
        let facts = services.get(key);
        facts.is_some_and(|facts| store_api::is_offered(&facts.labels))
    });
    let offered = components
        .iter()
        .map(ComponentService::service)
        .chain(labelled);
    let component_labels =
        offered.filter_map(|key| store_api::replica_label(&services.get(key)?.labels));
    let (learned, refused) = learn(query, &resolution, component_labels);
    let network = Network::new(query, stores, &namespaces);
    let (discovered, openings) = discovered(query, &network, &resolution.endpoints);

    let plan_inputs = PlanInputs {
        query: query.clone(),
        settings: controller.settings.clone(),
        service_monitors: monitors.is_open(),
        endpoints: resolution.endpoints.clone(),
        retained_endpoints: retained_endpoints.clone(),
        groups,
        stores: components.iter().filter_map(store_address).collect(),
        query_apis: query_apis(query, services, &own),
        learned_replica_labels: learned.clone(),
        openings,
    };
    let scraping = readable.then(|| stores.prometheuses.items());
    let status_inputs = StatusInputs {
        common: CommonInputs {
            gates: vec![
                (kind::SERVICE_MONITOR, monitors),
                (kind::PROMETHEUS, prometheuses),
            ],
            monitored: gates.monitored(&own, &plan::monitors(&plan_inputs), scraping, namespaces),
        },
        selector_fields: fields,
        discovered: match &retained_endpoints {
            Some(retained_endpoints) => retained_endpoints.endpoints.clone(),
            None => discovered,
        },
        unlisted: retained_endpoints.as_ref().map_or(0, |s| s.unlisted),
        unevaluable_stores: !namespaces.can_evaluate(&store_namespaces),
        frozen,
        replica_labels: replica_labels::effective(&query.spec, &learned),
        learned_labels: learned,
        refused_labels: refused,
        resolution,
        components,
    };
    Observed {
        plan_inputs,
        status_inputs,
    }
}

/// Whether objects of a kind are used: they are live, frozen since the CRD was deleted, or being
/// listed again.
fn is_usable<F: PartialEq>(gate: Gate, store: &Store<F>) -> bool {
    gate.is_open() || (!store.items().is_empty() && !is_disabled(gate))
}

fn store_address(component: &ComponentService) -> Option<StoreAddress> {
    match component {
        ComponentService::Endpoint { address, group, .. } => Some(StoreAddress {
            address: address.clone(),
            group: *group,
        }),
        ComponentService::WithoutPort { .. } | ComponentService::Unserved { .. } => None,
    }
}

/// Query APIs that the frontend of `query` selects.
fn query_apis(
    query: &ThanosQuery,
    services: &BTreeMap<Key, ServiceFacts>,
    own: &str,
) -> Vec<QueryApi> {
    let frontend = query.spec.query_frontend.as_ref();
    let Some(desired) = frontend.and_then(|f| f.query_label_selector.as_ref()) else {
        return Vec::new();
    };
    services
        .range(Key::new(own, "")..)
        .take_while(|(key, _)| key.namespace == own)
        .filter(|(_, facts)| {
            facts
                .labels
                .get(label::QUERY_API)
                .is_some_and(|v| v == label::TRUE)
        })
        .filter(|(_, facts)| selector::matches(desired, &facts.labels))
        .filter_map(|(key, facts)| {
            let mut ports = facts.ports.iter();
            let port = ports.find(|p| p.name.as_deref() == Some(HTTP_PORT))?;
            Some(QueryApi {
                name: key.name.clone(),
                labels: facts.labels.clone(),
                port: port.port,
            })
        })
        .collect()
}

/// Learned and refused replica labels. Labels learned earlier are kept, since without them every
/// series of old data would appear twice. Component labels that the queriers use anyway are not
/// learned.
fn learn<'a>(
    query: &ThanosQuery,
    resolution: &Resolution,
    component_labels: impl Iterator<Item = &'a str>,
) -> (Vec<String>, Vec<String>) {
    let known = query.status.iter().flat_map(|s| &s.learned_replica_labels);
    let mut learned: BTreeSet<String> = known.cloned().collect();
    let in_use = replica_labels::effective(&query.spec, &[]);
    let component_labels = component_labels
        .map(str::to_owned)
        .filter(|label| !in_use.contains(label));
    let found = resolution
        .replica_labels
        .iter()
        .cloned()
        .chain(component_labels);
    let (new, refused): (BTreeSet<_>, BTreeSet<_>) =
        found.partition(|label| replica_labels::learnable(label));
    learned.extend(new);
    (learned.into_iter().collect(), refused.into_iter().collect())
}

/// Endpoints for the status, and NetworkPolicies that allow blocked connections to pods of this
/// namespace.
fn discovered(
    query: &ThanosQuery,
    network: &Network<'_>,
    endpoints: &[Endpoint],
) -> (Vec<EndpointStatus>, Vec<NetworkPolicy>) {
    let mut openings: BTreeMap<String, NetworkPolicy> = BTreeMap::new();
    let statuses = endpoints
        .iter()
        .map(|endpoint| {
            let address = bridges::address(query, endpoint);
            let address = address.unwrap_or_else(|| endpoint.address.clone());
            if let Some(opening) = network.opening(endpoint) {
                openings.insert(opening.name_any(), opening);
            }
            endpoint_status(endpoint, address, network.blocked(endpoint))
        })
        .collect();
    (statuses, openings.into_values().collect())
}
