//! The watch task of a related kind. Does IO.
//!
//! The store of an optional kind is frozen while its CRD is absent: deletions are delayed and dropped
//! if the kind is no longer served by then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube_facts::Key;
use kube_facts::extract::Extract;
use tokio::time::Instant;

use super::entry::{Entry, Watched};
use super::host::{Enqueue, Host};
use crate::detect::{is_forbidden, sleep_to};
use crate::store::{Change, Changes, Store};
use crate::watch::Watch;

/// Delay of the deletion of an object of an optional kind: when a CRD is deleted, its objects are
/// deleted first, and the kind disappears half a second later, or much later on a busy API server.
pub const DELETION_DELAY: Duration = Duration::from_secs(15);

/// Time after which objects that are missing after the reinstallation of their CRD count as deleted.
pub const RETURNED: Duration = Duration::from_secs(600);

/// The same once the first objects exist, counted from the latest one: a restore creates them one by
/// one.
pub const SETTLED: Duration = Duration::from_secs(5);

/// Retry interval of a dispensable kind that is not permitted to be read.
const DENIED: Duration = Duration::from_secs(600);

/// Watches the objects of a related kind.
pub(super) async fn run<V, R, S>(
    host: Arc<dyn Host<V, R>>,
    entry: Arc<Entry<V, R, S>>,
    watch: Watch,
) where
    V: 'static,
    R: 'static,
    S: Extract,
{
    if entry.partial.is_some() {
        // Otherwise the large part of all facts is dropped and must be listed again.
        host.resources_listed().await;
    }
    let api: Api<Watched<S>> = watch.api();
    let begin = || {
        watch_objects(api.clone(), watch.config.clone())
            .default_backoff()
            .boxed()
    };
    let mut lists = host.lists();
    let mut events = begin();
    let mut task = WatchTask {
        host,
        entry,
        watch: watch.clone(),
        listing: BTreeMap::new(),
        deletions: BTreeMap::new(),
        returned: None,
    };
    loop {
        tokio::select! {
            event = events.next() => match event {
                None => return,
                Some(Ok(event)) => task.apply_event(event),
                Some(Err(error)) if task.watch.dispensable && is_forbidden(&error) => {
                    task.deny();
                    tokio::time::sleep(DENIED).await;
                }
                Some(Err(error)) => task.watch.interrupted(|| task.host.recheck(), &error),
            },
            Ok(()) = lists.changed(), if task.entry.partial.is_some() => events = begin(),
            () = sleep_to(task.due()) => task.apply_due(Instant::now()),
        }
    }
}

struct WatchTask<V, R, S: Extract> {
    host: Arc<dyn Host<V, R>>,
    entry: Arc<Entry<V, R, S>>,
    watch: Watch,
    /// Incomplete list.
    listing: BTreeMap<Key, S::Facts>,
    /// Delayed deletions, and when they are applied.
    deletions: BTreeMap<Key, Instant>,
    /// Set after a freeze, while objects may still be missing.
    returned: Option<Returned>,
}

/// When missing objects count as deleted after a freeze.
#[derive(Clone, Copy)]
struct Returned {
    /// Time without another object.
    due: Instant,
    /// Latest time.
    latest: Instant,
}

