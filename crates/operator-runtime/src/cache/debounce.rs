//! Changes that come in numbers: a custom resource is looked at once they stand still.

use std::sync::Arc;
use std::time::Duration;

use kube_facts::Key;
use tokio::time::Instant;

use super::{Cache, lock};
use crate::reconciler::Reconciler;

/// For how long changes must stand still before a custom resource is looked at: a rollout changes
/// counts of pods several times in a moment, and each would be a write.
const QUIET: Duration = Duration::from_millis(500);

/// How long it may change until the resource is looked at all the same.
const LONGEST: Duration = Duration::from_secs(5);

/// Changes that still come.
pub(super) struct Debounced {
    /// The number of the latest change.
    latest: u64,
    until: Instant,
}

impl<C: Reconciler> Cache<C> {
    /// Queues a custom resource once no more changes come for a moment.
    pub(crate) fn enqueue_debounced(self: &Arc<Self>, key: Key) {
        // Everything is looked at once when the queue opens; the first lists are no reason to wait.
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
