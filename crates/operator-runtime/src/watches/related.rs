//! The watch of a related kind. Of an optional kind, the last good set stays while its CRD is deleted and
//! until its objects are back: a deletion counts only when it is due and the kind is still served.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube_facts::Key;
use kube_facts::extract::Extract;
use promop_compat::detect::{is_forbidden, sleep_to};
use tokio::time::Instant;

use super::Watch;
use crate::cache::Cache;
use crate::reconciler::Reconciler;
use crate::related::{Entry, Watched, key_of};
use crate::store::{Changes, Store};

/// After how long the deletion of an optional kind's object counts: when a CRD is deleted, its objects
/// go first, and the kind is missing half a second later; on a busy API server, much later.
pub const HOLD: Duration = Duration::from_secs(15);

/// By when objects count as deleted that are not back, after their kind is.
pub const RETURNED: Duration = Duration::from_secs(600);

/// The same once some are back and no more have arrived for this long: objects are restored one by one.
pub const SETTLED: Duration = Duration::from_secs(5);

/// How long until a dispensable kind that may not be read is tried again.
const DENIED: Duration = Duration::from_secs(600);

/// Watches a kind and fills its store.
pub(crate) async fn related<C, S>(cache: Arc<Cache<C>>, entry: Arc<Entry<C, S>>, watch: Watch)
where
    C: Reconciler,
    S: Extract,
{
    if entry.partial.is_some() {
        // Without custom resources everything would be dropped, and had to be listed again.
        cache.resources_listed().await;
    }
    let api: Api<Watched<S>> = watch.api();
    let begin = || {
        watch_objects(api.clone(), watch.config.clone())
            .default_backoff()
            .boxed()
    };
    let mut lists = cache.lists();
    let mut events = begin();
    let mut task = WatchTask {
        cache,
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
                    task.do_without();
                    tokio::time::sleep(DENIED).await;
                }
                Some(Err(error)) => task.watch.interrupted(&task.cache, &error),
            },
            Ok(()) = lists.changed(), if task.entry.partial.is_some() => events = begin(),
            () = sleep_to(task.due()) => task.time_is_up(Instant::now()),
        }
    }
}

struct WatchTask<C: Reconciler, S: Extract> {
    cache: Arc<Cache<C>>,
    entry: Arc<Entry<C, S>>,
    watch: Watch,
    /// The list under way.
    listing: BTreeMap<Key, S::Facts>,
    /// Deletions that do not count yet, and when they do.
    deletions: BTreeMap<Key, Instant>,
    /// The kind is back after a freeze, and its objects may not be yet.
    returned: Option<Returned>,
}

/// When what is not back counts as deleted.
#[derive(Clone, Copy)]
struct Returned {
    /// Unless more comes.
    due: Instant,
    /// Whatever comes.
    latest: Instant,
}

impl<C: Reconciler, S: Extract> WatchTask<C, S> {
    fn apply_event(&mut self, event: Event<Watched<S>>) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(it) => {
                let key = key_of(&it.metadata);
                let facts = self.cache.partial(&self.entry, &key, it.facts);
                self.listing.insert(key, facts);
            }
            Event::InitDone => {
                self.listed();
                self.cache.synced(&self.watch.id);
            }
            Event::Apply(it) => {
                let key = key_of(&it.metadata);
                self.deletions.remove(&key);
                if let Some(returned) = &mut self.returned {
                    returned.due = returned.latest.min(Instant::now() + SETTLED);
                    let due = returned.due;
                    self.deletions.values_mut().for_each(|d| *d = due);
                }
                let facts = self.cache.partial(&self.entry, &key, it.facts);
                self.change(|store| store.change(&key, Some(facts)).into_iter().collect());
            }
            Event::Delete(it) => {
                let key = key_of(&it.metadata);
                if self.watch.id.capability.is_none() {
                    self.change(|store| store.change(&key, None).into_iter().collect());
                    return;
                }
                self.cache.recheck.notify_one();
                self.deletions.insert(key, Instant::now() + HOLD);
            }
        }
    }

    /// A list is complete.
    fn listed(&mut self) {
        let listed = std::mem::take(&mut self.listing);
        let namespace = self.watch.id.namespace.clone();
        let namespace = namespace.as_deref();
        if self.watch.id.capability.is_none() {
            self.change(|store| store.replace(namespace, listed));
            return;
        }
        let now = Instant::now();
        let (is_frozen, missing) = {
            let state = self.cache.state();
            let store = (self.entry.spec.store)(&state.stores);
            (store.is_frozen(), store.missing_in(namespace, &listed))
        };
        self.deletions.retain(|key, _| !listed.contains_key(key));
        let due = match (is_frozen, listed.is_empty()) {
            (true, true) => now + RETURNED,
            (true, false) => now + SETTLED,
            // A list can lack objects for the same reason as they are deleted.
            (false, _) => now + HOLD,
        };
        self.returned = is_frozen.then_some(Returned {
            due,
            latest: now + RETURNED,
        });
        for key in missing {
            self.deletions.entry(key).or_insert(due);
        }
        if !self.deletions.is_empty() {
            self.cache.recheck.notify_one();
        }
        self.change(|store| {
            let listed = listed.into_iter();
            listed
                .filter_map(|(key, facts)| store.change(&key, Some(facts)))
                .collect()
        });
    }

    /// When something is due, if anything is.
    fn due(&self) -> Option<Instant> {
        let returned = self.returned.iter().map(|returned| returned.due);
        self.deletions.values().copied().chain(returned).min()
    }

    fn time_is_up(&mut self, now: Instant) {
        let gone = self.deletions.iter().filter(|(_, due)| **due <= now);
        let gone: Vec<Key> = gone.map(|(key, _)| key.clone()).collect();
        self.deletions.retain(|_, due| *due > now);
        // Where the kind itself is going, its objects stay as they were.
        let kind = self.watch.id.capability;
        if kind.is_none_or(|kind| self.cache.detected.borrow().has(kind)) {
            self.change(|store| {
                let gone = gone.iter();
                gone.filter_map(|key| store.change(key, None)).collect()
            });
        }
        if self.returned.take_if(|it| it.due <= now).is_some() {
            (self.entry.spec.store_mut)(&mut self.cache.state().stores).unfreeze();
            // Also those whose objects are the same as before are no longer frozen.
            self.cache.enqueue_all();
        }
    }

    /// Marks the store as denied: decisions do without this kind.
    fn do_without(&self) {
        let is_new = (self.entry.spec.store_mut)(&mut self.cache.state().stores).deny();
        // Logged once: a namespaced installation may stay without the permission.
        if is_new {
            let kind = &self.watch.id.kind;
            tracing::info!(kind, "cannot be listed; continuing without it");
        }
        self.cache.synced(&self.watch.id);
    }

    fn change(&self, apply: impl FnOnce(&mut Store<S::Facts>) -> Changes<S::Facts>) {
        self.cache
            .apply_event(&self.entry.spec, self.watch.debounced, apply);
    }
}
