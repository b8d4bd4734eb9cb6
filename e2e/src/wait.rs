//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Waits until `look` gives a value; panics with what it said last when `limit` is over.
///
/// `look` returns `Err` with the reason why not yet.
#[track_caller]
pub fn eventually<T, F>(
    what: &str,
    limit: Duration,
    mut look: F,
) -> impl Future<Output = T> + use<T, F>
where
    F: AsyncFnMut() -> Result<T, String>,
{
    let caller = std::panic::Location::caller();
    let what = what.to_owned();
    async move {
        let start = Instant::now();
        loop {
            match look().await {
                Ok(value) => return value,
                Err(why) => assert!(
                    start.elapsed() < limit,
                    "{caller}: {what}: not within {limit:?}: {why}"
                ),
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// `Ok` if `condition` holds, or else `why`.
///
/// # Errors
/// The condition does not hold.
pub fn check(condition: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(why()) }
}
