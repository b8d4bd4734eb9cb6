//! Debounce: a custom resource is enqueued once for many changes that follow each other.

use std::sync::Arc;
use std::time::Duration;

use kube_facts::Key;
use tokio::time::Instant;

use super::{Cache, lock};
use crate::reconciler::Reconciler;

/// Time without further changes before a custom resource is enqueued: a rollout changes counts of pods
/// several times a second, and each change could be a write.
const QUIET: Duration = Duration::from_millis(500);

/// Longest delay of a custom resource whose changes do not end.
const LONGEST: Duration = Duration::from_secs(5);

/// A custom resource that is not enqueued yet.
pub(super) struct Debounced {
    /// The number of the latest change.
    latest: u64,
    until: Instant,
}

impl<C: Reconciler> Cache<C> {
    /// Enqueues a custom resource once no further changes arrive for `QUIET`.
    pub(crate) fn enqueue_debounced(self: &Arc<Self>, key: Key) {
        // Every custom resource is enqueued when the queue opens.
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
