//! Delays after failures: doubling per custom resource, reset by success.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(300);

/// The number of failures in a row, by UID.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<BTreeMap<String, u32>>);

impl Backoff {
    /// Counts a failure; returns how long to wait.
    #[must_use]
    pub fn next(&self, uid: &str) -> Duration {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        let delay = FIRST.saturating_mul(2_u32.saturating_pow(*count)).min(LAST);
        *count = count.saturating_add(1);
        delay
    }

    /// The number of failures in a row.
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
    fn doubles_up_to_a_limit_and_starts_again() {
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
