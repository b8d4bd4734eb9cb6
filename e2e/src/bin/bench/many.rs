//! Many objects of Prometheus Operator: the memory that they take, and what changes of them cost.

use std::ops::Range;
use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::controller::Controller;
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};

use crate::load::{CONCURRENCY, LIMIT, change, settle};
use crate::{Bench, FLAGS, process};

/// Namespaces that the objects are spread over.
const NAMESPACES: usize = 20;

/// Changes that affect no custom resource.
const NOT_SELECTED: usize = 2000;

/// The namespace of the object with a number.
pub fn namespace(home: &str, i: usize) -> String {
    format!("{home}-{}", i % NAMESPACES)
}

/// The name of the object with a number.
pub fn name(i: usize) -> String {
    format!("application-{i}")
}

/// Creates the namespace of the custom resources, and those of the objects.
pub async fn make_namespaces(cluster: &Cluster, home: &str) {
    cluster.make_namespace(home, json!({})).await;
    for i in 0..NAMESPACES {
        cluster.make_namespace(&namespace(home, i), json!({})).await;
    }
}

/// Measures the memory when half of the objects are there, when all are, and after a restart. `what`
/// they are, and how some are made.
///
/// # Errors
/// The controller does not follow.
pub async fn memory(
    bench: &mut Bench,
    what: &str,
    make: impl AsyncFn(&Cluster, Range<usize>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let all = bench.options.monitors;
    for range in [0..all / 2, all / 2..all] {
        let end = range.end;
        make(&bench.cluster, range).await?;
        let resident = resident(bench).await?;
        let what = format!("resident memory with {end} {what}");
        bench.table.record(what, resident, "MiB");
    }
    bench.controller.stop().await;
    bench.controller = Controller::start_with(&bench.cluster, FLAGS).await;
    let resident = resident(bench).await?;
    bench
        .table
        .record("  the same after a restart", resident, "MiB");
    settle(bench.cluster.program, &mut bench.controller).await
}

async fn resident(bench: &Bench) -> anyhow::Result<f64> {
    let pid = bench.controller.pid();
    process::idle(pid, LIMIT).await;
    process::resident(pid)
}

/// Changes objects that no custom resource selects, each with the labels of `labels(number, turn)`. Returns the
/// milliseconds of CPU of each.
///
/// # Errors
/// A change is rejected.
pub async fn unselected(
    bench: &Bench,
    idle: f64,
    object: impl Fn(usize) -> Value,
    labels: impl Fn(usize, usize) -> Value,
) -> anyhow::Result<f64> {
    let (all, cluster) = (bench.options.monitors, &bench.cluster);
    let (object, labels) = (&object, &labels);
    let changes = stream::iter((0..NOT_SELECTED).map(anyhow::Ok)).try_for_each_concurrent(
        CONCURRENCY,
        |turn| async move {
            let i = turn % all;
            let body = json!({"metadata": {"labels": labels(i, turn)}});
            change(&cluster.api(&object(i)), &name(i), &body).await
        },
    );
    Ok(busy(bench, idle, changes).await? / NOT_SELECTED as f64)
}

/// The milliseconds of CPU that `work` costs the controller, until it is idle again.
///
/// # Errors
/// Those of `work`.
pub async fn busy(
    bench: &Bench,
    idle: f64,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<f64> {
    let pid = bench.controller.pid();
    let (cpu, start) = (process::cpu(pid)?, Instant::now());
    work.await?;
    process::idle(pid, LIMIT).await;
    let idle_meanwhile = start.elapsed().mul_f64(idle);
    let used = process::cpu(pid)?.saturating_sub(cpu + idle_meanwhile);
    Ok(used.as_secs_f64() * 1e3)
}

/// The share of a processor that the controller uses when nothing happens.
///
/// # Errors
/// There is no such process.
pub async fn idle_share(pid: u32) -> anyhow::Result<f64> {
    let span = Duration::from_secs(10);
    let before = process::cpu(pid)?;
    tokio::time::sleep(span).await;
    let used = process::cpu(pid)?.saturating_sub(before);
    Ok(used.as_secs_f64() / span.as_secs_f64())
}