impl<V: 'static, R: 'static, S: Extract> WatchTask<V, R, S> {
    fn apply_event(&mut self, event: Event<Watched<S>>) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(object) => {
                let key = Key::of(&object.metadata);
                let facts = self.partial(&key, object.facts);
                self.listing.insert(key, facts);
            }
            Event::InitDone => {
                self.listed();
                self.host.synced(&self.watch.id);
            }
            Event::Apply(object) => {
                let key = Key::of(&object.metadata);
                self.deletions.remove(&key);
                if let Some(returned) = &mut self.returned {
                    returned.due = returned.latest.min(Instant::now() + SETTLED);
                    let due = returned.due;
                    self.deletions.values_mut().for_each(|d| *d = due);
                }
                let facts = self.partial(&key, object.facts);
                self.change(|store| store.change(&key, Some(facts)).into_iter().collect());
            }
            Event::Delete(object) => {
                let key = Key::of(&object.metadata);
                if self.watch.id.capability.is_none() {
                    self.change(|store| store.change(&key, None).into_iter().collect());
                    return;
                }
                self.host.recheck();
                self.deletions.insert(key, Instant::now() + DELETION_DELAY);
            }
        }
    }

    /// Applies a complete list.
    fn listed(&mut self) {
        let listed = std::mem::take(&mut self.listing);
        let namespace = self.watch.id.namespace.clone();
        let namespace = namespace.as_deref();
        if self.watch.id.capability.is_none() {
            self.change(|store| store.replace(namespace, listed));
            return;
        }
        let now = Instant::now();
        let (is_frozen, missing) =
            self.store(|store| (store.is_frozen(), store.missing_in(namespace, &listed)));
        self.deletions.retain(|key, _| !listed.contains_key(key));
        let due = match (is_frozen, listed.is_empty()) {
            (true, true) => now + RETURNED,
            (true, false) => now + SETTLED,
            // A list may lack objects because the CRD is being deleted.
            (false, _) => now + DELETION_DELAY,
        };
        self.returned = is_frozen.then_some(Returned {
            due,
            latest: now + RETURNED,
        });
        for key in missing {
            self.deletions.entry(key).or_insert(due);
        }
        if !self.deletions.is_empty() {
            self.host.recheck();
        }
        self.change(|store| {
            let listed = listed.into_iter();
            listed
                .filter_map(|(key, facts)| store.change(&key, Some(facts)))
                .collect()
        });
    }

    /// Time of the next delayed deletion or of the end of the freeze.
    fn due(&self) -> Option<Instant> {
        let returned = self.returned.iter().map(|returned| returned.due);
        self.deletions.values().copied().chain(returned).min()
    }

    fn apply_due(&mut self, now: Instant) {
        let deleted = self.deletions.iter().filter(|(_, due)| **due <= now);
        let deleted: Vec<Key> = deleted.map(|(key, _)| key.clone()).collect();
        self.deletions.retain(|_, due| *due > now);
        // If the CRD is absent, the objects were deleted with it and the store stays frozen.
        let kind = self.watch.id.capability;
        if kind.is_none_or(|kind| self.host.is_present(kind)) {
            self.change(|store| {
                let deleted = deleted.iter();
                deleted.filter_map(|key| store.change(key, None)).collect()
            });
        }
        if self
            .returned
            .take_if(|returned| returned.due <= now)
            .is_some()
        {
            self.store(Store::unfreeze);
            // The end of the freeze affects all custom resources, even without a changed object.
            self.host.enqueue_all();
        }
    }

    /// Continues without the permission to read the kind.
    fn deny(&self) {
        let is_new = self.store(Store::deny);
        // Logged once, since this is the intended state of a namespaced installation.
        if is_new {
            let kind = &self.watch.id.kind;
            tracing::info!(
                kind,
                "no permission to list this kind; continuing without it"
            );
        }
        self.host.synced(&self.watch.id);
    }

    /// Accesses the store.
    fn store<T>(&self, access: impl FnOnce(&mut Store<S::Facts>) -> T) -> T {
        let mut result = None;
        self.host.stores(Box::new(|stores| {
            result = Some(access((self.entry.spec.store_mut)(stores)));
        }));
        result.expect("the host calls it")
    }

    /// Changes the store, and enqueues the custom resources that the changes affect.
    fn change(&self, apply: impl FnOnce(&mut Store<S::Facts>) -> Changes<S::Facts>) {
        let spec = &self.entry.spec;
        let apply = |stores: &mut V, enqueue: Enqueue<'_, R>| {
            let changes = apply((spec.store_mut)(stores));
            if changes.is_empty() {
                return;
            }
            let (stores, items) = (&*stores, (spec.store)(stores).items());
            let changes: Vec<_> = changes
                .iter()
                .map(|Change { key, old }| (key, old.as_ref(), items.get(key)))
                .collect();
            enqueue(&|resource| {
                let mut changes = changes.iter();
                changes
                    .any(|(key, old, new)| (spec.is_affected_by)(stores, resource, key, *old, *new))
            });
        };
        self.host
            .clone()
            .change(self.watch.debounced, Box::new(apply));
    }

    /// The facts to store: without their large part if no custom resource needs it.
    fn partial(&self, key: &Key, facts: S::Facts) -> S::Facts {
        let Some(partial) = &self.entry.partial else {
            return facts;
        };
        let is_needed =
            |stores: &V, resource: &R| (partial.is_needed)(stores, resource, key, &facts);
        match self.host.any(&is_needed) {
            true => facts,
            false => (partial.without)(facts),
        }
    }
}
