//! The expressions of alerts and dashboards read series that the real controllers, queriers, query frontends
//! and bridges export. Of stores, receive and rulers, only that Prometheus accepts the expressions.

use std::collections::BTreeSet;

use e2e::cluster::Cluster;
use e2e::overlay::deploy;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::beside::{PROMETHEUS, SCRAPED, everything};
use crate::support::{STARTED, is, monitoring, promql, querier, without};

/// Alerts whose series must exist here: those of controllers and conditions, and of what a ThanosQuery runs.
const HERE: [&str; 3] = ["ThanosOperator", "ThanosQuery", "ThanosBridge"];

/// Dashboards whose panels must show something here.
const SHOWN: [&str; 2] = ["thanos-operator", "thanos-query"];

/// Panels that show something only after a failure, and therefore nothing here.
const EMPTY: [&str; 6] = [
    "Conditions that need attention",
    "Failed requests",
    "Failed requests to bridges",
    "Targets down",
    "Unreachable endpoints",
    "Failed queries",
];

/// Metrics of programs that do not run here.
const ABSENT: [&str; 1] = ["kube_pod_container_resource_limits"];

/// Each `metric{matchers}` of an expression, with only those matchers that do not select an outcome.
fn selectors(expr: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in expr.match_indices('{') {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let metric = expr[..at]
            .rsplit(|c| !is_part(c))
            .next()
            .unwrap_or_default();
        let matchers = expr[at + 1..].split('}').next().unwrap_or_default();
        let kept = matchers.split_inclusive("\",").filter(|matcher| {
            let of = ["job", "grpc_service", "type"];
            of.iter().any(|label| matcher.starts_with(label))
        });
        let kept: String = kept.collect();
        if !ABSENT.contains(&metric) {
            found.insert(format!("{metric}{{{}}}", kept.trim_end_matches(',')));
        }
    }
    found
}

/// Waits until the Prometheus has series for an expression.
async fn has_series(cluster: &Cluster, place: &str, expr: &str) {
    let attempt = async || {
        let answer = promql(cluster, PROMETHEUS, expr).await?;
        check(answer.value.is_some(), || format!("{expr}: no series"))
    };
    eventually(&format!("{place} has series"), SCRAPED, attempt).await;
}

async fn is_accepted(cluster: &Cluster, place: &str, expr: &str) {
    let answer = promql(cluster, PROMETHEUS, expr).await;
    assert!(answer.is_ok(), "{place}: {answer:?}");
}

#[tokio::test]
async fn expressions_of_alerts_and_dashboards_read_series_that_exist() {
    let cluster = monitoring().await;
    cluster.apply(everything("watched", json!({}))).await;
    is(&cluster, "watched", "Ready", "True", STARTED).await;
    // Handlers and endpoints have series once they were used.
    let frontend = "services/thanos-query-frontend-watched:http";
    for target in [&querier("watched"), frontend] {
        let attempt = async || {
            let answer = promql(&cluster, target, "count(up)").await?;
            check(answer.value.is_some(), || format!("{answer:?}"))
        };
        eventually("a query is answered", STARTED, attempt).await;
    }

    let file = deploy().join("alerts/thanos-operator.yaml");
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules: Vec<&Value> = groups
        .flat_map(|g| g["rules"].as_array().unwrap())
        .collect();
    assert!(rules.len() > 40, "{}", rules.len());
    for rule in rules {
        let (name, expr) = (
            rule["alert"].as_str().unwrap(),
            rule["expr"].as_str().unwrap(),
        );
        is_accepted(&cluster, name, expr).await;
        if HERE.iter().any(|prefix| name.starts_with(prefix)) {
            for selector in selectors(expr) {
                has_series(&cluster, name, &selector).await;
            }
        }
    }

    for entry in std::fs::read_dir(deploy().join("components/dashboards")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let model: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let dashboard = model["uid"].as_str().unwrap();
        for panel in model["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            let place = format!("{dashboard}: {title}");
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expr = target["expr"].as_str().unwrap();
                let expr = expr
                    .replace("$__rate_interval", "5m")
                    .replace("$namespace", ".*")
                    .replace("$job", ".*");
                is_accepted(&cluster, &place, &expr).await;
                if SHOWN.contains(&dashboard) && !EMPTY.contains(&title) {
                    has_series(&cluster, &place, &expr).await;
                }
            }
        }
    }
    without(&cluster, "watched").await;
}
