//! Exponential backoff per custom resource, reset by success. Pure.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(300);

/// Number of consecutive failures, by UID.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<BTreeMap<String, u32>>);

impl Backoff {
    /// Counts a failure. Returns the delay until the next attempt.
    #[must_use]
    pub fn next(&self, uid: &str) -> Duration {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        let delay = FIRST.saturating_mul(2_u32.saturating_pow(*count)).min(LAST);
        *count = count.saturating_add(1);
        delay
    }

    /// Number of consecutive failures.
    #[must_use]
    pub fn failures(&self, uid: &str) -> u32 {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(uid).copied().unwrap_or_default()
    }

    /// Forgets the failures.
    pub fn forget(&self, uid: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_the_limit_and_resets() {
        let backoff = Backoff::default();
        let delays: Vec<u64> = (0..12).map(|_| backoff.next("a").as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(backoff.next("b").as_secs(), 1);
        assert_eq!((backoff.failures("a"), backoff.failures("b")), (12, 1));
        backoff.forget("a");
        assert_eq!(backoff.failures("a"), 0);
        assert_eq!(backoff.next("a").as_secs(), 1);
    }
}
