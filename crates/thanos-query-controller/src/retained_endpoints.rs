//! What discovery had found before the kinds that it reads went away, for a controller that started
//! after that and has never seen them. Pure.

use kube_facts::Key;
use thanos_api::v1alpha1::{EndpointStatus, EndpointVia, ThanosQuery};

use crate::plan::names;

/// Discovered endpoints that stay, although nobody can say what they come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetainedEndpoints {
    /// Those that the status lists.
    pub endpoints: Vec<EndpointStatus>,
    /// How many the status counts beyond those that it lists. Then the endpoint file is the only
    /// complete list, and stays as it is.
    pub unlisted: usize,
}

impl RetainedEndpoints {
    /// What the status of `query` tells; `None` if nothing had been discovered.
    #[must_use]
    pub fn of(query: &ThanosQuery) -> Option<Self> {
        let status = query.status.as_ref()?;
        let total = status.endpoints_total.unwrap_or_default();
        let unlisted =
            usize::try_from(total).map_or(0, |t| t.saturating_sub(status.endpoints.len()));
        let discovered = status
            .endpoints
            .iter()
            .filter(|e| e.via != EndpointVia::StoreAPI);
        let endpoints: Vec<EndpointStatus> = discovered.cloned().collect();
        (!endpoints.is_empty()).then_some(Self {
            endpoints,
            unlisted,
        })
    }

    /// The Deployments of the bridges among them.
    #[must_use]
    pub fn bridges(&self, cr: &str) -> Vec<String> {
        let bridged = self
            .endpoints
            .iter()
            .filter(|e| e.via == EndpointVia::Bridge);
        bridged
            .filter_map(|e| {
                let (namespace, pod) = e.pod.as_deref()?.split_once('/')?;
                Some(names::bridge(cr, &Key::new(namespace, pod)))
            })
            .collect()
    }
}
