//! State that watches write and reconciles read, and the queue of custom resources to reconcile.

mod debounce;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::core::object::HasStatus;
use kube::runtime::reflector::{self, ObjectRef, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use kube_facts::Key;
use kube_facts::optional::{Caps, OptionalKind};
use tokio::sync::{Notify, watch};

use debounce::Debounced;

use crate::access::Access;
use crate::backoff::Backoff;
use crate::owned_objects::{OwnedObjects, Owner};
use crate::probe::ProbeResults;
use crate::reconciler::{Cluster, Reconciler};
use crate::related::{Apply, Host};
use crate::version::Version;
use crate::watch::WatchId;

/// A custom resource that may fail to decode: one malformed object must not stop the watch.
pub type Guarded<C> = DeserializeGuard<<C as Reconciler>::Resource>;

/// The purpose of the watch of custom resources.
pub(crate) const RESOURCE: &str = "resource";

/// Input of every reconcile.
pub struct State<C: Reconciler> {
    /// Related objects.
    pub stores: C::Stores,
    /// Owned objects.
    pub owned_objects: OwnedObjects,
    /// Capabilities in effect: `Present` only once the watches of the kind have listed.
    pub caps: Caps,
    /// Reviewed permissions of other ServiceAccounts.
    pub access: Access,
    /// Results of the probes of pods.
    pub answers: ProbeResults,
}

impl<C: Reconciler> State<C> {
    /// Capabilities, permissions and probe results at this moment.
    pub fn cluster(&self) -> Cluster<'_> {
        Cluster {
            caps: &self.caps,
            access: &self.access,
            answers: &self.answers,
            now: Timestamp::now(),
        }
    }
}

/// Shared by watches and reconciles.
pub struct Cache<C: Reconciler> {
    state: Mutex<State<C>>,
    writer: Mutex<Writer<Guarded<C>>>,
    store: reflector::Store<Guarded<C>>,
    queue: Mutex<Option<UnboundedSender<ObjectRef<Guarded<C>>>>>,
    unsynced: watch::Sender<BTreeSet<WatchId>>,
    debounced: Mutex<BTreeMap<Key, Debounced>>,
    lists: watch::Sender<u64>,
    /// Delays after failures.
    pub(crate) backoff: Backoff,
    /// Detected capabilities; those in effect follow once the watches have listed.
    pub(crate) detected: watch::Receiver<Caps>,
    /// Notified by every request that meets a 403 or a missing kind.
    pub(crate) recheck: Arc<Notify>,
    /// Locked while work is done on another thread: custom resources often share the result.
    pub(crate) working: tokio::sync::Mutex<()>,
}

impl<C: Reconciler> Cache<C> {
    /// An empty cache.
    pub fn new(detected: watch::Receiver<Caps>, recheck: Arc<Notify>) -> Self {
        let (store, mut writer) = reflector::store();
        // The store is marked as listed from the start, since `unsynced` tracks the lists of all
        // watches together.
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitDone);
        Self {
            state: Mutex::new(State {
                stores: C::Stores::default(),
                owned_objects: OwnedObjects::default(),
                caps: Caps::default(),
                access: Access::default(),
                answers: ProbeResults::default(),
            }),
            writer: Mutex::new(writer),
            store,
            queue: Mutex::new(None),
            unsynced: watch::Sender::new(BTreeSet::new()),
            debounced: Mutex::default(),
            lists: watch::Sender::new(0),
            backoff: Backoff::default(),
            detected,
            recheck,
            working: tokio::sync::Mutex::default(),
        }
    }

    /// Locks the state; only for synchronous code.
    pub fn state(&self) -> MutexGuard<'_, State<C>> {
        lock(&self.state)
    }

    /// The custom resources.
    pub fn store(&self) -> &reflector::Store<Guarded<C>> {
        &self.store
    }

    /// Opens the queue and enqueues every custom resource.
    pub fn open_queue(&self) -> UnboundedReceiver<ObjectRef<Guarded<C>>> {
        let (sender, receiver) = unbounded();
        *lock(&self.queue) = Some(sender);
        self.enqueue_all();
        receiver
    }

    /// Enqueues one custom resource.
    pub fn enqueue(&self, key: &Key) {
        if let Some(queue) = lock(&self.queue).as_ref() {
            let target = ObjectRef::new(&key.name).within(&key.namespace);
            // Fails only after the controller has stopped.
            let _ = queue.unbounded_send(target);
        }
    }

    /// Enqueues the owner of a changed object.
    pub fn enqueue_owner(&self, owner: &Owner) {
        self.enqueue(&Key::new(&owner.namespace, &owner.name));
    }

    /// Enqueues every custom resource.
    pub fn enqueue_all(&self) {
        for resource in self.store.state() {
            self.enqueue(&Key::of(resource.meta()));
        }
    }

    /// Lists the partially cached kinds again.
    pub(crate) fn relist(&self) {
        self.lists.send_modify(|count| *count += 1);
    }

    /// Stores a custom resource, and enqueues it unless only our own status write changed it.
    pub(crate) fn apply_resource(&self, resource: Guarded<C>) {
        let key = Key::of(resource.meta());
        let mut writer = lock(&self.writer);
        let known = self.store.get(&ObjectRef::from_obj(&resource));
        if let Some(known) = &known
            && Version::of(&resource).is_older_than(&Version::of(&**known))
            && known.uid() == resource.uid()
        {
            return;
        }
        let is_changed = known.is_none_or(|known| differ::<C>(&known, &resource));
        writer.apply_watcher_event(&Event::Apply(resource));
        drop(writer);
        if is_changed {
            self.enqueue(&key);
        }
    }

    /// Stores the status of a custom resource before it is written: the watch event can arrive before
    /// the response, and must not count as a change.
    pub(crate) fn enter_status(&self, owner: &Owner, status: C::Status) {
        let reference = ObjectRef::new(&owner.name).within(&owner.namespace);
        let mut writer = lock(&self.writer);
        let Some(known) = self.store.get(&reference) else {
            return;
        };
        let mut resource = (*known).clone();
        if let Ok(decoded) = &mut resource.0
            && decoded.uid().as_deref() == Some(&owner.uid)
        {
            *decoded.status_mut() = Some(status);
            writer.apply_watcher_event(&Event::Apply(resource));
        }
    }

    /// Forgets a custom resource with all state under its name or UID. Kubernetes garbage-collects its
    /// children.
    pub(crate) fn delete_resource(&self, resource: Guarded<C>) {
        let owner = owner(&resource);
        lock(&self.writer).apply_watcher_event(&Event::Delete(resource));
        self.forget(&owner);
    }

    /// Forgets all state of a deleted custom resource.
    fn forget(&self, owner: &Owner) {
        self.backoff.forget(&owner.uid);
        let mut state = self.state();
        state.owned_objects.forget(owner);
        C::forget(&mut state.stores, &owner.uid);
    }

    /// Forgets the state that a reconcile stored after its custom resource was deleted.
    pub(crate) fn forget_if_deleted(&self, owner: &Owner) {
        let reference = ObjectRef::new(&owner.name).within(&owner.namespace);
        let known = self.store.get(&reference);
        if known.is_none_or(|resource| resource.uid().unwrap_or_default() != owner.uid) {
            self.forget(owner);
        }
    }

    pub(crate) fn expect_sync(&self, watch: WatchId) {
        self.unsynced.send_modify(|open| {
            open.insert(watch);
        });
    }

    /// Reports that a watch has listed.
    pub(crate) fn synced(&self, watch: &WatchId) {
        self.unsynced.send_if_modified(|open| open.remove(watch));
    }

    pub(crate) fn is_synced(&self, capability: Option<OptionalKind>) -> bool {
        let open = self.unsynced.borrow();
        !open.iter().any(|w| w.capability == capability)
    }

    /// Stops waiting for the lists of a kind whose watches have stopped.
    pub(crate) fn forget_watches(&self, kind: OptionalKind) {
        self.unsynced
            .send_modify(|open| open.retain(|w| w.capability != Some(kind)));
    }

    /// Changes whenever a watch completes its list.
    pub(crate) fn sync_progress(&self) -> watch::Receiver<BTreeSet<WatchId>> {
        self.unsynced.subscribe()
    }
}

