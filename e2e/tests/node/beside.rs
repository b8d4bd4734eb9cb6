//! Beside Prometheus Operator: its Prometheus scrapes what runs here, and nothing of it is touched.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::cluster::{Cluster, SOON};
use e2e::controller::USER;
use e2e::wait::{check, eventually};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};

use crate::support::{STARTED, fixture, is, monitoring, promql, renew_prometheus, without};

/// How long Prometheus Operator and Prometheus may take for a new ServiceMonitor: by itself, the node renews
/// the configuration within 90 s, and the reloader may notice it 3 minutes later.
pub const SCRAPED: Duration = Duration::from_secs(300);

pub const PROMETHEUS: &str = "pods/prometheus-k8s-0:9090";

/// Waits until the Prometheus, queried directly, returns `value`.
async fn prometheus_says(cluster: &Cluster, query: &str, value: f64) {
    let mut renewed = Instant::now();
    let attempt = async || {
        let answer = promql(cluster, PROMETHEUS, query).await?;
        if answer.value != Some(value) && renewed.elapsed() > Duration::from_secs(10) {
            renew_prometheus();
            renewed = Instant::now();
        }
        check(answer.value == Some(value), || format!("{answer:?}"))
    };
    eventually(&format!("{query} is {value}"), SCRAPED, attempt).await;
}

/// A ThanosQuery with everything that it can run: a querier, a frontend, and bridges.
pub fn everything(name: &str, service_monitor: Value) -> Value {
    let mut query = fixture("demo/demo.yaml");
    query["metadata"]["name"] = json!(name);
    query["spec"]["queryFrontend"] = json!({});
    query["spec"]["serviceMonitor"] = service_monitor;
    query
}

#[tokio::test]
async fn the_prometheus_scrapes_generated_service_monitors() {
    let cluster = monitoring().await;
    cluster.apply(everything("scraped", json!({}))).await;
    is(&cluster, "scraped", "Ready", "True", STARTED).await;
    let object = is(&cluster, "scraped", "Monitored", "True", SOON).await;
    let conditions = object["status"]["conditions"].to_string();
    assert!(
        conditions.contains("by Prometheus monitoring/k8s"),
        "{conditions}"
    );
    // The jobs that dashboards and rules for Thanos select, and the controllers themselves.
    for (job, pods) in [
        ("thanos-query-scraped", 1.0),
        ("thanos-query-frontend-scraped", 1.0),
        ("thanos-sidecar-scraped", 2.0),
        ("thanos-query-controller", 2.0),
        ("thanos-receive-controller", 2.0),
        ("thanos-ruler-controller", 2.0),
        ("thanos-store-controller", 2.0),
    ] {
        prometheus_says(&cluster, &format!("sum(up{{job=\"{job}\"}})"), pods).await;
    }
    let built = "count(thanos_build_info{job=~\"thanos-(query|query-frontend|sidecar)-scraped\"})";
    prometheus_says(&cluster, built, 4.0).await;
    let leaders = "sum(leader_election_master_status{job=~\"thanos-(query|receive|ruler|store)-controller\"})";
    prometheus_says(&cluster, leaders, 4.0).await;
    without(&cluster, "scraped").await;
}

#[tokio::test]
async fn one_user_written_service_monitor_scrapes_every_component_once() {
    let cluster = monitoring().await;
    let off = json!({"enabled": false});
    cluster.apply(everything("hand", off)).await;
    is(&cluster, "hand", "Ready", "True", STARTED).await;
    let by_hand = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "by-hand"},
        "spec": {
            "jobLabel": "app.kubernetes.io/instance",
            "selector": {"matchLabels": {"app.kubernetes.io/name": "thanos"}},
            "endpoints": [{"port": "http"}],
        },
    });
    cluster.apply(by_hand).await;
    let jobs = "up{job=~\"thanos-(query|query-frontend|sidecar)-hand\"}";
    prometheus_says(&cluster, &format!("sum({jobs})"), 4.0).await;
    prometheus_says(&cluster, &format!("count(count by (pod) ({jobs}))"), 4.0).await;
    let version = "monitoring.coreos.com/v1";
    cluster.delete(version, "ServiceMonitor", "by-hand").await;
    without(&cluster, "hand").await;
}

