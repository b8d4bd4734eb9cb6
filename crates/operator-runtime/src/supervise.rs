//! Starts and stops watches when optional kinds are installed or removed. Reconciles continue. Does IO.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube_facts::optional::{Capability, Caps, OptionalKind};
use tokio::sync::watch;

use crate::cache::{Cache, RESOURCE};
use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use crate::watch::{Watch, WatchId};
use crate::watches::{self, Running};

/// Namespace and client of watches. Each namespace has its own client, since the number of watches on
/// one connection is limited.
pub(crate) struct Scope {
    /// `None` for all namespaces.
    pub namespace: Option<String>,
    pub client: Client,
}

/// Runs the watches of one controller.
pub(crate) struct Supervisor<C: Reconciler> {
    pub cache: Arc<Cache<C>>,
    /// Client for cluster-scoped kinds.
    pub client: Client,
    pub scopes: Vec<Scope>,
    /// List strategy.
    pub lists: watcher::Config,
    pub metrics: Metrics,
    pub running: BTreeMap<OptionalKind, Vec<Running>>,
    pub always: Vec<Running>,
}

impl<C: Reconciler> Supervisor<C> {
    /// Starts the watches of kinds that are always present.
    pub fn start(&mut self) {
        self.always = self.spawn(None);
    }

    /// Adjusts the watches to `detected` until it closes.
    pub async fn follow(mut self, mut detected: watch::Receiver<Caps>) {
        let mut progress = self.cache.sync_progress();
        loop {
            let caps = detected.borrow_and_update().clone();
            progress.borrow_and_update();
            self.adjust(&caps);
            tokio::select! {
                changed = detected.changed() => if changed.is_err() { return },
                changed = progress.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Adjusts watches and the capabilities in effect to the detected capabilities.
    pub fn adjust(&mut self, detected: &Caps) {
        let kinds: Vec<OptionalKind> = C::needs().iter().map(|n| n.kind).collect();
        let before = self.cache.state().caps.clone();
        let mut effective = before.clone();
        for kind in &kinds {
            let present = detected.has(*kind);
            if present && !self.running.contains_key(kind) {
                let watches = self.spawn(Some(*kind));
                self.running.insert(*kind, watches);
            }
            if !present {
                self.freeze(*kind);
                if self.running.remove(kind).is_some() {
                    self.detach(*kind);
                }
            }
            if !present || self.cache.is_synced(Some(*kind)) {
                effective.set(*kind, detected.get(*kind));
            }
        }
        if effective == before {
            return;
        }
        self.cache.state().caps = effective.clone();
        self.metrics.capabilities(&kinds, &effective);
        for kind in kinds {
            let (was, is) = (before.get(kind), effective.get(kind));
            if was != is {
                announce(kind, was, is);
            }
        }
        self.cache.enqueue_all();
    }

    /// Freezes the stores of an absent kind. Their content is unknown if this process started after the
    /// kind was deleted.
    fn freeze(&self, kind: OptionalKind) {
        let mut state = self.cache.state();
        for related in C::related() {
            if related.capability == Some(kind) {
                related.freeze(&mut state.stores);
            }
        }
    }

    /// Forgets the owned objects of an absent kind, which were deleted with it.
    fn detach(&self, kind: OptionalKind) {
        let mut state = self.cache.state();
        for owned in C::owned_kinds() {
            if owned.capability == Some(kind) {
                let resource = &owned.resource;
                let nothing = BTreeSet::new();
                state
                    .owned_objects
                    .retain(&resource.group, &resource.kind, None, &nothing);
            }
        }
        drop(state);
        self.cache.forget_watches(kind);
    }

    /// Spawns every watch that depends on `capability`.
    fn spawn(&self, capability: Option<OptionalKind>) -> Vec<Running> {
        let mut watches: Vec<BoxFuture<'static, ()>> = Vec::new();
        let cluster = [Scope {
            namespace: None,
            client: self.client.clone(),
        }];
        for scope in &self.scopes {
            if capability.is_none() {
                let resource = ApiResource::erase::<C::Resource>(&());
                let id = watch_id(RESOURCE, capability, &resource, scope);
                let watch = self.watch(id, &resource, scope);
                watches.push(watches::resources(self.cache.clone(), watch).boxed());
            }
            for kind in C::owned_kinds() {
                if kind.capability == capability {
                    let resource = &kind.resource;
                    let id = watch_id("owned", capability, resource, scope);
                    let mut watch = self.watch(id, resource, scope);
                    let label = format!("{}={}", C::LABEL, C::NAME);
                    watch.config = watch.config.labels(&label);
                    watches.push(watches::owned(self.cache.clone(), kind, watch).boxed());
                }
            }
        }
        for related in C::related() {
            if related.capability != capability {
                continue;
            }
            let everywhere = related.cluster_scoped;
            for scope in if everywhere {
                &cluster[..]
            } else {
                &self.scopes
            } {
                let resource = &related.resource;
                let id = WatchId {
                    labels: related.labels,
                    fields: related.fields,
                    ..watch_id("related", capability, resource, scope)
                };
                let mut watch = self.watch(id, resource, scope);
                watch.cluster_scoped = everywhere;
                watch.dispensable = related.dispensable;
                watch.debounced = related.debounced;
                watches.push(related.watch(self.cache.clone(), watch));
            }
        }
        watches
            .into_iter()
            .map(|w| Running(tokio::spawn(w)))
            .collect()
    }

    fn watch(&self, id: WatchId, resource: &ApiResource, scope: &Scope) -> Watch {
        let mut config = self.lists.clone();
        if let Some(labels) = id.labels {
            config = config.labels(labels);
        }
        if let Some(fields) = id.fields {
            config = config.fields(fields);
        }
        self.cache.expect_sync(id.clone());
        Watch {
            id,
            client: scope.client.clone(),
            resource: resource.clone(),
            cluster_scoped: false,
            dispensable: false,
            debounced: false,
            config,
        }
    }
}

/// Identifies a watch of all objects of a kind.
fn watch_id(
    purpose: &'static str,
    capability: Option<OptionalKind>,
    resource: &ApiResource,
    scope: &Scope,
) -> WatchId {
    WatchId {
        capability,
        purpose,
        kind: resource.kind.clone(),
        labels: None,
        fields: None,
        namespace: scope.namespace.clone(),
    }
}

/// Logs the transition of a capability.
fn announce(kind: OptionalKind, was: Capability, is: Capability) {
    let kind = kind.name;
    tracing::info!(kind, %was, %is, "capability changed");
}

#[cfg(test)]
mod tests;
