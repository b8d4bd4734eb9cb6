//! The feed of a view. Of an optional kind, the last good set stays while the kind is gone, and until it
//! is back: a deletion counts only when it is due and the kind is still served.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use promop_compat::detect::{is_forbidden, sleep_to};
use promop_compat::extract::Extract;
use promop_compat::model::Key;
use tokio::time::Instant;

use super::Watch;
use crate::component::Component;
use crate::hub::Hub;
use crate::related::{Entry, Watched, key_of};
use crate::view::{Changes, View};

/// After how long the deletion of an optional kind's object counts: when a CRD is deleted, its objects
/// go first, and the kind is missing half a second later; on a busy API server, much later.
pub const HOLD: Duration = Duration::from_secs(15);

/// By when objects count as deleted that are not back, after their kind is.
pub const RETURNED: Duration = Duration::from_secs(600);

/// The same once some are back and no more have come for this long: whoever puts them back does it one
/// by one.
pub const SETTLED: Duration = Duration::from_secs(5);

/// How long until a dispensable kind that may not be read is tried again.
const DENIED: Duration = Duration::from_secs(600);

/// Feeds a view.
pub(crate) async fn related<C, S>(hub: Arc<Hub<C>>, entry: Arc<Entry<C, S>>, watch: Watch)
where
    C: Component,
    S: Extract,
{
    if entry.held.is_some() {
        // What nobody wants yet would be let go, and had to be listed again.
        hub.resources_listed().await;
    }
    let api: Api<Watched<S>> = watch.api();
    let begin = || {
        watch_objects(api.clone(), watch.config.clone())
            .default_backoff()
            .boxed()
    };
    let mut lists = hub.lists();
    let mut events = begin();
    let mut feed = Feed {
        hub,
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
                Some(Ok(event)) => feed.take_in(event),
                Some(Err(error)) if feed.watch.dispensable && is_forbidden(&error) => {
                    feed.do_without();
                    tokio::time::sleep(DENIED).await;
                }
                Some(Err(error)) => feed.watch.interrupted(&feed.hub, &error),
            },
            Ok(()) = lists.changed(), if feed.entry.held.is_some() => events = begin(),
            () = sleep_to(feed.due()) => feed.time_is_up(Instant::now()),
        }
    }
}

struct Feed<C: Component, S: Extract> {
    hub: Arc<Hub<C>>,
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

impl<C: Component, S: Extract> Feed<C, S> {
    fn take_in(&mut self, event: Event<Watched<S>>) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(it) => {
                let key = key_of(&it.metadata);
                let facts = self.hub.held(&self.entry, &key, it.facts);
                self.listing.insert(key, facts);
            }
            Event::InitDone => {
                self.listed();
                self.hub.synced(&self.watch.id);
            }
            Event::Apply(it) => {
                let key = key_of(&it.metadata);
                self.deletions.remove(&key);
                if let Some(returned) = &mut self.returned {
                    returned.due = returned.latest.min(Instant::now() + SETTLED);
                    let due = returned.due;
                    self.deletions.values_mut().for_each(|d| *d = due);
                }
                let facts = self.hub.held(&self.entry, &key, it.facts);
                self.change(|view| view.change(&key, Some(facts)).into_iter().collect());
            }
            Event::Delete(it) => {
                let key = key_of(&it.metadata);
                if self.watch.id.capability.is_none() {
                    self.change(|view| view.change(&key, None).into_iter().collect());
                    return;
                }
                self.hub.doubt.notify_one();
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
            self.change(|view| view.replace(namespace, listed));
            return;
        }
        let now = Instant::now();
        let (is_frozen, missing) = {
            let state = self.hub.state();
            let view = (self.entry.spec.view)(&state.views);
            (view.is_frozen(), view.missing_in(namespace, &listed))
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
            self.hub.doubt.notify_one();
        }
        self.change(|view| {
            let listed = listed.into_iter();
            listed
                .filter_map(|(key, facts)| view.change(&key, Some(facts)))
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
        if kind.is_none_or(|kind| self.hub.detected.borrow().has(kind)) {
            self.change(|view| {
                let gone = gone.iter();
                gone.filter_map(|key| view.change(key, None)).collect()
            });
        }
        if self.returned.take_if(|it| it.due <= now).is_some() {
            (self.entry.spec.view_mut)(&mut self.hub.state().views).unfreeze();
            // Also those whose objects are the same as before are no longer frozen.
            self.hub.wake_all();
        }
    }

    /// Decisions can do without this kind, and have to.
    fn do_without(&self) {
        let is_new = (self.entry.spec.view_mut)(&mut self.hub.state().views).deny();
        // Said once: a namespaced installation is to stay as it is.
        if is_new {
            let kind = &self.watch.id.kind;
            tracing::info!(kind, "may not be listed, it is done without");
        }
        self.hub.synced(&self.watch.id);
    }

    fn change(&self, apply: impl FnOnce(&mut View<S::Facts>) -> Changes<S::Facts>) {
        self.hub
            .take_in(&self.entry.spec, self.watch.debounced, apply);
    }
}
