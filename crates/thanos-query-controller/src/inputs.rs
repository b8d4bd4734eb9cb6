//! The part of the cluster that a ThanosQuery uses: kinds by feature gates, objects by namespaces.
//! No IO.

use kube_facts::namespaces::Namespaces;
use kube_facts::optional::{Caps, OptionalKind};
use promop_compat::gate::Gate;
use promop_compat::resolve::World;
use thanos_api::names::label;
use thanos_api::v1alpha1::ThanosQuery;
use thanos_workload::integration;

use crate::QueryController;
use crate::stores::Stores;

impl QueryController {
    /// Whether `query` uses a kind, and which gate decides.
    #[must_use]
    pub fn gate(&self, query: &ThanosQuery, caps: &Caps, kind: OptionalKind) -> Gate {
        integration::gate(self.operator_gate, &query.spec.integration, caps, kind)
    }

    /// The objects that discovery reads.
    #[must_use]
    pub fn world<'a>(
        &'a self,
        stores: &'a Stores,
        prometheuses: bool,
        prometheus_agents: bool,
    ) -> World<'a> {
        World {
            service_monitors: stores.service_monitors.items(),
            services: stores.services.items(),
            pods: stores.pods.items(),
            backends: stores.backends.items(),
            stateful_sets: stores.stateful_sets.items(),
            prometheuses: prometheuses.then(|| stores.prometheuses.items()),
            prometheus_agents: prometheus_agents.then(|| stores.prometheus_agents.items()),
            namespaces: self.namespaces(stores),
            own_label: label::OWNER,
            store_label: (label::STORE_API, label::TRUE),
        }
    }

    /// The known namespaces.
    #[must_use]
    pub fn namespaces<'a>(&'a self, stores: &'a Stores) -> Namespaces<'a> {
        Namespaces {
            listed: stores.namespaces.readable(),
            watched: self.watched.as_ref(),
        }
    }
}
