//! Debounce: a burst of changes enqueues a custom resource once.

use std::sync::Arc;
use std::time::Duration;

use kube_facts::Key;
use tokio::time::Instant;

use super::{Cache, lock};
use crate::reconciler::Reconciler;

/// Time without changes before a custom resource is enqueued: a rollout changes pod counts several
/// times a second, and each reconcile would write the status.
const QUIET: Duration = Duration::from_millis(500);

/// Maximum delay while changes continue.
const LONGEST: Duration = Duration::from_secs(5);

/// A pending burst of changes.
pub(super) struct Debounced {
    /// Number of the latest change.
    latest: u64,
    /// Time at which the custom resource is enqueued at the latest.
    until: Instant,
}

impl<C: Reconciler> Cache<C> {
    /// Enqueues a custom resource after `QUIET` without another change.
    pub(crate) fn enqueue_debounced(self: &Arc<Self>, key: Key) {
        // Opening the queue enqueues everything, so the initial lists need no debounce.
        if lock(&self.queue).is_none() {
            return;
        }
        let now = Instant::now();
        let (latest, wait) = {
            let mut all = lock(&self.debounced);
            let debounced = all.entry(key.clone()).or_insert(Debounced {
                latest: 0,
                until: now + LONGEST,
            });
            debounced.latest += 1;
            (debounced.latest, QUIET.min(debounced.until - now))
        };
        let cache = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let mut all = lock(&cache.debounced);
            if all.get(&key).is_some_and(|it| it.latest == latest) {
                all.remove(&key);
                drop(all);
                cache.enqueue(&key);
            }
        });
    }
}
