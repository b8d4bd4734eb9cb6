//! Nearest Service for a ServiceMonitor that selects none. No IO.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::model::ClusterFacts;
use crate::model::{ServiceMonitorFacts, TargetNamespaces};
use crate::nearest::{self, Candidate};
use crate::selection::Selection;
use kube_facts::Key;
use kube_facts::namespaces::{NAME_LABEL, NamespaceScope, Namespaces};

/// Message about a ServiceMonitor `key` that selects no Service. `ignored_by` is a Prometheus that
/// ignores its namespace selector, if all do. Computing the nearest Service (`near`) evaluates
/// every Service.
pub(super) fn explain(
    world: &ClusterFacts<'_>,
    key: &Key,
    monitor: &ServiceMonitorFacts,
    near: bool,
    ignored_by: Option<&Key>,
) -> String {
    let nearest = near.then(|| nearest(world, key, monitor)).flatten();
    let Some(candidate) = nearest else {
        return "it selects no Service, so nothing is scraped by it; create the Service, or correct \
                spec.selector"
            .to_owned();
    };
    let service = &candidate.key;
    if let (false, Some(prometheus)) = (candidate.in_scope, ignored_by) {
        return format!(
            "it selects no Service in its namespaces, but Service {service} would match; create a \
             ServiceMonitor in namespace {}, since Prometheus {prometheus} ignores \
             spec.namespaceSelector (spec.ignoreNamespaceSelectors)",
            service.namespace
        );
    }
    if !candidate.in_scope {
        return format!(
            "it selects no Service in its namespaces, but Service {service} would match; add \
             {} to spec.namespaceSelector.matchNames",
            service.namespace
        );
    }
    let differs = candidate.differs();
    if differs.is_empty() {
        return format!(
            "it selects no Service but {service}, which is of type ExternalName and has no \
             endpoints to scrape; select a Service with pods"
        );
    }
    let has_other = |label: &str| {
        candidate.has_wrong(label) && candidate.excluded.iter().all(|e| e.key != label)
    };
    let mut other = candidate.labels.iter();
    let other = other.find(|(label, _)| has_other(label));
    let other = other.map_or_else(String::new, |(k, v)| format!(" (it has {k}={v})"));
    format!(
        "it selects no Service, so nothing is scraped; closest: Service {service}, which \
         {differs}{other}; correct the labels of the Service, or spec.selector"
    )
}

/// Nearest Service.
fn nearest(
    world: &ClusterFacts<'_>,
    key: &Key,
    monitor: &ServiceMonitorFacts,
) -> Option<Candidate> {
    let selection = Selection {
        selector: monitor.selector.clone(),
        scope: match &monitor.namespaces {
            TargetNamespaces::Own => NamespaceScope::Own,
            TargetNamespaces::Any => NamespaceScope::All,
            TargetNamespaces::Names(names) => NamespaceScope::Matching(by_name(names)),
        },
    };
    // Scopes of Services are by name, so no namespace labels are needed.
    let namespaces = Namespaces::default();
    let found = nearest::find(world.services, &namespaces, &key.namespace, &[&selection]);
    let is_near = |candidate: &Candidate| {
        let mut labels = candidate.labels.keys();
        !candidate.matched.is_empty() || labels.any(|label| candidate.has_wrong(label))
    };
    found.into_iter().find(is_near)
}

fn by_name(names: &[String]) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: NAME_LABEL.to_owned(),
            operator: "In".to_owned(),
            values: Some(names.to_vec()),
        }]),
        ..Default::default()
    }
}
