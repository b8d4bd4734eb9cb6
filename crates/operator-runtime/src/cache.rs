//! The cache: the state that watches fill and reconciles read, and the queue of custom resources to
//! reconcile.

mod debounce;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::core::object::HasStatus;
use kube::runtime::reflector::{self, ObjectRef, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use kube_facts::Key;
use kube_facts::extract::Extract;
use promop_compat::caps::{Caps, Kind};
use tokio::sync::{Notify, watch};

use debounce::Debounced;

use crate::access::Access;
use crate::backoff::Backoff;
use crate::owned_objects::{OwnedObjects, Owner};
use crate::probe::ProbeResults;
use crate::reconciler::{Cluster, Reconciler};
use crate::related::{Entry, Spec, key_of};
use crate::store::{Change, Store};
use crate::version::Version;

/// A custom resource that may not fit its own schema: one bad object must not stop the watch.
pub type Guarded<C> = DeserializeGuard<<C as Reconciler>::Resource>;

/// The purpose of the watch of custom resources.
pub(crate) const RESOURCE: &str = "resource";

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
    /// The fields it is limited to.
    pub fields: Option<&'static str>,
    /// Namespace; `None` for all.
    pub namespace: Option<String>,
}

/// What reconciles read.
pub struct State<C: Reconciler> {
    /// Related objects.
    pub stores: C::Stores,
    /// Owned objects.
    pub owned_objects: OwnedObjects,
    /// Capabilities in effect: `Present` only once the watches of the kind have listed.
    pub caps: Caps,
    /// Permissions of other ServiceAccounts that were checked.
    pub access: Access,
    /// Results of probes.
    pub answers: ProbeResults,
}

impl<C: Reconciler> State<C> {
    /// Capabilities, permissions, probe results and the time.
    pub fn cluster(&self) -> Cluster<'_> {
        Cluster {
            caps: self.caps,
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
    /// The detected capabilities, which are ahead of those in effect.
    pub(crate) detected: watch::Receiver<Caps>,
    /// Notified when a request meets a 403 or a missing kind.
    pub(crate) recheck: Arc<Notify>,
    /// Held while work runs on another thread: custom resources often need the same results.
    pub(crate) working: tokio::sync::Mutex<()>,
}

impl<C: Reconciler> Cache<C> {
    /// An empty cache.
    pub fn new(detected: watch::Receiver<Caps>, recheck: Arc<Notify>) -> Self {
        let (store, mut writer) = reflector::store();
        // The store counts as listed from the start: whether lists are complete is known by
        // `unsynced`, for all watches together.
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

    /// The state. Held only across synchronous code.
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
        for it in self.store.state() {
            self.enqueue(&key_of(it.meta()));
        }
    }

    /// Applies changes to one store, and enqueues the custom resources that they affect.
    pub(crate) fn apply_event<S: Extract>(
        self: &Arc<Self>,
        spec: &Spec<C, S>,
        debounced: bool,
        apply: impl FnOnce(&mut Store<S::Facts>) -> Vec<Change<S::Facts>>,
    ) {
        let mut state = self.state();
        let changes = apply((spec.store_mut)(&mut state.stores));
        if changes.is_empty() {
            return;
        }
        let stores = &state.stores;
        let store = (spec.store)(stores).items();
        let changes: Vec<_> = changes
            .iter()
            .map(|Change { key, old }| (key, old.as_ref(), store.get(key)))
            .collect();
        // Most changes affect no custom resource, so the filter runs inside the store.
        let affected = self.store.state_filter(|it| {
            let mut changes = changes.iter();
            it.0.as_ref().is_ok_and(|it| {
                changes.any(|(key, old, new)| (spec.is_affected_by)(stores, it, key, *old, *new))
            })
        });
        drop(state);
        for it in &affected {
            let key = key_of(it.meta());
            match debounced {
                true => self.enqueue_debounced(key),
                false => self.enqueue(&key),
            }
        }
    }

    /// The facts as they are stored: without their large part, unless a custom resource needs it.
    pub(crate) fn partial<S: Extract>(
        &self,
        entry: &Entry<C, S>,
        key: &Key,
        facts: S::Facts,
    ) -> S::Facts {
        let Some(partial) = &entry.partial else {
            return facts;
        };
        let state = self.state();
        let mut all = self.store.state().into_iter();
        let is_needed = all.any(|it| {
            let it = it.0.as_ref();
            it.is_ok_and(|it| (partial.is_needed)(&state.stores, it, key, &facts))
        });
        match is_needed {
            true => facts,
            false => (partial.without)(facts),
        }
    }

    /// Lists the kinds again whose stores are partial.
    pub(crate) fn relist(&self) {
        self.lists.send_modify(|count| *count += 1);
    }

