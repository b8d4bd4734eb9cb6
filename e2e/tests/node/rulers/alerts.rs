//! Alerts and series of rules that a Prometheus evaluates as well, and then no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use super::{FOLLOWED, Subject, UNSEEN, rule};
use crate::support::{MONITORING, get, promql, querier};

/// Who sends an alert to the Alertmanager at this moment: the value of the label `prometheus`, or of
/// `thanos_rule`, of each.
pub async fn senders(cluster: &Cluster, alert: &str) -> Result<Vec<String>, String> {
    let path = format!("/api/v2/alerts?filter=alertname%3D%22{alert}%22");
    let text = get(cluster, "services/alertmanager-main:web", &path).await?;
    let alerts: Vec<Value> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let of = |alert: &Value| {
        let labels = &alert["labels"];
        let sender = labels["prometheus"]
            .as_str()
            .or(labels["thanos_rule"].as_str());
        sender.unwrap_or_default().to_owned()
    };
    let mut all: Vec<String> = alerts.iter().map(of).collect();
    all.sort();
    Ok(all)
}

fn moved(labels: &Value) -> Value {
    let groups = json!([{"name": "moved", "interval": "5s", "rules": [
        {"alert": "Moved", "expr": "vector(1)", "labels": {"severity": "none"}},
        {"record": "moved:one", "expr": "vector(1)"},
    ]}]);
    rule("moved", labels, &groups)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_sent_once_and_goes_on_when_prometheus_drops_its_rule() {
    // As Prometheus does it here, so that a gap of a minute shows.
    let resend = json!({"additionalArgs": ["--resend-delay=10s"]});
    let subject = Subject::start_with("alerts", &[moved(&json!({}))], resend).await;
    let queries = subject.queries();
    let mut monitoring = subject.queries();
    monitoring.namespace = MONITORING.to_owned();
    let target = querier("x");
    let runs = subject.runs().await;

    // Both evaluate it, and one sends it. What it records is there once.
    let by_prometheus = async || {
        let all = senders(&monitoring, "Moved").await?;
        check(all == ["monitoring/k8s"], || format!("{all:?}"))
    };
    eventually("Prometheus sends the alert", FOLLOWED, by_prometheus).await;
    let raised = async || {
        let text = get(
            &subject.cluster,
            "pods/thanos-rule-x-1:9090",
            "/api/v1/alerts",
        )
        .await?;
        let firing = text.contains("\"Moved\"") && text.contains("\"firing\"");
        check(firing && text.contains("thanos_shadow"), || text)
    };
    eventually("the rulers raise it silently", FOLLOWED, raised).await;
    let once = async || {
        let sum = promql(&queries, &target, "sum(moved:one)").await?;
        check(sum.value == Some(1.0), || format!("{sum:?}"))
    };
    eventually("the series is there once", FOLLOWED, once).await;
    assert_eq!(
        senders(&monitoring, "Moved").await.unwrap(),
        ["monitoring/k8s"]
    );

    // From now on it is never missing.
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, asked) = (stop.clone(), monitoring.client.clone());
    let program = monitoring.program;
    let watching = tokio::spawn(async move {
        let cluster = Cluster {
            client: asked,
            namespace: MONITORING.to_owned(),
            program,
        };
        let mut looks = 0;
        let mut gaps = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            match senders(&cluster, "Moved").await {
                Ok(all) if all.is_empty() => gaps.push(jiff::Timestamp::now()),
                // An API server that is busy says nothing of alerts.
                Ok(_) | Err(_) => {}
            }
            looks += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        (looks, gaps)
    });
    let dropped = std::time::Instant::now();
    let rules = json!({"apiVersion": super::OPERATED, "kind": "PrometheusRule"});
    let label = kube::api::Patch::Merge(json!({"metadata": {"labels": {UNSEEN: "true"}}}));
    let api = subject.cluster.api(&rules);
    api.patch("moved", &Default::default(), &label)
        .await
        .unwrap();
    let own = format!("{}/x", subject.cluster.namespace);
    let by_us = async || {
        let all = senders(&monitoring, "Moved").await?;
        check(all.contains(&own), || format!("{all:?}"))
    };
    eventually("the rulers send the alert", FOLLOWED, by_us).await;
    println!(
        "the rulers send it {:.1?} after Prometheus dropped it",
        dropped.elapsed()
    );
    // Prometheus stops, and its alert ends after some minutes. Two replicas are one sender.
    let only_us = async || {
        let all = senders(&monitoring, "Moved").await?;
        check(all == [own.as_str()], || format!("{all:?}"))
    };
    eventually("nobody else does", 2 * FOLLOWED, only_us).await;
    println!("and nobody else {:.1?} after that", dropped.elapsed());
    eventually("the series is there once", FOLLOWED, once).await;
    stop.store(true, Ordering::Relaxed);
    let (looks, gaps) = watching.await.unwrap();
    println!("looked for the alert {looks} times");
    assert!(looks > 10 && gaps.is_empty(), "missing at {gaps:?}");
    assert_eq!(subject.runs().await, runs, "no ruler restarted");
    subject.end().await;
}
