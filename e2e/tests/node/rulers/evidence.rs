//! Exactly one side sends each alert to the Alertmanager: a Prometheus if Prometheus Operator 0.85 or 0.93
//! has written the rule into its rule files, otherwise the rulers.

use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::alerts::senders;
use super::{FOLLOWED, OPERATED, Subject, UNSEEN, rule};
use crate::support::{MONITORING, fixtures, kubectl};

/// The label of PrometheusRules for the Prometheus of the newest version.
const NEWEST: &str = "newest";

/// Resend delay of alerts: an alert is resolved three or four times as long after it was last sent.
const RESEND: &str = "10s";

/// A PrometheusRule with one alert that fires at once.
fn alert(name: &str, newest: bool, more: &Value) -> Value {
    let labels = match newest {
        true => json!({NEWEST: "true", UNSEEN: "true"}),
        false => json!({}),
    };
    let mut alert = json!({"alert": name, "expr": "vector(1)", "labels": {"severity": "none"}});
    let fields = more.as_object().cloned().unwrap_or_default();
    alert.as_object_mut().unwrap().extend(fields);
    let groups = json!([{"name": name, "interval": "5s", "rules": [alert]}]);
    rule(&name.to_lowercase(), &labels, &groups)
}

/// A PrometheusRule of more than 512 KiB, which Prometheus Operator rejects.
fn large(name: &str, newest: bool) -> Value {
    let mut rule = alert(name, newest, &json!({}));
    let groups = rule["spec"]["groups"].as_array_mut().unwrap();
    groups.extend((0..3).map(|i| {
        let filler = json!({
            "alert": "Never", "expr": "vector(1) < 0",
            "annotations": {"description": "x".repeat(200 << 10)},
        });
        json!({"name": format!("filler-{i}"), "interval": "5s", "rules": [filler]})
    }));
    rule
}

/// A Prometheus for the newest Prometheus Operator.
async fn prometheus(cluster: &Cluster) {
    let namespace = &cluster.namespace;
    let role = "rbac.authorization.k8s.io";
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "newest"}});
    cluster.apply(account).await;
    // For discovery of the Alertmanager.
    cluster
        .apply(json!({
            "apiVersion": format!("{role}/v1"), "kind": "RoleBinding",
            "metadata": {"name": namespace, "namespace": MONITORING},
            "roleRef": {"apiGroup": role, "kind": "Role", "name": "prometheus-k8s"},
            "subjects": [{"kind": "ServiceAccount", "name": "newest", "namespace": namespace}],
        }))
        .await;
    cluster
        .apply(json!({
            "apiVersion": OPERATED, "kind": "Prometheus",
            "metadata": {"name": "newest", "labels": {"operated-by": "newest"}},
            "spec": {
                "image": "quay.io/prometheus/prometheus:v3.15.0", "version": "3.15.0", "replicas": 1,
                "serviceAccountName": "newest",
                "podMetadata": {"labels": {"app.kubernetes.io/name": "prometheus"}},
                "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "fsGroup": 65534},
                "enableFeatures": ["promql-experimental-functions"],
                // Without any selector of monitors, Prometheus Operator does not manage the configuration.
                "serviceMonitorSelector": {},
                "ruleSelector": {"matchLabels": {NEWEST: "true"}},
                "additionalArgs": [{"name": "rules.alert.resend-delay", "value": RESEND}],
                "serviceDiscoveryRole": "EndpointSlice",
                "alerting": {"alertmanagers": [{
                    "apiVersion": "v2", "namespace": MONITORING, "name": "alertmanager-main", "port": "web",
                }]},
            },
        }))
        .await;
}

/// Scales the newest Prometheus Operator.
async fn newest_operator(cluster: &Cluster, replicas: i32) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": MONITORING},
    });
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let api = cluster.api(&deployment);
    api.patch(
        "prometheus-operator-newest",
        &PatchParams::default(),
        &patch,
    )
    .await
    .unwrap();
    let attempt = async || {
        let it = api.get("prometheus-operator-newest").await;
        let status = it.map_err(|e| e.to_string())?.data["status"].clone();
        let ready = status["readyReplicas"].as_i64().unwrap_or_default();
        let all = status["replicas"].as_i64().unwrap_or_default();
        let desired = i64::from(replicas);
        check((ready, all) == (desired, desired), || status.to_string())
    };
    eventually(
        "Prometheus Operator follows",
        Duration::from_secs(90),
        attempt,
    )
    .await;
}

