//! At rest, and after a restart.

use std::time::Duration;

use e2e::audit::{Entry, Mark};
use e2e::controller::Controller;

use crate::load::{LIMIT, requests, settle};
use crate::{Bench, FLAGS, process};

/// Duration of the measurement at rest.
const MINUTE: Duration = Duration::from_secs(60);

/// Up to how many resources the memory target holds.
const MEMORY_COUNT: usize = 200;

/// Resident memory of one controller, in MiB.
const MEMORY: f64 = 16.0;

/// Measures a minute in which nothing happens.
pub async fn rest(bench: &mut Bench) {
    let pid = bench.controller.pid();
    let mark = Mark::now();
    let cpu = process::cpu(pid);
    tokio::time::sleep(MINUTE).await;
    let used = process::cpu(pid).ok().zip(cpu.ok());
    let requests = requests(bench.cluster.program, &mark);
    print_requests("at rest", &requests);
    let count = |of: fn(&Entry) -> bool| requests.iter().filter(|e| of(e)).count() as f64;
    bench.table.judge(
        "writes in a minute at rest",
        count(Entry::is_write),
        "",
        0.0,
    );
    bench
        .table
        .judge("reads in a minute at rest", count(Entry::is_read), "", 0.0);
    if let Some((after, before)) = used {
        let used = after.saturating_sub(before).as_secs_f64() * 1e3;
        bench.table.record("CPU in a minute at rest", used, "ms");
    }
    memory(bench, "resident memory before the restart");
}

/// Restarts the controller, and measures what that costs.
///
/// # Errors
/// The controller does not come to rest.
pub async fn restart(bench: &mut Bench) -> anyhow::Result<()> {
    let mark = Mark::now();
    bench.controller = Controller::start_with(&bench.cluster, FLAGS).await;
    process::idle(bench.controller.pid(), LIMIT).await;
    settle(bench.cluster.program, &mut bench.controller).await?;
    let requests = requests(bench.cluster.program, &mark);
    let writes: Vec<Entry> = requests.into_iter().filter(Entry::is_write).collect();
    print_requests("after the restart", &writes);
    let count = writes.len() as f64;
    bench.table.judge("writes after a restart", count, "", 0.0);
    let cpu = process::cpu(bench.controller.pid())?.as_secs_f64() * 1e3;
    bench.table.record("CPU of a restart", cpu, "ms");
    memory(bench, "resident memory after the restart");
    Ok(())
}

fn memory(bench: &mut Bench, name: &str) {
    let resident = process::resident(bench.controller.pid()).unwrap_or(f64::NAN);
    match bench.options.count <= MEMORY_COUNT {
        true => bench.table.judge(name, resident, "MiB", MEMORY),
        false => bench.table.record(name, resident, "MiB"),
    }
}

/// Prints unexpected requests.
fn print_requests(when: &str, requests: &[Entry]) {
    for entry in requests.iter().take(20) {
        eprintln!("    {when}: {}", entry.line());
    }
}
