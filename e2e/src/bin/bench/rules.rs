//! Many PrometheusRules: what they cost when nobody selects them, and how soon a change of one that
//! somebody selects is in a ConfigMap.

use std::time::Instant;

use e2e::audit::Mark;
use e2e::cluster::Cluster;
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};

use crate::latency;
use crate::load::{
    CONCURRENCY, LIMIT, change, create, create_resources, name, reconciled, resources, settle,
};
use crate::monitors::idle_share;
use crate::{Bench, FLAGS, process};

/// ThanosRulers that select some of them.
const SELECTING: usize = 10;

/// PrometheusRules that each of these selects.
const SELECTED: usize = 100;

/// Namespaces that the others are spread over.
const NAMESPACES: usize = 20;

/// Events that concern nobody.
const NOT_SELECTED: usize = 2000;

/// Where the selecting resources are, and what they select.
const HOME: &str = "bench-rules";

fn namespace(i: usize) -> String {
    format!("bench-rules-{}", i % NAMESPACES)
}

/// A PrometheusRule as large as those of kube-prometheus mostly are: ten alerts, 6 KiB.
fn rule(namespace: &str, name: &str, labels: &Value, turn: usize) -> Value {
    let alert = |i: usize| {
        json!({
            "alert": format!("Application{i}"), "for": "15m",
            "expr": format!("sum by (namespace, job) (rate(http_requests_total{{code=~\"5..\", job=\"{name}\"}}[5m])) > {turn}"),
            "labels": {"severity": "warning"},
            "annotations": {
                "summary": "Too many requests fail.",
                "description": "Of the requests to {{ $labels.job }} in {{ $labels.namespace }}, {{ $value | humanize }} a \
                                second have failed for 15 minutes. Users see errors. Look at the dashboard of the \
                                application, and at what was rolled out last.",
                "runbook_url": "https://runbooks.example.com/application",
            },
        })
    };
    let alerts: Vec<Value> = (0..10).map(alert).collect();
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"groups": [{"name": "application", "rules": alerts}]},
    })
}

async fn create_rules(cluster: &Cluster, range: std::ops::Range<usize>) -> anyhow::Result<()> {
    let labels = json!({"release": "kube-prometheus-stack"});
    let all = range.map(|i| rule(&namespace(i), &format!("application-{i}"), &labels, 0));
    create(cluster, stream::iter(all)).await?;
    Ok(())
}

/// Measures memory, events and delay among many PrometheusRules.
///
/// # Errors
/// The controller does not follow.
pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let all = bench.options.monitors;
    let cluster = &bench.cluster;
    cluster.make_namespace(HOME, json!({})).await;
    for i in 0..NAMESPACES {
        cluster.make_namespace(&namespace(i), json!({})).await;
    }
    let labels = json!({"bench": "selected"});
    let selected = (0..SELECTED).map(|i| rule(HOME, &name(i), &labels, 0));
    create(cluster, stream::iter(selected)).await?;
    let spec = json!({
        "ruleSelector": {"matchLabels": labels}, "ruleNamespaceSelector": {},
    });
    create_resources(cluster, HOME, SELECTING, &spec).await?;
    reconciled(resources(cluster, HOME), SELECTING).await?;
    for range in [0..all / 2, all / 2..all] {
        let end = range.end;
        create_rules(&bench.cluster, range).await?;
        process::idle(bench.controller.pid(), LIMIT).await;
        let resident = process::resident(bench.controller.pid())?;
        let what = format!("resident memory with {end} PrometheusRules that nobody selects");
        bench.table.tell(what, resident, "MiB");
    }
    bench.controller.stop().await;
    bench.controller = Controller::start_with(&bench.cluster, FLAGS).await;
    process::idle(bench.controller.pid(), LIMIT).await;
    let resident = process::resident(bench.controller.pid())?;
    bench
        .table
        .tell("  the same after a restart", resident, "MiB");
    settle(bench.cluster.program, &mut bench.controller).await?;
    events(bench).await?;
    delay(bench).await
}

async fn events(bench: &mut Bench) -> anyhow::Result<()> {
    let pid = bench.controller.pid();
    let idle = idle_share(pid).await?;
    let (all, cluster) = (bench.options.monitors, &bench.cluster);
    let (cpu, start) = (process::cpu(pid)?, Instant::now());
    stream::iter((0..NOT_SELECTED).map(anyhow::Ok))
        .try_for_each_concurrent(CONCURRENCY, |turn| async move {
            let i = turn % all;
            let object = rule(&namespace(i), "", &json!({}), 0);
            let body = json!({"metadata": {"labels": {"turn": turn.to_string()}}});
            change(&cluster.api(&object), &format!("application-{i}"), &body).await
        })
        .await?;
    process::idle(pid, LIMIT).await;
    let idle_meanwhile = start.elapsed().mul_f64(idle);
    let used = process::cpu(pid)?.saturating_sub(cpu + idle_meanwhile);
    let each = used.as_secs_f64() * 1e3 / NOT_SELECTED as f64;
    let what = "CPU of a change of a rule that nobody selects";
    bench.table.tell(what, each, "ms");
    settle(bench.cluster.program, &mut bench.controller).await
}

/// From a changed PrometheusRule to the ConfigMap of one that selects it.
async fn delay(bench: &mut Bench) -> anyhow::Result<()> {
    let cluster = &bench.cluster;
    let rules = cluster.api(&rule(HOME, "", &json!({}), 0));
    let maps = cluster.api(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": HOME},
    }));
    let mark = Mark::now();
    for turn in 1..=latency::TIMES {
        let changed = rule(HOME, &name(0), &json!({}), 1_000_000 + turn);
        let body = json!({"spec": changed["spec"]});
        change(&rules, &name(0), &body).await?;
        let look = async || {
            let all = maps
                .list(&Default::default())
                .await
                .map_err(|e| e.to_string())?;
            let text = format!("> {}\"", 1_000_000 + turn);
            let has = |map: &&kube::api::DynamicObject| {
                map.data["data"]
                    .to_string()
                    .contains(&text.replace('"', "\\\""))
            };
            let found = all.iter().filter(has).count();
            check(found == SELECTING, || format!("{found} ConfigMaps"))
        };
        eventually("all ConfigMaps follow", LIMIT, look).await;
    }
    let delays = latency::delays(bench, &mark, "prometheusrules", "configmaps")?;
    bench.table.tell(
        "PrometheusRule changed → PATCH of the first ConfigMap, median",
        delays.after_receipt(0.5),
        "ms",
    );
    settle(bench.cluster.program, &mut bench.controller).await
}
