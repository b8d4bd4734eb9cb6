//! Watch tasks of custom resources and of owned objects: one for each kind and namespace, which updates the
//! cache. Does IO.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Resource, ResourceExt};
use kube_facts::Key;

use crate::cache::{Cache, Guarded};
use crate::owned_objects::{Owned, Requeue};
use crate::plan::ObjectKey;
use crate::reconciler::{OwnedKind, Reconciler};
use crate::watch::Watch;

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
                listed.insert(Key::of(resource.meta()));
                cache.apply_resource(slim(resource));
            }
            Ok(Event::InitDone) => {
                let namespace = watch.id.namespace.as_deref();
                for resource in cache.store().state() {
                    let key = Key::of(resource.meta());
                    if namespace.is_none_or(|n| n == key.namespace) && !listed.contains(&key) {
                        cache.delete_resource((*resource).clone());
                    }
                }
                cache.synced(&watch.id);
            }
            Ok(Event::Apply(resource)) => cache.apply_resource(slim(resource)),
            Ok(Event::Delete(resource)) => cache.delete_resource(resource),
            Err(error) => watch.interrupted(|| cache.recheck.notify_one(), &error),
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
                watch.interrupted(|| cache.recheck.notify_one(), &error);
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
