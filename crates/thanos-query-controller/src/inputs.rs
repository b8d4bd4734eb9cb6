//! The objects that discovery reads. No IO.

use promop_compat::resolve::ClusterFacts;
use thanos_api::names::label;

use crate::QueryController;
use crate::stores::Stores;

impl QueryController {
    /// The objects that discovery reads.
    #[must_use]
    pub fn world<'a>(
        &'a self,
        stores: &'a Stores,
        prometheuses: bool,
        prometheus_agents: bool,
    ) -> ClusterFacts<'a> {
        ClusterFacts {
            service_monitors: stores.service_monitors.items(),
            services: stores.services.items(),
            pods: stores.pods.items(),
            backends: stores.backends.items(),
            stateful_sets: stores.stateful_sets.items(),
            prometheuses: prometheuses.then(|| stores.prometheuses.items()),
            prometheus_agents: prometheus_agents.then(|| stores.prometheus_agents.items()),
            namespaces: self.scope.namespaces(&stores.namespaces),
            own_label: label::OWNER,
            store_label: (label::STORE_API, label::TRUE),
        }
    }
}
