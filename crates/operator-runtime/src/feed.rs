//! Feeds: one task per kind and namespace that watches and fills the hub.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::core::{ApiResource, DeserializeGuard, DynamicResourceScope};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Client, Resource, ResourceExt};
use promop_compat::caps::Kind;
use promop_compat::detect::{is_forbidden, is_kind_missing, sleep_to};
use promop_compat::model::Key;
use tokio::time::Instant;

use crate::component::{Component, OwnedKind};
use crate::hub::{Guarded, Hub};
use crate::ledger::{Owned, Wake};
use crate::plan::ObjectKey;
use crate::related::{Listing, Raw, Spec, key_of};
use crate::view::View;

/// How long the deletion of an optional kind's object is held back: when a definition is deleted,
/// its objects go first, and the kind is missing only about half a second later.
pub const HOLD: Duration = Duration::from_secs(5);

/// How long an empty list of a kind that came back leaves the frozen content as it is.
pub const THAW: Duration = Duration::from_secs(600);

/// How long until a dispensable kind that may not be read is tried again.
const DENIED: Duration = Duration::from_secs(600);

/// How long counts of pods are gathered before the status tells them: a rollout changes them
/// several times in a moment, and each would be a write.
const GATHER: Duration = Duration::from_millis(300);

/// Names a watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId {
    /// The optional kind without which the watch does not run.
    pub capability: Option<Kind>,
    /// What it is for.
    pub purpose: &'static str,
    /// Kind.
    pub kind: String,
    /// The labels it is limited to.
    pub labels: Option<&'static str>,
    /// Namespace; `None` for all.
    pub namespace: Option<String>,
}

/// What a feed needs to start its watch.
#[derive(Clone)]
pub struct Watch {
    /// Its name.
    pub id: WatchId,
    /// Client.
    pub client: Client,
    /// What is watched.
    pub resource: ApiResource,
    /// The kind has no namespaces.
    pub cluster_scoped: bool,
    /// Decisions can do without the kind where it may not be read.
    pub dispensable: bool,
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

    /// Says why a watch is interrupted. It goes on by itself; a missing kind or permission is left
    /// to detection.
    fn interrupted<C: Component>(&self, hub: &Hub<C>, error: &watcher::Error) {
        if self.id.capability.is_some() && (is_kind_missing(error) || is_forbidden(error)) {
            hub.doubt.notify_one();
            tracing::debug!(kind = self.id.kind, %error, "watch of an optional kind interrupted");
        } else {
            tracing::warn!(kind = self.id.kind, %error, "watch interrupted, it is tried again");
        }
    }
}

/// Feeds the custom resources themselves.
pub(crate) async fn resources<C: Component>(hub: Arc<Hub<C>>, watch: Watch) {
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
            Ok(Event::InitApply(it)) => {
                listed.insert(key_of(it.meta()));
                hub.take_in_resource(slim(it));
            }
            Ok(Event::InitDone) => {
                let namespace = watch.id.namespace.as_deref();
                for it in hub.store().state() {
                    let key = key_of(it.meta());
                    if namespace.is_none_or(|n| n == key.namespace) && !listed.contains(&key) {
                        hub.forget_resource((*it).clone());
                    }
                }
                hub.synced(&watch.id);
            }
            Ok(Event::Apply(it)) => hub.take_in_resource(slim(it)),
            Ok(Event::Delete(it)) => hub.forget_resource(it),
            Err(error) => watch.interrupted(&hub, &error),
        }
    }
}

/// Drops what nobody reads, which is most of the bytes.
fn slim<K: Resource>(mut it: DeserializeGuard<K>) -> DeserializeGuard<K> {
    it.managed_fields_mut().clear();
    it.annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
    it
}

/// Feeds the ledger with the owned objects of one kind.
pub(crate) async fn owned<C: Component>(hub: Arc<Hub<C>>, kind: OwnedKind, watch: Watch) {
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
                hub.state().ledger.enter(key(&object), &object, C::NAME)
            }
            Ok(Event::InitDone) => {
                let namespace = watch.id.namespace.as_deref();
                let gone = hub.state().ledger.retain(&group, &name, namespace, &listed);
                gone.iter().for_each(|owner| hub.wake_owner(owner));
                hub.synced(&watch.id);
                None
            }
            Ok(Event::Apply(object)) => hub.state().ledger.enter(key(&object), &object, C::NAME),
            Ok(Event::Delete(object)) => {
                let owner = hub.state().ledger.remove(&key(&object), &object);
                owner.map(Wake::Now)
            }
            Err(error) => {
                watch.interrupted(&hub, &error);
                None
            }
        };
        match touched {
            Some(Wake::Now(owner)) => hub.wake_owner(&owner),
            Some(Wake::Soon(owner)) => {
                let hub = hub.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(GATHER).await;
                    hub.wake_owner(&owner);
                });
            }
            None => {}
        }
    }
}