/// Denies our ServiceAccount every write to what Prometheus Operator or its user owns.
async fn deny_what_is_theirs(cluster: &Cluster) {
    let admission = "admissionregistration.k8s.io";
    let ours =
        "has(object.metadata.labels) && 'operator.thanos.io/controller' in object.metadata.labels";
    let theirs = "has(object.metadata.labels) && 'app.kubernetes.io/managed-by' in object.metadata.labels && \
         object.metadata.labels['app.kubernetes.io/managed-by'] == 'prometheus-operator'";
    let policy = json!({
        "apiVersion": format!("{admission}/v1"), "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "test-theirs"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"],
                "operations": ["CREATE", "UPDATE"],
            }]},
            "matchConditions": [{"name": "us", "expression": format!("request.userInfo.username == '{USER}'")}],
            "validations": [
                {"expression": format!("!({theirs})"), "message": "it belongs to Prometheus Operator"},
                {"expression": format!("request.kind.group != 'monitoring.coreos.com' || ({ours})"), "message": "it is owned by another controller"},
            ],
        },
    });
    let binding = json!({
        "apiVersion": format!("{admission}/v1"), "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "test-theirs"},
        "spec": {"policyName": "test-theirs", "validationActions": ["Deny"]},
    });
    cluster.apply(policy).await;
    cluster.apply(binding).await;

    let mut config = Config::infer().await.unwrap();
    config.auth_info.impersonate = Some(USER.to_owned());
    let mut us = monitoring().await;
    us.client = Client::try_from(config).unwrap();
    let touch = json!({"metadata": {"annotations": {"example.com/touched": "yes"}}});
    let monitors =
        us.api(&json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor"}));
    let denied = async || {
        let params = PatchParams {
            dry_run: true,
            ..Default::default()
        };
        let answer = monitors
            .patch("prometheus-k8s", &params, &Patch::Merge(&touch))
            .await;
        let said = answer.err().map(|e| e.to_string()).unwrap_or_default();
        check(said.contains("another controller"), || said)
    };
    eventually("the policy is in effect", SOON, denied).await;
}

/// Generation of everything that is Prometheus Operator's or its user's; the resource version of
/// what has no generation.
async fn theirs(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (version, kind, labels) in [
        ("monitoring.coreos.com/v1", "Prometheus", ""),
        ("monitoring.coreos.com/v1", "Alertmanager", ""),
        ("monitoring.coreos.com/v1", "PrometheusRule", ""),
        (
            "monitoring.coreos.com/v1",
            "ServiceMonitor",
            "!operator.thanos.io/controller",
        ),
        ("apps/v1", "StatefulSet", ""),
        (
            "apps/v1",
            "Deployment",
            "app.kubernetes.io/part-of=kube-prometheus",
        ),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "!operator.thanos.io/controller",
        ),
        ("v1", "Service", "!operator.thanos.io/controller"),
        ("v1", "ServiceAccount", "!operator.thanos.io/controller"),
        (
            "v1",
            "Pod",
            "app.kubernetes.io/managed-by=prometheus-operator",
        ),
    ] {
        let api = cluster.api(&json!({"apiVersion": version, "kind": kind}));
        let params = ListParams::default().labels(labels);
        for object in api.list(&params).await.unwrap() {
            let meta = &object.metadata;
            let state = match (kind, meta.generation) {
                // A pod's status changes by itself.
                ("Pod", _) => meta.uid.clone().unwrap_or_default(),
                (_, Some(generation)) => generation.to_string(),
                (_, None) => meta.resource_version.clone().unwrap_or_default(),
            };
            let owners: Vec<String> = meta
                .managed_fields
                .iter()
                .flatten()
                .filter_map(|f| f.manager.clone())
                .filter(|m| m.starts_with("thanos-"))
                .collect();
            assert!(
                owners.is_empty(),
                "{kind} {}: {owners:?}",
                object.name_any()
            );
            all.insert(format!("{kind} {}", object.name_any()), state);
        }
    }
    all
}

#[tokio::test]
async fn objects_of_prometheus_operator_are_unchanged() {
    let cluster = monitoring().await;
    deny_what_is_theirs(&cluster).await;
    let before = theirs(&cluster).await;
    assert!(before.len() > 15, "{before:?}");
    let mut query = everything("beside", json!({}));
    query["spec"]["networkPolicy"] = json!({"enabled": true, "openDiscovered": "SameNamespace"});
    cluster.apply(query).await;
    is(&cluster, "beside", "Ready", "True", STARTED).await;
    cluster.condition("beside", "Reconciled", "Applied").await;
    without(&cluster, "beside").await;
    assert_eq!(theirs(&cluster).await, before);
    for kind in [
        "ValidatingAdmissionPolicyBinding",
        "ValidatingAdmissionPolicy",
    ] {
        let version = "admissionregistration.k8s.io/v1";
        cluster.delete(version, kind, "test-theirs").await;
    }
}