impl<C: Reconciler> Host<C::Stores, C::Resource> for Cache<C> {
    fn stores(&self, access: Box<dyn FnOnce(&mut C::Stores) + '_>) {
        access(&mut self.state().stores);
    }

    fn change(self: Arc<Self>, debounced: bool, apply: Apply<'_, C::Stores, C::Resource>) {
        let mut affected = Vec::new();
        apply(&mut self.state().stores, &mut |is_affected| {
            // Most changes affect no custom resource, so filter in the store instead of copying it.
            affected = self
                .store
                .state_filter(|resource| resource.0.as_ref().is_ok_and(is_affected));
        });
        for resource in &affected {
            let key = Key::of(resource.meta());
            match debounced {
                true => self.enqueue_debounced(key),
                false => self.enqueue(&key),
            }
        }
    }

    fn any(&self, condition: &dyn Fn(&C::Stores, &C::Resource) -> bool) -> bool {
        let state = self.state();
        let mut all = self.store.state().into_iter();
        all.any(|resource| {
            let resource = resource.0.as_ref();
            resource.is_ok_and(|resource| condition(&state.stores, resource))
        })
    }

    fn enqueue_all(&self) {
        Cache::enqueue_all(self);
    }

    fn synced(&self, watch: &WatchId) {
        Cache::synced(self, watch);
    }

    fn recheck(&self) {
        self.recheck.notify_one();
    }

    fn is_present(&self, kind: OptionalKind) -> bool {
        self.detected.borrow().has(kind)
    }

    fn lists(&self) -> watch::Receiver<u64> {
        self.lists.subscribe()
    }

    fn resources_listed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut open = self.unsynced.subscribe();
            let listed = |open: &BTreeSet<WatchId>| !open.iter().any(|w| w.purpose == RESOURCE);
            // The sender lives as long as the cache.
            let _ = open.wait_for(listed).await;
        })
    }
}

/// Whether anything but the resource version differs.
fn differ<C: Reconciler>(known: &Guarded<C>, resource: &Guarded<C>) -> bool {
    fn status<C: Reconciler>(of: &Guarded<C>) -> Option<&C::Status> {
        of.0.as_ref().ok()?.status()
    }
    let metadata = |of: &Guarded<C>| ObjectMeta {
        resource_version: None,
        ..of.meta().clone()
    };
    // The spec is covered by the generation.
    status::<C>(known) != status::<C>(resource) || metadata(known) != metadata(resource)
}

/// The custom resource as the owner of its children.
pub fn owner<K: Resource>(resource: &K) -> Owner {
    Owner {
        namespace: resource.namespace().unwrap_or_default(),
        name: resource.name_any(),
        uid: resource.uid().unwrap_or_default(),
    }
}

/// Locks, even after a panic of another holder: no update spans several statements, so the data is
/// consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
