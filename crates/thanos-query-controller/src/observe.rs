//! From views to what a plan and a status are made of. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use promop_compat::caps::{Caps, Gate, Kind};
use promop_compat::model::{Key, ServiceFacts};
use promop_compat::resolve::{Endpoint, Request, Resolution, Via, resolve};
use promop_compat::selector;
use thanos_api::names::label;
use thanos_api::v1alpha1::ThanosQuery;

use crate::components::{Component, components, store_scope};
use crate::network::Network;
use crate::observed::{Observed, QueryApi, StoreAddress};
use crate::plan::{bridge_address, replica_labels};
use crate::report::{Blocked, Report};
use crate::request::{namespace, selections, without_sidecar};
use crate::views::Views;
use crate::{QueryController, Seen};

/// The name of the port that serves the Query API.
const HTTP_PORT: &str = "http";

/// Reads the views for one ThanosQuery.
pub(crate) fn observe(
    controller: &QueryController,
    views: &Views,
    caps: Caps,
    query: &Arc<ThanosQuery>,
) -> Seen {
    let gate = |kind| controller.gate(query, caps, kind);
    let (monitors, prometheuses) = (gate(Kind::ServiceMonitor), gate(Kind::Prometheus));
    let selections = selections(query);
    let own = namespace(query);

    let frozen_monitors = views.service_monitors.frozen_since();
    let frozen_prometheuses = views.prometheuses.frozen_since();
    let resolution = if is_usable(monitors, frozen_monitors.is_some()) {
        let readable = is_usable(prometheuses, frozen_prometheuses.is_some());
        let request = Request {
            namespace: &own,
            selections: &selections,
            without_sidecar: without_sidecar(query),
        };
        resolve(&controller.world(views, readable), &request)
    } else {
        Resolution::default()
    };
    let frozen_since = match selections.is_empty() || is_disabled(monitors) {
        true => None,
        false => frozen_monitors.into_iter().chain(frozen_prometheuses).min(),
    };

    let namespaces = controller.namespaces(views);
    let stores = store_scope(query);
    let components = components(query, views.services.items(), &namespaces);
    let (learned, refused) = learn(query, &resolution);
    let network = Network::new(query, views, &namespaces);
    let (blocked, openings) = ways(&network, &resolution.endpoints);

    let report = Report {
        gates: vec![
            (Kind::ServiceMonitor, monitors),
            (Kind::Prometheus, prometheuses),
        ],
        selections: selections.len(),
        addresses: resolution
            .endpoints
            .iter()
            .map(|e| address(query, e))
            .collect(),
        blocked,
        unevaluable_stores: !namespaces.can_evaluate(&stores),
        frozen_since,
        replica_labels: replica_labels::effective(&query.spec, &learned),
        learned_labels: learned.clone(),
        refused_labels: refused,
        resolution,
        components,
    };
    let observed = Observed {
        query: query.clone(),
        settings: controller.settings.clone(),
        service_monitors: monitors.is_open(),
        endpoints: report.resolution.endpoints.clone(),
        stores: report.components.iter().filter_map(store).collect(),
        query_apis: query_apis(query, views.services.items(), &own),
        learned_replica_labels: learned,
        openings,
    };
    Seen { observed, report }
}

/// Whether a kind's objects count: they are live, or stand as they were when the kind went.
fn is_usable(gate: Gate, frozen: bool) -> bool {
    gate.is_open() || (frozen && !is_disabled(gate))
}

/// Whether somebody wants it off; that ends a freeze at once.
fn is_disabled(gate: Gate) -> bool {
    matches!(gate, Gate::DisabledByOperator | Gate::DisabledByResource)
}

fn address(query: &ThanosQuery, endpoint: &Endpoint) -> String {
    bridge_address(query, endpoint).unwrap_or_else(|| endpoint.address.clone())
}

fn store(component: &Component) -> Option<StoreAddress> {
    match component {
        Component::Endpoint { address, group, .. } => Some(StoreAddress {
            address: address.clone(),
            group: *group,
        }),
        Component::WithoutPort { .. } => None,
    }
}

/// What the frontend of `query` selects. A namespace can hold many, so the others are not copied.
fn query_apis(
    query: &ThanosQuery,
    services: &BTreeMap<Key, ServiceFacts>,
    own: &str,
) -> Vec<QueryApi> {
    let frontend = query.spec.query_frontend.as_ref();
    let Some(wanted) = frontend.and_then(|f| f.query_label_selector.as_ref()) else {
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
        .filter(|(_, facts)| selector::matches(wanted, &facts.labels))
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

/// The learned replica labels, those of earlier passes included, since a label that went would
/// show every series of old data twice; and those that are refused.
fn learn(query: &ThanosQuery, resolution: &Resolution) -> (Vec<String>, Vec<String>) {
    let known = query.status.iter().flat_map(|s| &s.learned_replica_labels);
    let mut learned: BTreeSet<String> = known.cloned().collect();
    let (new, refused): (Vec<_>, Vec<_>) = resolution
        .replica_labels
        .iter()
        .cloned()
        .partition(|label| replica_labels::learnable(label));
    learned.extend(new);
    (learned.into_iter().collect(), refused)
}

/// What blocks the way to each endpoint, and the policies that would open those of this namespace.
fn ways(
    network: &Network<'_>,
    endpoints: &[Endpoint],
) -> (Vec<Option<Blocked>>, Vec<NetworkPolicy>) {
    let mut openings: BTreeMap<String, NetworkPolicy> = BTreeMap::new();
    let blocked = endpoints
        .iter()
        .map(|endpoint| {
            if endpoint.via == Via::Service {
                return None;
            }
            if let Some(opening) = network.opening(endpoint) {
                openings.insert(opening.name_any(), opening);
            }
            network.blocked(endpoint)
        })
        .collect();
    (blocked, openings.into_values().collect())
}
