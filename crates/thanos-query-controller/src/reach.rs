//! What of the cluster counts for a ThanosQuery: kinds by their gates, objects by namespaces. Pure.

use promop_compat::caps::{Caps, Gate, Kind};
use promop_compat::namespaces::Namespaces;
use promop_compat::resolve::World;
use thanos_api::names::label;
use thanos_api::v1alpha1::ThanosQuery;
use thanos_workload::integration;

use crate::QueryController;
use crate::views::Views;

impl QueryController {
    /// Whether a kind is used for `query`, and what decides it.
    #[must_use]
    pub fn gate(&self, query: &ThanosQuery, caps: Caps, kind: Kind) -> Gate {
        integration::gate(self.operator_gate, &query.spec.integration, caps, kind)
    }

    /// The cluster as far as discovery reads it.
    #[must_use]
    pub fn world<'a>(
        &'a self,
        views: &'a Views,
        prometheuses: bool,
        prometheus_agents: bool,
    ) -> World<'a> {
        World {
            service_monitors: views.service_monitors.items(),
            services: views.services.items(),
            pods: views.pods.items(),
            backends: views.backends.items(),
            stateful_sets: views.stateful_sets.items(),
            prometheuses: prometheuses.then(|| views.prometheuses.items()),
            prometheus_agents: prometheus_agents.then(|| views.prometheus_agents.items()),
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
