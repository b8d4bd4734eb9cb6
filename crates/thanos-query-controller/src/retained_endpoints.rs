//! Endpoints discovered before the CRDs were deleted, read from the status by a controller that
//! started after the deletion. No IO.

use kube_facts::Key;
use thanos_api::v1alpha1::{EndpointStatus, EndpointVia, ThanosQuery};

use crate::names;

/// Discovered endpoints that are retained while their origin is unreadable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetainedEndpoints {
    /// Endpoints listed in the status.
    pub endpoints: Vec<EndpointStatus>,
    /// Number of endpoints beyond the listed ones. If positive, only the endpoint file is complete,
    /// and it is kept unchanged.
    pub unlisted: usize,
}

impl RetainedEndpoints {
    /// Endpoints from the status of `query`; `None` if it lists no discovered endpoint.
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

    /// Deployments of the bridges among the endpoints.
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
