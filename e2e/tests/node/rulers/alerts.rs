//! Alerts and series of rules that move from a Prometheus to rulers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use super::{FOLLOWED, Subject, UNSEEN, rule};
use crate::support::{MONITORING, get, promql, querier};

/// The current senders of an alert to the Alertmanager: the label `prometheus` or `thanos_rule` of each.
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
async fn an_alert_is_sent_once_and_without_a_gap_when_its_rule_moves() {
    // The same delay as the Prometheus, so that a gap of a minute is detected.
    let resend = json!({"additionalArgs": ["--resend-delay=10s"]});
    let subject = Subject::start_with("alerts", &[moved(&json!({}))], resend).await;
    let queries = subject.queries();
    let mut monitoring = subject.queries();
    monitoring.namespace = MONITORING.to_owned();
    let target = querier("x");
    let runs = subject.runs().await;

    // Both sides evaluate the alert, and one sends it. The recorded series exists once.
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
    eventually("the rulers shadow it", FOLLOWED, raised).await;
    let once = async || {
        let sum = promql(&queries, &target, "sum(moved:one)").await?;
        check(sum.value == Some(1.0), || format!("{sum:?}"))
    };
    eventually("the series exists once", FOLLOWED, once).await;
    assert_eq!(
        senders(&monitoring, "Moved").await.unwrap(),
        ["monitoring/k8s"]
    );

    // From now on the alert is never missing.
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, client) = (stop.clone(), monitoring.client.clone());
    let program = monitoring.program;
    let watching = tokio::spawn(async move {
        let cluster = Cluster {
            client,
            namespace: MONITORING.to_owned(),
            program,
        };
        let mut polls = 0;
        let mut gaps = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            match senders(&cluster, "Moved").await {
                Ok(all) if all.is_empty() => gaps.push(jiff::Timestamp::now()),
                // A failed request shows nothing about alerts.
                Ok(_) | Err(_) => {}
            }
            polls += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        (polls, gaps)
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
    // The alert of Prometheus is resolved after some minutes. Two replicas count as one sender.
    let only_us = async || {
        let all = senders(&monitoring, "Moved").await?;
        check(all == [own.as_str()], || format!("{all:?}"))
    };
    eventually("only the rulers send it", 2 * FOLLOWED, only_us).await;
    println!("only the rulers send it after {:.1?}", dropped.elapsed());
    eventually("the series exists once", FOLLOWED, once).await;
    stop.store(true, Ordering::Relaxed);
    let (polls, gaps) = watching.await.unwrap();
    println!("polled the alert {polls} times");
    assert!(polls > 10 && gaps.is_empty(), "missing at {gaps:?}");
    assert_eq!(subject.runs().await, runs, "no ruler restarted");
    subject.end().await;
}
