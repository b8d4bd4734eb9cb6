//! The feed of a view. What is gone from an optional kind stays for a moment, and if the kind itself
//! is going, until it is back.

use std::collections::{BTreeMap, BTreeSet};
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

/// How long the deletion of an optional kind's object is held back: when a definition is deleted,
/// its objects go first, and the kind is missing only about half a second later.
pub const HOLD: Duration = Duration::from_secs(5);

/// The same if nothing would be left: that looks like the end of the kind itself, and a busy API
/// server takes its time with that.
pub const HOLD_LAST: Duration = Duration::from_secs(15);

/// How long an empty list of a kind that came back leaves the frozen content as it is.
pub const THAW: Duration = Duration::from_secs(600);

/// When nothing more has come for this long, a kind that came back counts as whole: whoever puts
/// its objects back does it one by one.
pub const SETTLE: Duration = Duration::from_secs(5);

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
        held: BTreeMap::new(),
        thaw: None,
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
    /// Deletions that are held back, and since when.
    held: BTreeMap<Key, Instant>,
    thaw: Option<Thaw>,
}

/// A kind that came back after a freeze, and is not whole yet.
struct Thaw {
    /// The objects that are back.
    back: BTreeSet<Key>,
    /// When it counts as whole, unless more comes.
    due: Instant,
    /// When it counts as whole, whatever comes.
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
                self.held.remove(&key);
                if let Some(thaw) = &mut self.thaw {
                    thaw.back.insert(key.clone());
                    thaw.due = thaw.latest.min(Instant::now() + SETTLE);
                }
                let facts = self.hub.held(&self.entry, &key, it.facts);
                self.change(|view| view.change(&key, Some(facts)).into_iter().collect());
            }
            Event::Delete(it) => {
                let key = key_of(&it.metadata);
                if let Some(thaw) = &mut self.thaw {
                    thaw.back.remove(&key);
                }
                match self.watch.id.capability {
                    Some(_) => {
                        self.hub.doubt.notify_one();
                        self.held.insert(key, Instant::now());
                    }
                    None => self.change(|view| view.change(&key, None).into_iter().collect()),
                }
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
        if (self.entry.spec.view)(&self.hub.state().views).is_frozen() {
            let latest = now + THAW;
            self.held.clear();
            self.thaw = Some(Thaw {
                due: if listed.is_empty() {
                    latest
                } else {
                    now + SETTLE
                },
                back: listed.keys().cloned().collect(),
                latest,
            });
        } else {
            // A list can be empty for the same reason as single deletions come.
            let missing =
                (self.entry.spec.view)(&self.hub.state().views).missing_in(namespace, &listed);
            self.held.retain(|key, _| !listed.contains_key(key));
            for key in missing {
                self.held.entry(key).or_insert(now);
            }
            if !self.held.is_empty() {
                self.hub.doubt.notify_one();
            }
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
        let thaw = self.thaw.iter().map(|thaw| thaw.due);
        let first = self.held.values().min();
        first
            .map(|since| *since + self.hold())
            .into_iter()
            .chain(thaw)
            .min()
    }

    /// How long deletions are held back.
    fn hold(&self) -> Duration {
        let state = self.hub.state();
        let mut items = (self.entry.spec.view)(&state.views).items().keys();
        let namespace = self.watch.id.namespace.as_deref();
        let stays = |key: &Key| {
            namespace.is_none_or(|n| n == key.namespace) && !self.held.contains_key(key)
        };
        match items.any(stays) {
            true => HOLD,
            false => HOLD_LAST,
        }
    }

    fn time_is_up(&mut self, now: Instant) {
        if let Some(thaw) = self.thaw.take_if(|thaw| thaw.due <= now) {
            let namespace = self.watch.id.namespace.as_deref();
            self.change(|view| view.thaw(namespace, &thaw.back));
            // Also those whose objects are the same as before are no longer frozen.
            self.hub.wake_all();
        }
        let hold = self.hold();
        let gone = self.held.iter().filter(|(_, since)| **since + hold <= now);
        let gone: Vec<Key> = gone.map(|(key, _)| key.clone()).collect();
        self.held.retain(|_, since| *since + hold > now);
        // Where the kind itself is going, its objects stay as they were.
        let kind = self.watch.id.capability;
        if kind.is_none_or(|kind| self.hub.detected.borrow().has(kind)) {
            self.change(|view| {
                let gone = gone.iter();
                gone.filter_map(|key| view.change(key, None)).collect()
            });
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
        self.hub.take_in(&self.entry.spec, self.watch.pace, apply);
    }
}
