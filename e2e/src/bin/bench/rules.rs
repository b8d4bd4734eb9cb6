//! Many PrometheusRules: their cost when no ThanosRuler selects them, and how soon a change of a
//! selected one is in a ConfigMap.

use e2e::audit::Mark;
use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use futures::stream;
use serde_json::{Value, json};

use crate::load::{LIMIT, change, create, create_resources, name, reconciled, resources, settle};
use crate::{Bench, latency, many};

/// ThanosRulers that select some of them.
const SELECTING: usize = 10;

/// PrometheusRules that each of these selects.
const SELECTED: usize = 100;

/// Namespace of the selecting resources, and the label that they select.
const HOME: &str = "bench-rules";

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
    let all = range.map(|i| rule(&many::namespace(HOME, i), &many::name(i), &labels, 0));
    create(cluster, stream::iter(all)).await?;
    Ok(())
}

/// Measures memory, events and delay among many PrometheusRules.
///
/// # Errors
/// The controller does not follow.
pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let cluster = &bench.cluster;
    many::make_namespaces(cluster, HOME).await;
    let labels = json!({"bench": "selected"});
    let selected = (0..SELECTED).map(|i| rule(HOME, &name(i), &labels, 0));
    create(cluster, stream::iter(selected)).await?;
    let spec = json!({
        "ruleSelector": {"matchLabels": labels}, "ruleNamespaceSelector": {},
    });
    create_resources(cluster, HOME, SELECTING, &spec).await?;
    reconciled(resources(cluster, HOME), SELECTING).await?;
    let what = "PrometheusRules without selection";
    many::memory(bench, what, create_rules).await?;
    events(bench).await?;
    delay(bench).await
}

async fn events(bench: &mut Bench) -> anyhow::Result<()> {
    let idle = many::idle_share(bench.controller.pid()).await?;
    let object = |i| rule(&many::namespace(HOME, i), "", &json!({}), 0);
    let labels = |_, turn: usize| json!({"turn": turn.to_string()});
    let each = many::unselected(bench, idle, object, labels).await?;
    let what = "CPU of a change of a rule without selection";
    bench.table.record(what, each, "ms");
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
        let attempt = async || {
            let all = maps
                .list(&Default::default())
                .await
                .map_err(|e| e.to_string())?;
            let text = format!("> {}\\\"", 1_000_000 + turn);
            let has =
                |map: &&kube::api::DynamicObject| map.data["data"].to_string().contains(&text);
            let found = all.iter().filter(has).count();
            check(found == SELECTING, || format!("{found} ConfigMaps"))
        };
        eventually("all ConfigMaps follow", LIMIT, attempt).await;
    }
    let delays = latency::delays(bench, &mark, "prometheusrules", "configmaps")?;
    bench.table.record(
        "PrometheusRule changed → PATCH of the first ConfigMap, median",
        delays.after_receipt(0.5),
        "ms",
    );
    settle(bench.cluster.program, &mut bench.controller).await
}