/// Feeds a view.
pub(crate) async fn related<C, F>(hub: Arc<Hub<C>>, spec: Arc<Spec<C, F>>, watch: Watch)
where
    C: Component,
    F: PartialEq + Send + Sync + 'static,
{
    let api: Api<Raw> = watch.api();
    let mut events = watch_objects(api, watch.config.clone())
        .default_backoff()
        .boxed();
    let mut listing: Listing<F> = BTreeMap::new();
    let mut held: BTreeMap<Key, Instant> = BTreeMap::new();
    let mut thaw: Option<Instant> = None;
    let mut denied = false;
    let change = |apply: &mut dyn FnMut(&mut View<F>) -> Vec<crate::view::Change<F>>| {
        hub.take_in(&spec, apply);
    };
    loop {
        let due = held.values().copied().chain(thaw).min();
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep_to(due) => {
                let now = Instant::now();
                if thaw.is_some_and(|at| at <= now) {
                    thaw = None;
                    change(&mut |view| view.replace(watch.id.namespace.as_deref(), BTreeMap::new()));
                    hub.wake_all();
                }
                let gone: Vec<Key> = held.iter().filter(|(_, at)| **at <= now).map(|(k, _)| k.clone()).collect();
                gone.iter().for_each(|key| { held.remove(key); });
                // Where the kind itself is going, its objects stay as they were.
                if watch.id.capability.is_none_or(|kind| hub.detected.borrow().has(kind)) {
                    change(&mut |view| gone.iter().filter_map(|key| view.change(key, None)).collect());
                }
                continue;
            }
        };
        match event {
            None => return,
            Some(Ok(Event::Init)) => listing.clear(),
            Some(Ok(Event::InitApply(raw))) => {
                listing.insert(key_of(&raw.metadata), (spec.extract)(&raw.body));
            }
            Some(Ok(Event::InitDone)) => {
                denied = false;
                let namespace = watch.id.namespace.as_deref();
                let frozen = (spec.view)(&hub.state().views).is_frozen();
                let mut listed = std::mem::take(&mut listing);
                if listed.is_empty() && frozen {
                    thaw = Some(Instant::now() + THAW);
                } else if watch.id.capability.is_some() && !frozen {
                    // A list can be empty for the same reason as single deletions come.
                    let missing = (spec.view)(&hub.state().views).missing_in(namespace, &listed);
                    let due = Instant::now() + HOLD;
                    held.retain(|key, _| !listed.contains_key(key));
                    missing.into_iter().for_each(|key| {
                        held.entry(key).or_insert(due);
                    });
                    if !held.is_empty() {
                        hub.doubt.notify_one();
                    }
                    change(&mut |view| {
                        let listed = std::mem::take(&mut listed).into_iter();
                        listed
                            .filter_map(|(key, facts)| view.change(&key, Some(facts)))
                            .collect()
                    });
                } else {
                    held.clear();
                    change(&mut |view| view.replace(namespace, std::mem::take(&mut listed)));
                    if frozen {
                        hub.wake_all();
                    }
                }
                hub.synced(&watch.id);
            }
            Some(Ok(Event::Apply(raw))) => {
                let key = key_of(&raw.metadata);
                held.remove(&key);
                let mut facts = Some((spec.extract)(&raw.body));
                if thaw.take().is_some() {
                    let mut listed = facts.take().map(|f| BTreeMap::from([(key, f)]));
                    let namespace = watch.id.namespace.as_deref();
                    change(&mut |view| view.replace(namespace, listed.take().unwrap_or_default()));
                    hub.wake_all();
                } else {
                    change(&mut |view| view.change(&key, facts.take()).into_iter().collect());
                }
            }
            Some(Ok(Event::Delete(raw))) => {
                let key = key_of(&raw.metadata);
                if watch.id.capability.is_some() {
                    hub.doubt.notify_one();
                    held.insert(key, Instant::now() + HOLD);
                } else {
                    change(&mut |view| view.change(&key, None).into_iter().collect());
                }
            }
            Some(Err(error)) if watch.dispensable && is_forbidden(&error) => {
                // Said once: a namespaced installation is to stay as it is.
                if !std::mem::replace(&mut denied, true) {
                    let kind = &watch.id.kind;
                    tracing::info!(kind, "may not be listed, it is done without");
                }
                (spec.view_mut)(&mut hub.state().views).deny();
                hub.synced(&watch.id);
                tokio::time::sleep(DENIED).await;
            }
            Some(Err(error)) => watch.interrupted(&hub, &error),
        }
    }
}

/// Stops a task when dropped.
pub(crate) struct Running(pub tokio::task::JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
