//! One event among many ServiceMonitors: what it costs when nobody selects it, and when many do.

use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::controller::Controller;
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};

use crate::converge::passes;
use crate::load::{
    CONCURRENCY, LIMIT, change, create, create_resources, reconciled, resources, settle,
};
use crate::{Bench, FLAGS, process};

/// ThanosQuery that select a ServiceMonitor.
const SELECTING: usize = 100;

/// Namespaces that the ServiceMonitors are spread over.
const NAMESPACES: usize = 20;

/// Events that concern nobody.
const NOT_SELECTED: usize = 2000;

/// Events that concern all that select.
const SELECTED: usize = 30;

/// Where the selecting resources and their Prometheus are.
const HOME: &str = "bench-monitors";

fn namespace(i: usize) -> String {
    format!("bench-monitors-{}", i % NAMESPACES)
}

/// A ServiceMonitor as charts write them.
fn monitor(namespace: &str, name: &str, labels: &Value, selects: &Value) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "jobLabel": "app.kubernetes.io/name",
            "selector": {"matchLabels": selects},
            "endpoints": [{
                "port": "http-metrics", "interval": "30s", "honorLabels": true,
                "bearerTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token",
                "relabelings": [
                    {"action": "replace", "sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"},
                    {"action": "labeldrop", "regex": "pod|service|endpoint|namespace"},
                ],
                "metricRelabelings": [
                    {"action": "drop", "regex": "go_(gc|memstats)_.*", "sourceLabels": ["__name__"]},
                ],
            }],
        },
    })
}

fn labels(i: usize, turn: usize) -> Value {
    json!({
        "app.kubernetes.io/name": format!("application-{i}"),
        "app.kubernetes.io/instance": format!("release-{}", i % 100),
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": format!("application-1.2.{turn}"),
        "release": "kube-prometheus-stack",
    })
}

async fn create_monitors(cluster: &Cluster, range: std::ops::Range<usize>) -> anyhow::Result<()> {
    let all = range.map(|i| {
        let selects = json!({"app.kubernetes.io/name": format!("application-{i}")});
        monitor(
            &namespace(i),
            &format!("application-{i}"),
            &labels(i, 0),
            &selects,
        )
    });
    create(cluster, stream::iter(all)).await?;
    Ok(())
}

/// A Prometheus with sidecars, the Service before it, and the ServiceMonitor that leads to it.
async fn create_home(cluster: &Cluster) {
    cluster.make_namespace(HOME, json!({})).await;
    for i in 0..NAMESPACES {
        cluster.make_namespace(&namespace(i), json!({})).await;
    }
    let objects = [
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
            "metadata": {"name": "k8s", "namespace": HOME},
            "spec": {
                "replicas": 2, "thanos": {},
                "serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": {},
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "prometheus-k8s", "namespace": HOME, "labels": {"app": "k8s"}},
            "spec": {
                "selector": {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "k8s"},
                "ports": [{"name": "web", "port": 9090}],
            },
        }),
        monitor(
            HOME,
            "k8s",
            &json!({"bench": "selected"}),
            &json!({"app": "k8s"}),
        ),
    ];
    for object in objects {
        cluster.apply(object).await;
    }
}

/// Measures events and memory among many ServiceMonitors.
///
/// # Errors
/// The controller does not follow.
pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let all = bench.options.monitors;
    create_home(&bench.cluster).await;
    let spec = json!({
        "serviceMonitorSelector": {"matchLabels": {"bench": "selected"}},
        "serviceMonitorNamespaceSelector": {},
    });
    create_resources(&bench.cluster, HOME, SELECTING, &spec).await?;
    reconciled(resources(&bench.cluster, HOME), SELECTING).await?;
    for range in [0..all / 2, all / 2..all] {
        let end = range.end;
        create_monitors(&bench.cluster, range).await?;
        process::idle(bench.controller.pid(), LIMIT).await;
        let resident = process::resident(bench.controller.pid())?;
        bench.table.tell(
            format!("resident memory with {end} ServiceMonitors"),
            resident,
            "MiB",
        );
    }
    bench.controller.stop().await;
    bench.controller = Controller::start_with(&bench.cluster, FLAGS).await;
    process::idle(bench.controller.pid(), LIMIT).await;
    let resident = process::resident(bench.controller.pid())?;
    bench
        .table
        .tell("  the same after a restart", resident, "MiB");
    settle(bench.cluster.program, &mut bench.controller).await?;
    events(bench).await
}

async fn events(bench: &mut Bench) -> anyhow::Result<()> {
    let pid = bench.controller.pid();
    let idle = idle_share(pid).await?;
    let all = bench.options.monitors;
    let cluster = &bench.cluster;

    let (cpu, before, start) = (process::cpu(pid)?, passes(bench).await, Instant::now());
    stream::iter((0..NOT_SELECTED).map(anyhow::Ok))
        .try_for_each_concurrent(CONCURRENCY, |turn| async move {
            let i = turn % all;
            let object = monitor(&namespace(i), "", &json!({}), &json!({}));
            let body = json!({"metadata": {"labels": labels(i, turn + 1)}});
            change(&cluster.api(&object), &format!("application-{i}"), &body).await
        })
        .await?;
    process::idle(pid, LIMIT).await;
    let idle_meanwhile = start.elapsed().mul_f64(idle);
    let used = process::cpu(pid)?.saturating_sub(cpu + idle_meanwhile);
    let woken = passes(bench).await - before;
    let each = used.as_secs_f64() * 1e3 / NOT_SELECTED as f64;
    bench
        .table
        .judge("CPU of an event that nobody selects", each, "ms", 0.1);
    bench.table.tell("  passes for all of them", woken, "");

    let cluster = &bench.cluster;
    let object = monitor(HOME, "", &json!({}), &json!({}));
    let api = cluster.api(&object);
    let (cpu, before, start) = (process::cpu(pid)?, passes(bench).await, Instant::now());
    for turn in 0..SELECTED {
        let body = json!({"metadata": {"labels": {"turn": turn.to_string()}}});
        change(&api, "k8s", &body).await?;
        // Events that come at once wake a resource once: then they would look too cheap.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    process::idle(pid, LIMIT).await;
    let idle_meanwhile = start.elapsed().mul_f64(idle);
    let used = process::cpu(pid)?.saturating_sub(cpu + idle_meanwhile);
    let woken = passes(bench).await - before;
    let each = used.as_secs_f64() * 1e3 / woken;
    bench
        .table
        .judge("CPU of a selected event per resource", each, "ms", 1.0);
    bench
        .table
        .tell("  passes for each event", woken / SELECTED as f64, "");
    settle(bench.cluster.program, &mut bench.controller).await
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