    /// Changes when partial kinds must be listed again.
    pub(crate) fn lists(&self) -> watch::Receiver<u64> {
        self.lists.subscribe()
    }

    /// Waits for the first list of custom resources.
    pub(crate) async fn resources_listed(&self) {
        let mut open = self.unsynced.subscribe();
        let listed = |open: &BTreeSet<WatchId>| !open.iter().any(|w| w.purpose == RESOURCE);
        // The sender lives as long as the cache.
        let _ = open.wait_for(listed).await;
    }

    /// Stores a custom resource, and enqueues it if anything changed but the status that we write.
    pub(crate) fn apply_resource(&self, it: Guarded<C>) {
        let key = key_of(it.meta());
        let mut writer = lock(&self.writer);
        let known = self.store.get(&ObjectRef::from_obj(&it));
        if let Some(known) = &known
            && Version::of(&it).is_older_than(&Version::of(&**known))
            && known.uid() == it.uid()
        {
            return;
        }
        let is_changed = known.is_none_or(|known| differ::<C>(&known, &it));
        writer.apply_watcher_event(&Event::Apply(it));
        drop(writer);
        if is_changed {
            self.enqueue(&key);
        }
    }

    /// Stores the status of a custom resource before it is written. The watch can be faster than the
    /// response, and its event is no change then.
    pub(crate) fn enter_status(&self, owner: &Owner, status: C::Status) {
        let reference = ObjectRef::new(&owner.name).within(&owner.namespace);
        let mut writer = lock(&self.writer);
        let Some(known) = self.store.get(&reference) else {
            return;
        };
        let mut it = (*known).clone();
        if let Ok(resource) = &mut it.0
            && resource.uid().as_deref() == Some(&owner.uid)
        {
            *resource.status_mut() = Some(status);
            writer.apply_watcher_event(&Event::Apply(it));
        }
    }

    /// Drops a deleted custom resource and everything kept under its name or UID. Its children are garbage
    /// collected.
    pub(crate) fn delete_resource(&self, it: Guarded<C>) {
        let owner = owner(&it);
        lock(&self.writer).apply_watcher_event(&Event::Delete(it));
        self.forget(&owner);
    }

    /// Drops what is kept about a deleted custom resource.
    fn forget(&self, owner: &Owner) {
        self.backoff.forget(&owner.uid);
        let mut state = self.state();
        state.owned_objects.forget(owner);
        C::forget(&mut state.stores, &owner.uid);
    }

    /// Drops what a reconcile stored that was still running when its custom resource was deleted.
    pub(crate) fn forget_if_deleted(&self, owner: &Owner) {
        let reference = ObjectRef::new(&owner.name).within(&owner.namespace);
        let known = self.store.get(&reference);
        if known.is_none_or(|it| it.uid().unwrap_or_default() != owner.uid) {
            self.forget(owner);
        }
    }

    pub(crate) fn expect_sync(&self, watch: WatchId) {
        self.unsynced.send_modify(|open| {
            open.insert(watch);
        });
    }

    pub(crate) fn synced(&self, watch: &WatchId) {
        self.unsynced.send_if_modified(|open| open.remove(watch));
    }

    pub(crate) fn is_synced(&self, capability: Option<Kind>) -> bool {
        let open = self.unsynced.borrow();
        !open.iter().any(|w| w.capability == capability)
    }

    /// Stops waiting for the lists of a kind whose watches have stopped.
    pub(crate) fn forget_watches(&self, kind: Kind) {
        self.unsynced
            .send_modify(|open| open.retain(|w| w.capability != Some(kind)));
    }

    /// Changes with every watch that completes its list.
    pub(crate) fn sync_progress(&self) -> watch::Receiver<BTreeSet<WatchId>> {
        self.unsynced.subscribe()
    }
}

/// Whether anything differs but the version.
fn differ<C: Reconciler>(known: &Guarded<C>, it: &Guarded<C>) -> bool {
    fn status<C: Reconciler>(of: &Guarded<C>) -> Option<&C::Status> {
        of.0.as_ref().ok()?.status()
    }
    let metadata = |of: &Guarded<C>| ObjectMeta {
        resource_version: None,
        ..of.meta().clone()
    };
    // The generation changes with the spec.
    status::<C>(known) != status::<C>(it) || metadata(known) != metadata(it)
}

/// Who owns the children of a custom resource.
pub(crate) fn owner<K: Resource>(it: &K) -> Owner {
    Owner {
        namespace: it.namespace().unwrap_or_default(),
        name: it.name_any(),
        uid: it.uid().unwrap_or_default(),
    }
}

/// A poisoned lock means that a task panicked while holding it; the maps inside are still whole,
/// since nothing is left half-way between two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
