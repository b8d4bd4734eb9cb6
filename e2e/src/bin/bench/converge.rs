//! From creation to convergence, and the time of a bare client for the same writes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use e2e::audit::Mark;
use e2e::controller::{Program, kubectl_thanos};
use e2e::wait::{check, eventually};
use futures::{TryStreamExt, stream};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::load::{
    CONCURRENCY, LIMIT, apply, create, create_resources, is_reconciled, reconciled, requests,
    resource, resources, settle,
};
use crate::{Bench, process};

/// The work of the controller.
pub struct Converged {
    /// Time from the first create to the last reconciled.
    time: Duration,
    /// Writes of status for each resource.
    statuses: usize,
}

/// Measures from nothing to converged.
///
/// # Errors
/// The controller does not converge.
pub async fn measure(bench: &mut Bench) -> anyhow::Result<Converged> {
    let (cluster, count) = (&bench.cluster, bench.options.count);
    warm_up(bench).await?;
    settle(bench.cluster.program, &mut bench.controller).await?;

    let mark = Mark::now();
    let pid = bench.controller.pid();
    let (cpu, reconciles) = (process::cpu(pid)?, bench.controller.reconciles().await);
    let waiting = tokio::spawn(reconciled(resources(cluster, &cluster.namespace), count));
    let start = Instant::now();
    create_resources(cluster, &cluster.namespace, count, &json!({})).await?;
    let created = start.elapsed();
    tokio::time::timeout(LIMIT, waiting).await???;
    let time = start.elapsed();
    let services = cluster.names("v1", "Service").await.len();
    let workload = cluster.program.workload;
    let workloads = cluster.names("apps/v1", workload).await.len();
    anyhow::ensure!(
        workloads == count && services >= count,
        "reconciled, but {workloads} {workload}s and {services} Services of {count}"
    );
    settle(bench.cluster.program, &mut bench.controller).await?;
    let cpu = process::cpu(pid)?.saturating_sub(cpu);
    let reconciles = bench.controller.reconciles().await - reconciles;

    let requests = requests(bench.cluster.program, &mark);
    let each = count as f64;
    let mut written = Vec::new();
    let mut statuses = 0;
    for entry in requests.iter().filter(|e| e.is_write()) {
        let object = &entry.object_ref;
        match object.subresource.as_str() {
            "status" => statuses += 1,
            _ if object.resource != "events" => {
                written.push((object.resource.clone(), object.name.clone()));
            }
            _ => {}
        }
    }
    written.sort();
    written.dedup();
    let table = &mut bench.table;
    let objects = written.len() as f64 / each;
    table.record("create the resources", created.as_secs_f64(), "s");
    table.record(
        "from the first create to all converged",
        time.as_secs_f64(),
        "s",
    );
    table.record("objects per resource", objects, "");
    table.judge(
        "requests per resource",
        requests.len() as f64 / each,
        "",
        objects + 3.0,
    );
    table.record("reconciles per resource", reconciles / each, "");
    table.judge(
        "CPU per resource",
        cpu.as_secs_f64() * 1e3 / each,
        "ms",
        3.0,
    );
    Ok(Converged {
        time,
        statuses: (f64::from(statuses) / each).round() as usize,
    })
}

/// The first objects of a kind cost the API server more than those that follow.
async fn warm_up(bench: &Bench) -> anyhow::Result<()> {
    let cluster = &bench.cluster;
    let namespace = "bench-warm-up";
    cluster.make_namespace(namespace, json!({})).await;
    create_resources(cluster, namespace, CONCURRENCY, &json!({})).await?;
    reconciled(resources(cluster, namespace), CONCURRENCY).await?;
    clear(bench, namespace).await
}

/// Deletes every custom resource of a namespace, and waits until their children are deleted.
async fn clear(bench: &Bench, namespace: &str) -> anyhow::Result<()> {
    let cluster = &bench.cluster;
    let background = DeleteParams::background();
    resources(cluster, namespace)
        .delete_collection(&background, &ListParams::default())
        .await?;
    for (version, kind) in [
        ("apps/v1", cluster.program.workload),
        ("v1", "Service"),
        ("v1", "Pod"),
    ] {
        let of_kind =
            json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace}});
        let api = cluster.api(&of_kind);
        let attempt = async || {
            let left = api.list_metadata(&ListParams::default()).await;
            let left = left.map_err(|e| e.to_string())?.items.len();
            check(left == 0, || format!("{left} are left"))
        };
        eventually(
            &format!("every {kind} of {namespace} is deleted"),
            LIMIT,
            attempt,
        )
        .await;
    }
    Ok(())
}

/// Measures how long a bare client needs for the same writes, with no controller running: no
/// controller can be faster than the API server.
///
/// # Errors
/// The API server's refusal.
pub async fn bare(bench: &mut Bench, converged: &Converged) -> anyhow::Result<()> {
    let namespace = "bench-bare";
    let cluster = &bench.cluster;
    cluster.make_namespace(namespace, json!({})).await;
    let template = Template::new(cluster.program, namespace).await?;
    let (template, statuses) = (&template, converged.statuses);
    let start = Instant::now();
    stream::iter((0..bench.options.count).map(anyhow::Ok))
        .try_for_each_concurrent(CONCURRENCY, |i| async move {
            let it = resource(
                cluster.program,
                namespace,
                &crate::load::name(i),
                &json!({}),
            );
            let created = create(cluster, stream::iter([it])).await?;
            let created = created.first().context("created")?;
            for object in
                template.objects(&created.name_any(), &created.uid().unwrap_or_default())?
            {
                if object["kind"] != cluster.program.kind {
                    apply(cluster, &object, false).await?;
                    continue;
                }
                for turn in 0..statuses {
                    let mut object = object.clone();
                    object["status"]["replicas"] = json!(turn);
                    apply(cluster, &object, true).await?;
                }
            }
            Ok(())
        })
        .await?;
    let time = start.elapsed();
    let listed = resources(cluster, namespace)
        .list(&ListParams::default())
        .await?;
    anyhow::ensure!(
        listed.items.iter().all(is_reconciled),
        "the bare client wrote no status"
    );
    clear(bench, namespace).await?;
    let table = &mut bench.table;
    table.record("a bare client for the same writes", time.as_secs_f64(), "s");
    let ratio = converged.time.as_secs_f64() / time.as_secs_f64();
    table.judge("ratio of the two", ratio, "", 1.3);
    Ok(())
}

/// The objects that the controller writes for one resource, as templates of name and UID.
struct Template(String);

const NAME: &str = "template-name";
const UID: &str = "template-uid";

impl Template {
    async fn new(program: Program, namespace: &str) -> anyhow::Result<Self> {
        let mut it = resource(program, namespace, NAME, &json!({"replicas": 1}));
        it["metadata"]["uid"] = json!(UID);
        it["metadata"]["generation"] = json!(1);
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(&file, it.to_string())?;
        let output = tokio::process::Command::new(kubectl_thanos())
            .args(["render", "-f"])
            .arg(file.path())
            .stderr(Stdio::inherit())
            .output()
            .await?;
        anyhow::ensure!(output.status.success(), "render failed");
        let text = String::from_utf8(output.stdout)?;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text)?;
        Ok(Self(json!(objects).to_string()))
    }

    fn objects(&self, name: &str, uid: &str) -> anyhow::Result<Vec<Value>> {
        let text = self.0.replace(NAME, name).replace(UID, uid);
        Ok(serde_json::from_str(&text)?)
    }
}
