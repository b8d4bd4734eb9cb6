//! One event among many ServiceMonitors: its cost when no ThanosQuery selects it, and when many do.

use std::time::Duration;

use e2e::cluster::Cluster;
use futures::stream;
use serde_json::{Value, json};

use crate::load::{change, create, create_resources, reconciled, resources, settle};
use crate::{Bench, many};

/// ThanosQuery that select a ServiceMonitor.
const SELECTING: usize = 100;

/// Events that concern all that select.
const SELECTED: usize = 30;

/// Namespace of the selecting resources and their Prometheus.
const HOME: &str = "bench-monitors";

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
        "app.kubernetes.io/name": many::name(i),
        "app.kubernetes.io/instance": format!("release-{}", i % 100),
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": format!("application-1.2.{turn}"),
        "release": "kube-prometheus-stack",
    })
}

async fn create_monitors(cluster: &Cluster, range: std::ops::Range<usize>) -> anyhow::Result<()> {
    let all = range.map(|i| {
        let selects = json!({"app.kubernetes.io/name": many::name(i)});
        let namespace = many::namespace(HOME, i);
        monitor(&namespace, &many::name(i), &labels(i, 0), &selects)
    });
    create(cluster, stream::iter(all)).await?;
    Ok(())
}

/// A Prometheus with sidecars, the Service before it, and the ServiceMonitor that leads to it.
async fn create_home(cluster: &Cluster) {
    many::make_namespaces(cluster, HOME).await;
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
    create_home(&bench.cluster).await;
    let spec = json!({
        "serviceMonitorSelector": {"matchLabels": {"bench": "selected"}},
        "serviceMonitorNamespaceSelector": {},
    });
    create_resources(&bench.cluster, HOME, SELECTING, &spec).await?;
    reconciled(resources(&bench.cluster, HOME), SELECTING).await?;
    many::memory(bench, "ServiceMonitors", create_monitors).await?;
    events(bench).await
}

async fn events(bench: &mut Bench) -> anyhow::Result<()> {
    let idle = many::idle_share(bench.controller.pid()).await?;

    let before = bench.controller.reconciles().await;
    let object = |i| monitor(&many::namespace(HOME, i), "", &json!({}), &json!({}));
    let each = many::unselected(bench, idle, object, |i, turn| labels(i, turn + 1)).await?;
    let reconciles = bench.controller.reconciles().await - before;
    bench
        .table
        .judge("CPU of an event without selection", each, "ms", 0.1);
    bench
        .table
        .record("  reconciles for all of them", reconciles, "");

    let before = bench.controller.reconciles().await;
    let api = bench
        .cluster
        .api(&monitor(HOME, "", &json!({}), &json!({})));
    let changes = async {
        for turn in 0..SELECTED {
            let body = json!({"metadata": {"labels": {"turn": turn.to_string()}}});
            change(&api, "k8s", &body).await?;
            // Simultaneous events enqueue a resource only once, so the cost of each would be too low.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    };
    let used = many::busy(bench, idle, changes).await?;
    let reconciles = bench.controller.reconciles().await - before;
    bench.table.judge(
        "CPU of a selected event per resource",
        used / reconciles,
        "ms",
        1.0,
    );
    bench.table.record(
        "  reconciles for each event",
        reconciles / SELECTED as f64,
        "",
    );
    settle(bench.cluster.program, &mut bench.controller).await
}
