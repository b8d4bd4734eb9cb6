//! Overlap with a Prometheus or a ThanosRuler of Prometheus Operator. The oldest and the newest supported
//! Prometheus Operator write the rule files: which rules it rejects depends on its code.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::cluster::{Cluster, SOON};
use e2e::controller::{Controller, RULER};
use e2e::operator::{PrometheusOperator, Version};
use e2e::wait::{check, eventually};
use kube::api::ListParams;
use serde_json::{Value, json};

use super::{OPERATED, mounts, rule, ruler, status, status_has, template};
use crate::support::{prometheus, with_all_crds};

const SHADOW: &str = "\"thanos_shadow\": \"true\"";

/// The time for which the controller waits for Prometheus Operator, with a margin.
const DECIDED: Duration = Duration::from_secs(60);

/// The side that sends an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Prometheus,
    Us,
    /// Both, so it is sent twice.
    Both,
    None,
}

/// A PrometheusRule with one alert of the same name, with the fields `more`.
fn alert(name: &str, more: &Value) -> Value {
    let mut rule = rule(name, &json!({}), &[(name, "up == 0")]);
    let alert = rule["spec"]["groups"][0]["rules"][0].as_object_mut();
    alert.unwrap().extend(more.as_object().unwrap().clone());
    rule
}

/// A PrometheusRule that every version of Prometheus Operator rejects for a Prometheus of version 2.
fn dotted(name: &str) -> Value {
    alert(name, &json!({"labels": {"app.kubernetes.io/name": "shop"}}))
}

/// All ConfigMaps, each as a map from file to content.
async fn files(cluster: &Cluster, desired: impl Fn(&str) -> bool) -> Vec<String> {
    let maps = cluster.api(&json!({"apiVersion": "v1", "kind": "ConfigMap"}));
    let all = maps.list(&ListParams::default()).await.unwrap().items;
    let desired = all
        .into_iter()
        .filter(|map| desired(map.metadata.name.as_deref().unwrap_or_default()));
    let files = desired.flat_map(|map| map.data["data"].as_object().cloned().unwrap_or_default());
    files
        .map(|(_, text)| text.as_str().unwrap().to_owned())
        .collect()
}

/// The alerts of rule files, and whether each is active.
fn alerts(files: &[String]) -> BTreeMap<String, bool> {
    let mut all = BTreeMap::new();
    for file in files {
        let file: Value = serde_saphyr::from_str(file).unwrap();
        let groups = file["groups"].as_array().into_iter().flatten();
        for rule in groups.flat_map(|g| g["rules"].as_array().into_iter().flatten()) {
            if let Some(name) = rule["alert"].as_str() {
                let sent = rule["labels"]["thanos_shadow"].is_null();
                all.insert(name.to_owned(), sent);
            }
        }
    }
    all
}

/// Waits until each of these alerts is sent by the expected side.
async fn evaluated(cluster: &Cluster, what: &str, within: Duration, expected: &[(&str, By)]) {
    let attempt = async || {
        let theirs = alerts(&files(cluster, |name| name.contains("-rulefiles-")).await);
        let ours = alerts(&files(cluster, |name| name.starts_with("thanos-rule-x-rules")).await);
        let by = |name: &str| {
            let ours = ours.get(name).copied().unwrap_or_default();
            match (theirs.contains_key(name), ours) {
                (true, false) => By::Prometheus,
                (false, true) => By::Us,
                (true, true) => By::Both,
                (false, false) => By::None,
            }
        };
        let found: Vec<_> = expected.iter().map(|(name, _)| (*name, by(name))).collect();
        check(found == expected, || format!("{found:?}"))
    };
    eventually(what, within, attempt).await;
}

