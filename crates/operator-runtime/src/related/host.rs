//! What the watch task of a related kind needs of the cache. Synchronous, except for one wait.

use std::sync::Arc;

use futures::future::BoxFuture;
use kube_facts::optional::OptionalKind;
use tokio::sync::watch;

use crate::watch::WatchId;

/// Enqueues the custom resources for which a condition holds.
pub(crate) type Enqueue<'a, R> = &'a mut dyn FnMut(&dyn Fn(&R) -> bool);

/// Changes the stores, and enqueues what the change affects.
pub(crate) type Apply<'a, V, R> = Box<dyn FnOnce(&mut V, Enqueue<'_, R>) + 'a>;

/// The stores of a controller, and the custom resources that depend on them.
pub(crate) trait Host<V, R>: Send + Sync {
    /// Accesses the stores.
    fn stores(&self, access: Box<dyn FnOnce(&mut V) + '_>);

    /// Changes the stores and finds the custom resources that the change affects, under one lock; then
    /// enqueues them.
    fn change(self: Arc<Self>, debounced: bool, apply: Apply<'_, V, R>);

    /// Whether a condition holds for any custom resource.
    fn any(&self, condition: &dyn Fn(&V, &R) -> bool) -> bool;

    /// Enqueues every custom resource.
    fn enqueue_all(&self);

    /// Reports that a watch has listed.
    fn synced(&self, watch: &WatchId);

    /// Detects the capabilities of the cluster again.
    fn recheck(&self);

    /// Whether the API server serves a kind and the controller may use it.
    fn is_present(&self, kind: OptionalKind) -> bool;

    /// Changes when the partially cached kinds must be listed again.
    fn lists(&self) -> watch::Receiver<u64>;

    /// Waits for the first list of custom resources.
    fn resources_listed(&self) -> BoxFuture<'_, ()>;
}
