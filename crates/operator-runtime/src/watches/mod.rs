//! Watch tasks: one for each kind and namespace, which updates the cache. Does IO.

mod related;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::detect::{is_expired, is_forbidden, is_kind_missing};
use futures::StreamExt;
use kube::api::Api;
use kube::core::{ApiResource, DeserializeGuard, DynamicResourceScope};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Client, Resource, ResourceExt};
use kube_facts::Key;

use crate::cache::{Cache, Guarded, WatchId};
use crate::owned_objects::{Owned, Requeue};
use crate::plan::ObjectKey;
use crate::reconciler::{OwnedKind, Reconciler};
use crate::related::key_of;

pub(crate) use related::related;

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
    fn api<K>(&self) -> Api<K>
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
    /// handled by detection.
    fn interrupted<C: Reconciler>(&self, cache: &Cache<C>, error: &watcher::Error) {
        if self.id.capability.is_some() && (is_kind_missing(error) || is_forbidden(error)) {
            cache.recheck.notify_one();
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

/// Watches the custom resources.
pub(crate) async fn resources<C: Reconciler>(cache: Arc<Cache<C>>, watch: Watch) {
    let api: Api<Guarded<C>> = match &watch.id.namespace {
        Some(namespace) => Api::namespaced(watch.client.clone(), namespace),
        None => Api::all(watch.client.clone()),
    };
    let mut events = watch_objects(api, watch.config.clone())
        .default_backoff()
        .boxed();
    let mut listed: BTreeSet<Key> = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(resource)) => {
                listed.insert(key_of(resource.meta()));
                cache.apply_resource(slim(resource));
            }
            Ok(Event::InitDone) => {
                let namespace = watch.id.namespace.as_deref();
                for resource in cache.store().state() {
                    let key = key_of(resource.meta());
                    if namespace.is_none_or(|n| n == key.namespace) && !listed.contains(&key) {
                        cache.delete_resource((*resource).clone());
                    }
                }
                cache.synced(&watch.id);
            }
            Ok(Event::Apply(resource)) => cache.apply_resource(slim(resource)),
            Ok(Event::Delete(resource)) => cache.delete_resource(resource),
            Err(error) => watch.interrupted(&cache, &error),
        }
    }
}

/// Drops unused metadata, which is most of the object.
fn slim<K: Resource>(mut resource: DeserializeGuard<K>) -> DeserializeGuard<K> {
    resource.managed_fields_mut().clear();
    resource
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
    resource
}

/// Watches the owned objects of one kind.
pub(crate) async fn owned<C: Reconciler>(cache: Arc<Cache<C>>, kind: OwnedKind, watch: Watch) {
    let api: Api<Owned> = watch.api();
    let mut events = watch_objects(api, watch.config.clone())
        .default_backoff()
        .boxed();
    let mut listed = BTreeSet::new();
    let group = kind.resource.group.clone();
    let name = kind.resource.kind.clone();
    let key = |object: &Owned| ObjectKey {
        group: group.clone(),
        kind: name.clone(),
        name: object.name_any(),
    };
    while let Some(event) = events.next().await {
        let touched = match event {
            Ok(Event::Init) => {
                listed.clear();
                None
            }
            Ok(Event::InitApply(object)) => {
                listed.insert(object.uid().unwrap_or_default());
                cache
                    .state()
                    .owned_objects
                    .enter(key(&object), &object, C::NAME)
            }
            Ok(Event::InitDone) => {
                let namespace = watch.id.namespace.as_deref();
                let owners = cache
                    .state()
                    .owned_objects
                    .retain(&group, &name, namespace, &listed);
                owners.iter().for_each(|owner| cache.enqueue_owner(owner));
                cache.synced(&watch.id);
                None
            }
            Ok(Event::Apply(object)) => {
                cache
                    .state()
                    .owned_objects
                    .enter(key(&object), &object, C::NAME)
            }
            Ok(Event::Delete(object)) => {
                let owner = cache.state().owned_objects.remove(&key(&object), &object);
                owner.map(Requeue::Now)
            }
            Err(error) => {
                watch.interrupted(&cache, &error);
                None
            }
        };
        match touched {
            Some(Requeue::Now(owner)) => cache.enqueue_owner(&owner),
            Some(Requeue::Soon(owner)) => {
                cache.enqueue_debounced(Key::new(owner.namespace, owner.name))
            }
            None => {}
        }
    }
}

/// A task that is aborted on drop.
pub(crate) struct Running(pub tokio::task::JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