/// Takes 7 minutes: alerts are resolved some time after they were last sent, and the controller waits half a
/// minute for Prometheus Operator. Only a real Alertmanager shows how often an alert is sent.
#[tokio::test]
async fn every_alert_is_sent_by_one_side_with_both_versions_of_prometheus_operator() {
    let folder = format!("{}/prometheus-operator-newest", fixtures());
    kubectl(&["apply", "--server-side", "-f", &folder]);
    let rules = [
        alert("OldPlain", false, &json!({})),
        large("OldLarge", false),
        alert(
            "OldDotted",
            false,
            &json!({"labels": {"app.kubernetes.io/name": "shop"}}),
        ),
        alert("NewPlain", true, &json!({})),
        large("NewLarge", true),
        alert(
            "NewDotted",
            true,
            &json!({"labels": {"app.kubernetes.io/name": "shop"}}),
        ),
        alert(
            "NewExperimental",
            true,
            &json!({"expr": "sort_by_label(vector(1), \"job\")"}),
        ),
        alert(
            "NewEscaped",
            true,
            &json!({"annotations": {"link": "{{ \"a b\" | urlQueryEscape }}"}}),
        ),
    ];
    let arguments = format!("--resend-delay={RESEND}");
    let more =
        json!({"additionalArgs": [arguments, "--enable-feature=promql-experimental-functions"]});
    let subject = Subject::start_with("evidence", &rules, more).await;
    let cluster = &subject.cluster;
    prometheus(cluster).await;
    let mut monitoring = subject.queries();
    monitoring.namespace = MONITORING.to_owned();
    let (ours, newest) = (
        format!("{}/x", cluster.namespace),
        format!("{}/newest", cluster.namespace),
    );
    let (us, old, new) = (ours.as_str(), "monitoring/k8s", newest.as_str());
    let sent_by = async |what: &str, expected: &[(&str, &str)]| {
        let attempt = async || {
            let mut found = Vec::new();
            for (alert, _) in expected {
                found.push(senders(&monitoring, alert).await?);
            }
            let right = found
                .iter()
                .zip(expected)
                .all(|(all, (_, by))| *all == [*by]);
            check(right, || format!("{expected:?}: {found:?}"))
        };
        eventually(what, FOLLOWED, attempt).await;
    };
    let runs = subject.runs().await;
    let all = [
        ("OldPlain", old),
        ("OldLarge", us),
        ("OldDotted", us),
        ("NewPlain", new),
        ("NewLarge", us),
        ("NewDotted", new),
        ("NewExperimental", new),
        ("NewEscaped", new),
    ];
    sent_by("each alert is sent by one side", &all).await;

    cluster.apply(large("NewPlain", true)).await;
    sent_by(
        "a change that is rejected is sent from here",
        &[("NewPlain", us)],
    )
    .await;
    cluster.apply(alert("NewPlain", true, &json!({}))).await;
    sent_by("it is sent by Prometheus again", &[("NewPlain", new)]).await;

    newest_operator(cluster, 0).await;
    cluster.apply(alert("NewLate", true, &json!({}))).await;
    sent_by(
        "a rule of that time is sent from here",
        &[("NewLate", us), ("NewPlain", new)],
    )
    .await;
    newest_operator(cluster, 1).await;
    sent_by(
        "and then by Prometheus",
        &[("NewLate", new), ("NewPlain", new)],
    )
    .await;

    sent_by("nothing else has changed", &all).await;
    assert_eq!(subject.runs().await, runs, "no ruler restarted");
    cluster.delete(OPERATED, "Prometheus", "newest").await;
    kubectl(&["delete", "-f", &folder, "--wait=false"]);
    kubectl(&[
        "-n",
        MONITORING,
        "delete",
        "rolebinding",
        &cluster.namespace,
    ]);
    subject.end().await;
}
