//! Discovery inputs from the spec of a ThanosQuery. No IO.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use kube_facts::namespaces::NamespaceScope;
use promop_compat::resolve::{self, Selection, SelectorFields};
use thanos_api::v1alpha1::{PrometheusServiceMonitors, ThanosQuery, WithoutSidecar};
use thanos_workload::integration;

/// A selection of ServiceMonitors, as in the spec.
pub struct Desired<'a> {
    /// Paths of the selectors.
    pub fields: SelectorFields,
    /// Label selector; `None`: all.
    pub selector: Option<&'a LabelSelector>,
    /// Namespace selector.
    pub namespaces: Option<&'a LabelSelector>,
}

/// Each selection of ServiceMonitors in the spec.
pub fn desired(query: &ThanosQuery) -> impl Iterator<Item = Desired<'_>> {
    let spec = &query.spec;
    let short = spec.service_monitor_selector.as_ref();
    let short = short.map(|selector| Desired {
        fields: SelectorFields {
            selector: "spec.serviceMonitorSelector",
            namespaces: "spec.serviceMonitorNamespaceSelector",
        },
        selector: Some(selector),
        namespaces: spec.service_monitor_namespace_selector.as_ref(),
    });
    let long = service_monitors(query)
        .filter(|section| section.enabled.unwrap_or(section.selector.is_some()))
        .map(|section| Desired {
            fields: SelectorFields {
                selector: "spec.serviceDiscovery.prometheusServiceMonitors.selector",
                namespaces: "spec.serviceDiscovery.prometheusServiceMonitors.namespaceSelector",
            },
            selector: section.selector.as_ref(),
            namespaces: section.namespace_selector.as_ref(),
        });
    short.into_iter().chain(long)
}

/// Selections of ServiceMonitors, regardless of the gates.
#[must_use]
pub fn selections(query: &ThanosQuery) -> Vec<Selection> {
    desired(query)
        .map(|desired| Selection {
            selector: desired.selector.cloned().unwrap_or_default(),
            scope: NamespaceScope::from_selector(desired.namespaces),
        })
        .collect()
}

/// The fields of [`selections`], in their order.
#[must_use]
pub fn selector_fields(query: &ThanosQuery) -> Vec<SelectorFields> {
    desired(query).map(|desired| desired.fields).collect()
}

/// `spec.featureGates.enablePrometheusOperatorCRDs`.
#[must_use]
pub fn resource_gate(query: &ThanosQuery) -> Option<bool> {
    integration::resource_gate(&query.spec.integration)
}

fn service_monitors(query: &ThanosQuery) -> Option<&PrometheusServiceMonitors> {
    let discovery = query.spec.service_discovery.as_ref()?;
    discovery.prometheus_service_monitors.as_ref()
}

/// Handling of a Prometheus without a sidecar.
#[must_use]
pub fn without_sidecar(query: &ThanosQuery) -> resolve::WithoutSidecar {
    let section = service_monitors(query);
    match section.and_then(|s| s.without_sidecar) {
        Some(WithoutSidecar::Report) => resolve::WithoutSidecar::Report,
        Some(WithoutSidecar::Bridge) | None => resolve::WithoutSidecar::Bridge,
    }
}

/// Namespace of a stored custom resource.
#[must_use]
pub fn namespace(query: &ThanosQuery) -> String {
    query.namespace().unwrap_or_default()
}
