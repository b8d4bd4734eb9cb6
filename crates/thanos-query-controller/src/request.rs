//! What a ThanosQuery asks discovery for. Pure.

use kube::ResourceExt;
use promop_compat::caps::{Caps, Gate, Kind};
use promop_compat::namespaces::{NamespaceScope, Namespaces};
use promop_compat::resolve::{self, Selection, World};
use thanos_api::names::label;
use thanos_api::v1alpha1::{ThanosQuery, WithoutSidecar};

use crate::QueryController;
use crate::views::Views;

/// The selections of ServiceMonitors, whether or not the gates let them count.
#[must_use]
pub fn selections(query: &ThanosQuery) -> Vec<Selection> {
    let spec = &query.spec;
    let mut selections = Vec::new();
    if let Some(selector) = &spec.service_monitor_selector {
        let namespaces = spec.service_monitor_namespace_selector.as_ref();
        selections.push(Selection {
            selector: selector.clone(),
            scope: NamespaceScope::from_selector(namespaces),
        });
    }
    if let Some(section) = service_monitors(query)
        && section.enabled.unwrap_or(section.selector.is_some())
    {
        selections.push(Selection {
            selector: section.selector.clone().unwrap_or_default(),
            scope: NamespaceScope::from_selector(section.namespace_selector.as_ref()),
        });
    }
    selections
}

/// `spec.featureGates.enablePrometheusOperatorCRDs`.
#[must_use]
pub fn resource_gate(query: &ThanosQuery) -> Option<bool> {
    let gates = query.spec.integration.feature_gates.as_ref()?;
    gates.enable_prometheus_operator_crds
}

fn service_monitors(
    query: &ThanosQuery,
) -> Option<&thanos_api::v1alpha1::PrometheusServiceMonitors> {
    let discovery = query.spec.service_discovery.as_ref()?;
    discovery.prometheus_service_monitors.as_ref()
}

/// What becomes of a Prometheus without a sidecar.
#[must_use]
pub fn without_sidecar(query: &ThanosQuery) -> resolve::WithoutSidecar {
    let section = service_monitors(query);
    match section.and_then(|s| s.without_sidecar) {
        Some(WithoutSidecar::Report) => resolve::WithoutSidecar::Report,
        Some(WithoutSidecar::Bridge) | None => resolve::WithoutSidecar::Bridge,
    }
}

impl QueryController {
    /// Whether a kind is used for `query`, and what decides it.
    #[must_use]
    pub fn gate(&self, query: &ThanosQuery, caps: Caps, kind: Kind) -> Gate {
        Gate::of(self.operator_gate, resource_gate(query), caps.get(kind))
    }

    /// The cluster as far as discovery reads it.
    #[must_use]
    pub fn world<'a>(&'a self, views: &'a Views, prometheuses: bool) -> World<'a> {
        World {
            service_monitors: views.service_monitors.items(),
            services: views.services.items(),
            pods: views.pods.items(),
            prometheuses: prometheuses.then(|| views.prometheuses.items()),
            namespaces: self.namespaces(views),
            own_label: label::OWNER,
            store_label: (label::STORE_API, label::TRUE),
        }
    }

    /// The namespaces as far as they are known.
    #[must_use]
    pub fn namespaces<'a>(&'a self, views: &'a Views) -> Namespaces<'a> {
        Namespaces {
            listed: views.namespaces.readable(),
            watched: self.watched.as_ref(),
        }
    }
}

/// Namespace of a resource; every one that the API server stores has one.
#[must_use]
pub fn namespace(query: &ThanosQuery) -> String {
    query.namespace().unwrap_or_default()
}
