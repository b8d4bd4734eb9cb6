//! The parameters of a watch task.

use kube::api::Api;
use kube::core::{ApiResource, DynamicResourceScope};
use kube::runtime::watcher;
use kube::{Client, Resource};
use kube_facts::optional::OptionalKind;

use crate::detect::{is_expired, is_forbidden, is_kind_missing};

/// Identifies a watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId {
    /// Optional kind that the watch requires.
    pub capability: Option<OptionalKind>,
    /// Purpose of the watch.
    pub purpose: &'static str,
    /// Kind of the watched objects.
    pub kind: String,
    /// Label selector.
    pub labels: Option<&'static str>,
    /// Field selector.
    pub fields: Option<&'static str>,
    /// Namespace; `None` for all.
    pub namespace: Option<String>,
}

/// Parameters of a watch task.
#[derive(Clone)]
pub struct Watch {
    /// Identity.
    pub id: WatchId,
    /// Client.
    pub client: Client,
    /// API resource of the kind.
    pub resource: ApiResource,
    /// Whether the kind is cluster-scoped.
    pub cluster_scoped: bool,
    /// Whether the controller works without the permission to read the kind.
    pub dispensable: bool,
    /// Whether changes are debounced.
    pub debounced: bool,
    /// Selector and list strategy.
    pub config: watcher::Config,
}

impl Watch {
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
    {
        match &self.id.namespace {
            Some(namespace) if !self.cluster_scoped => {
                Api::namespaced_with(self.client.clone(), namespace, &self.resource)
            }
            _ => Api::all_with(self.client.clone(), &self.resource),
        }
    }

    /// Logs the interruption of a watch, which restarts by itself. A missing kind or permission is
    /// handled by detection, which `recheck` triggers.
    pub(crate) fn interrupted(&self, recheck: impl FnOnce(), error: &watcher::Error) {
        if self.id.capability.is_some() && (is_kind_missing(error) || is_forbidden(error)) {
            recheck();
            tracing::debug!(kind = self.id.kind, %error, "watch of an optional kind interrupted");
        } else if is_expired(error) {
            // Normal: the API server keeps a few minutes of history, and none after a change of the
            // CRD.
            tracing::debug!(kind = self.id.kind, %error, "watch expired, listing again");
        } else {
            tracing::warn!(kind = self.id.kind, %error, "watch interrupted, retrying");
        }
    }
}
