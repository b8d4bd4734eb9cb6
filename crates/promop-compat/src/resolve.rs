//! Resolves ServiceMonitors to StoreAPI endpoints and their origin. No IO.
//!
//! A selected ServiceMonitor resolves in one of two ways. If it targets a Prometheus (or a Service
//! that serves the StoreAPI), that is the endpoint. If it targets an application, every Prometheus
//! that scrapes it is an endpoint. A ServiceMonitor for both resolves both ways, and one that
//! selects no Service provides no endpoint. Each Prometheus replica is one endpoint, regardless of
//! the number of ServiceMonitors and Services that select it.

mod backends;
mod candidates;
mod is_affected_by;
mod model;
mod replica_resolution;
mod replicas;
mod report;
mod scraped;
mod search;
mod select;
mod unselected;

use crate::nearest;
use crate::select::union;

pub use crate::nearest::Candidate;
pub use crate::selection::Selection;
pub use backends::{Backing, backing};
pub use candidates::{external_address, no_pods, unserved};
pub use is_affected_by::{
    affects_backends, affects_namespaces, affects_pods, affects_services, affects_stateful_sets,
    is_affected_by,
};
pub use model::{
    BridgeTarget, Chain, ClusterFacts, Endpoint, Request, Resolution, SelectorFields, Via,
    WithoutSidecar,
};
pub use report::{Finding, Reason, Subject};

use candidates::Candidates;
use replicas::Replicas;
use scraped::Scrapers;
use search::Search;

/// Resolves what `request` selects in `world`.
#[must_use]
pub fn resolve(world: &ClusterFacts<'_>, request: &Request<'_>) -> Resolution {
    let mut findings = report::Findings::default();
    let selections = select::usable(world, request, &mut findings);
    let (monitors, namespaces) = (world.service_monitors, &world.namespaces);
    let selected = union(monitors, namespaces, request.namespace, &selections);
    if selected.is_empty() {
        return Resolution {
            nearest: nearest::find(monitors, namespaces, request.namespace, &selections),
            skipped: findings.into_sorted(),
            ..Resolution::default()
        };
    }

    let replicas = Replicas::of(world);
    let candidates = Candidates::of(world, &replicas);
    let scrapers = Scrapers::of(world, &replicas);
    let mut search = Search::new(world, &replicas, &candidates, &scrapers, findings);
    for (key, monitor) in &selected {
        search.follow(key, monitor);
    }
    Resolution {
        selected: selected.len(),
        ..search.conclude(request.without_sidecar)
    }
}

#[cfg(test)]
mod tests;