/// Exactly one side sends each alert, whether or not Prometheus Operator accepts its rule. Takes 90 s, most of
/// it the time for which the controller waits for Prometheus Operator before a rejected rule becomes active.
async fn every_alert_is_sent_by_one_side(version: Version) {
    let name = format!("overlap-{version:?}").to_lowercase();
    let cluster = Cluster::of(RULER, &name).await;
    let _crds = with_all_crds(&cluster).await;
    let operator = PrometheusOperator::start(version, &cluster.namespace);
    let spec = json!({
        "version": "v2.55.1", "ruleSelector": {},
        "enableFeatures": ["promql-experimental-functions"],
    });
    cluster.apply(prometheus("k8s", spec)).await;
    let groups: Vec<Value> = (0..3)
        .map(|i| {
            let description = "x".repeat(200 << 10);
            json!({"name": format!("g{i}"), "rules": [{
                "alert": format!("Large{i}"), "expr": "up == 0",
                "annotations": {"description": description},
            }]})
        })
        .collect();
    let large = json!({
        "apiVersion": OPERATED, "kind": "PrometheusRule",
        "metadata": {"name": "large"}, "spec": {"groups": groups},
    });
    let experimental = json!({"expr": "sort_by_label(up, \"job\") == 0"});
    let escaped = json!({"annotations": {"link": "{{ \"a b\" | urlQueryEscape }}"}});
    for rule in [
        alert("plain", &json!({})),
        dotted("dotted"),
        alert("experimental", &experimental),
        alert("escaped", &escaped),
        large,
    ] {
        cluster.apply(rule).await;
    }
    let controller = Controller::start(&cluster, &[]).await;
    let flag = "--enable-feature=promql-experimental-functions";
    cluster
        .apply(ruler(
            "x",
            json!({"ruleSelector": {}, "additionalArgs": [flag]}),
        ))
        .await;

    // Newer versions accept rules that 0.85 rejects.
    let newer = match version {
        Version::Oldest => By::Us,
        Version::Newest => By::Prometheus,
    };
    let all = [
        ("plain", By::Prometheus),
        ("dotted", By::Us),
        ("experimental", newer),
        ("Large0", By::Us),
        ("Large1", By::Us),
        ("Large2", By::Us),
    ];
    evaluated(&cluster, "each alert is on one side", DECIDED, &all).await;
    // Prometheus Operator decides which of its versions accept the function.
    let theirs = alerts(&files(&cluster, |name| name.contains("-rulefiles-")).await);
    let escaped = match theirs.contains_key("escaped") {
        true => By::Prometheus,
        false => By::Us,
    };
    evaluated(
        &cluster,
        "escaped is on one side",
        DECIDED,
        &[("escaped", escaped)],
    )
    .await;
    let before = template(&cluster).await;

    // From accepted to rejected, and back.
    cluster.apply(dotted("plain")).await;
    let rejected = [("plain", By::Us), ("dotted", By::Us)];
    evaluated(
        &cluster,
        "a rejected change is active here",
        DECIDED,
        &rejected,
    )
    .await;
    let namespace = &cluster.namespace;
    let message = async || {
        let status = status(&cluster).await;
        let missed = status["notEvaluatedElsewhere"].as_array().cloned();
        let name = format!("{namespace}/plain");
        let mut missed = missed.into_iter().flatten();
        let missed = missed.find(|it| it["prometheusRule"] == name);
        let it = missed.unwrap_or_default();
        let by = it["selectedBy"] == format!("Prometheus {namespace}/k8s");
        let why = it["message"].as_str().unwrap_or_default();
        check(
            by && why.contains("rejected due to invalid configuration"),
            || format!("{status:#}"),
        )
    };
    eventually("the status says why", SOON, message).await;
    let event = async || {
        let events = cluster.api(&json!({"apiVersion": "v1", "kind": "Event"}));
        let about = "involvedObject.kind=PrometheusRule,involvedObject.name=plain,reason=NotEvaluatedElsewhere";
        let found = events.list(&ListParams::default().fields(about)).await;
        let found = found.unwrap().items;
        let messages: Vec<_> = found
            .iter()
            .map(|e| e.data["message"].to_string())
            .collect();
        let says_why = |m: &String| m.contains("rejected due to invalid configuration");
        check(messages.iter().any(says_why), || format!("{messages:?}"))
    };
    eventually("an event on the PrometheusRule says why", SOON, event).await;
    cluster.apply(alert("plain", &json!({}))).await;
    let accepted = [("plain", By::Prometheus)];
    evaluated(&cluster, "it is shadowed again", DECIDED, &accepted).await;

    // Prometheus Operator is down: the Prometheus still evaluates its rule files.
    drop(operator);
    let mut more = alert("plain", &json!({}));
    let rules = more["spec"]["groups"][0]["rules"].as_array_mut().unwrap();
    rules.push(json!({"alert": "more", "expr": "up == 0"}));
    cluster.apply(more).await;
    cluster.apply(alert("late", &json!({}))).await;
    let down = [
        ("plain", By::Prometheus),
        ("more", By::Us),
        ("late", By::Us),
    ];
    evaluated(&cluster, "new alerts are active here", DECIDED, &down).await;
    let operator = PrometheusOperator::start(version, &cluster.namespace);
    let up = ["plain", "more", "late"].map(|name| (name, By::Prometheus));
    evaluated(&cluster, "it has them when it is back", DECIDED, &up).await;

    // A deleted Prometheus evaluates nothing.
    cluster.delete(OPERATED, "Prometheus", "k8s").await;
    let ours = |name| (name, true);
    let expected: BTreeMap<&str, bool> = ["plain", "more", "late", "dotted", "Large0"]
        .into_iter()
        .map(ours)
        .collect();
    let attempt = async || {
        let found = alerts(&files(&cluster, |name| name.starts_with("thanos-rule-x-rules")).await);
        let all = expected
            .iter()
            .all(|(name, sent)| found.get(*name) == Some(sent));
        check(all, || format!("{found:?}"))
    };
    eventually("all alerts are active here", SOON, attempt).await;
    assert_eq!(template(&cluster).await, before, "no pod restarts");
    drop(operator);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn every_alert_is_sent_by_one_side_with_the_oldest_prometheus_operator() {
    every_alert_is_sent_by_one_side(Version::Oldest).await;
}

#[tokio::test]
async fn every_alert_is_sent_by_one_side_with_the_newest_prometheus_operator() {
    every_alert_is_sent_by_one_side(Version::Newest).await;
}

/// Prometheus Operator's kind of the same name, in the same namespace.
#[tokio::test]
async fn rule_files_of_the_thanos_ruler_of_prometheus_operator_overlap() {
    let cluster = Cluster::of(RULER, "namesake").await;
    let _crds = with_all_crds(&cluster).await;
    let _operator = PrometheusOperator::start(Version::Newest, &cluster.namespace);
    let controller = Controller::start(&cluster, &[]).await;
    let mut both = rule("r", &json!({}), &[("Down", "up == 0")]);
    let rules = both["spec"]["groups"][0]["rules"].as_array_mut();
    let record = json!({"record": "up:sum", "expr": "sum(up)"});
    rules.unwrap().push(record);
    cluster.apply(both).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    cluster
        .apply(json!({
            "apiVersion": OPERATED, "kind": "ThanosRuler", "metadata": {"name": "x"},
            "spec": {"ruleSelector": {}, "queryEndpoints": ["dnssrv+_http._tcp.q.ns.svc"]},
        }))
        .await;
    mounts(&cluster, &["Down", SHADOW], &["up:sum"]).await;
    status_has(&cluster, "/rules/shadowed", json!(1)).await;
    status_has(&cluster, "/rules/leftOut", json!(1)).await;
    let by = format!("ThanosRuler {}/x", cluster.namespace);
    status_has(&cluster, "/overlaps/0/evaluatedBy", json!(by)).await;
    cluster.delete(OPERATED, "ThanosRuler", "x").await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    controller.assert_quiet(&[]);
}
