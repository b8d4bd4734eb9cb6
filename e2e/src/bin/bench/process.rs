//! CPU and memory of a process, from /proc.

use std::time::Duration;

use anyhow::Context as _;
use e2e::wait::{check, eventually};

/// How much CPU a process used, of all its threads that live.
///
/// The scheduler's own count is exact to the nanosecond; `stat` counts in units of 10 ms, which is
/// too coarse for single events.
///
/// # Errors
/// There is no such process.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let file = thread?.path().join("schedstat");
        // A thread may end while the folder is read.
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let first = text.split_whitespace().next();
        nanoseconds += first.context("schedstat is empty")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Resident memory in MiB.
///
/// # Errors
/// There is no such process.
pub fn resident(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|l| l.split_whitespace().next());
    Ok(kibibytes.context("no VmRSS")?.parse::<f64>()? / 1024.0)
}

/// Waits until a process has used next to no CPU for a second: it has caught up.
pub async fn idle(pid: u32, limit: Duration) {
    let attempt = async || {
        let before = cpu(pid).map_err(|e| e.to_string())?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let used = cpu(pid).map_err(|e| e.to_string())?.saturating_sub(before);
        check(used < Duration::from_millis(15), || format!("{used:?}"))
    };
    eventually("the controller is idle", limit, attempt).await;
}
