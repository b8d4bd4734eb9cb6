//! Waiting for a condition.

use std::time::{Duration, Instant};

/// The shortest and the longest time between two checks. In between it is a tenth of the time waited so
/// far: checks of many tests at once would be most of the requests to the API server.
const POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Waits until `attempt` returns a value. Panics with its last error after `limit`.
///
/// `attempt` returns `Err` with the reason until the condition holds.
#[track_caller]
pub fn eventually<T, F>(
    what: &str,
    limit: Duration,
    mut attempt: F,
) -> impl Future<Output = T> + use<T, F>
where
    F: AsyncFnMut() -> Result<T, String>,
{
    let caller = std::panic::Location::caller();
    let what = what.to_owned();
    async move {
        let start = Instant::now();
        loop {
            match attempt().await {
                Ok(value) => return value,
                Err(why) => assert!(
                    start.elapsed() < limit,
                    "{caller}: {what}: not within {limit:?}: {why}"
                ),
            }
            tokio::time::sleep((start.elapsed() / 10).clamp(POLL.0, POLL.1)).await;
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
