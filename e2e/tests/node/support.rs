//! What these tests share.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

/// Where kube-prometheus lives.
pub const MONITORING: &str = "monitoring";

/// Time for pods to start.
pub const STARTED: Duration = Duration::from_secs(90);

/// A fixture by its path under e2e/fixtures.
pub fn fixture(path: &str) -> Value {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(path);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_saphyr::from_str(&text).unwrap()
}

/// Runs kubectl, which must succeed; returns what it prints.
pub fn kubectl(args: &[&str]) -> String {
    let output = Command::new("kubectl").args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "kubectl {args:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// The folder of the fixtures.
pub fn fixtures() -> String {
    format!("{}/fixtures", env!("CARGO_MANIFEST_DIR"))
}

/// The cluster, with the namespace of kube-prometheus as the namespace in use.
pub async fn monitoring() -> Cluster {
    let mut cluster = Cluster::new("node").await;
    cluster.namespace = MONITORING.to_owned();
    cluster
}

/// Waits until a condition of a ThanosQuery has a status.
pub async fn is(
    cluster: &Cluster,
    name: &str,
    type_: &str,
    status: &str,
    limit: Duration,
) -> Value {
    cluster
        .reports(name, type_, ("status", status), limit)
        .await
}

/// Answers of a PromQL query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The value of the first series; `None` without series.
    pub value: Option<f64>,
    /// Warnings, such as of an endpoint that is down.
    pub warnings: Vec<String>,
}

/// Gets a path of what a Service or pod (`services/name:port`) serves, through the API server.
///
/// `Err` says why there is no answer.
pub async fn get(cluster: &Cluster, target: &str, path: &str) -> Result<String, String> {
    let namespace = &cluster.namespace;
    let uri = format!("/api/v1/namespaces/{namespace}/{target}/proxy{path}");
    let request = http::Request::get(uri).body(Vec::new());
    let request = request.map_err(|e| e.to_string())?;
    let answer = cluster.client.request_text(request).await;
    answer.map_err(|e| e.to_string())
}

/// Instant query to the Query API of a Service or pod.
pub async fn promql(cluster: &Cluster, target: &str, promql: &str) -> Result<Answer, String> {
    query(cluster, target, promql, "").await
}

/// As `promql`, with further parameters, each after an `&`.
pub async fn query(
    cluster: &Cluster,
    target: &str,
    promql: &str,
    parameters: &str,
) -> Result<Answer, String> {
    let path = query_path(promql, parameters);
    answer(&get(cluster, target, &path).await?)
}

/// The path of a query of the Query API, with further parameters, each after an `&`.
pub fn query_path(promql: &str, parameters: &str) -> String {
    let query: String = promql
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => (b as char).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("/api/v1/query?query={query}{parameters}")
}

/// What the Query API says, if it could answer.
pub fn answer(text: &str) -> Result<Answer, String> {
    let answer: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if answer["status"] != "success" {
        return Err(text.to_owned());
    }
    let value = answer["data"]["result"][0]["value"][1].as_str();
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    Ok(Answer {
        value: value.and_then(|v| v.parse().ok()),
        warnings: warnings
            .filter_map(|w| w.as_str().map(str::to_owned))
            .collect(),
    })
}

/// The StoreAPIs that a querier lists.
pub async fn stores(cluster: &Cluster, name: &str) -> Result<Vec<Value>, String> {
    let text = get(cluster, &querier(name), "/api/v1/stores").await?;
    let stores: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let all = stores["data"].as_object().cloned().unwrap_or_default();
    let all = all.into_iter().flat_map(|(kind, stores)| {
        let mut stores = stores.as_array().cloned().unwrap_or_default();
        for store in &mut stores {
            store["kind"] = json!(kind);
        }
        stores
    });
    Ok(all.collect())
}

/// The Service of a ThanosQuery for clients, as `promql` takes it.
pub fn querier(name: &str) -> String {
    format!("services/thanos-query-{name}-client:http")
}

/// Pods by label selector.
pub async fn pods(cluster: &Cluster, labels: &str) -> Vec<DynamicObject> {
    let api = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    api.list(&ListParams::default().labels(labels))
        .await
        .unwrap()
        .items
}

/// UID and start time of every querier pod of a ThanosQuery, with the number of restarts.
pub async fn querier_pods(cluster: &Cluster, name: &str) -> Vec<(String, String, i64)> {
    let labels = format!("app.kubernetes.io/name=thanos-query,operator.thanos.io/owner={name}");
    let mut all: Vec<_> = pods(cluster, &labels)
        .await
        .into_iter()
        // Those of an earlier ThanosQuery of this name may still be going.
        .filter(|p| p.metadata.deletion_timestamp.is_none())
        .map(|p| {
            let status = &p.data["status"];
            let restarts = status["containerStatuses"][0]["restartCount"].as_i64();
            let started = status["startTime"].as_str().unwrap_or_default().to_owned();
            (
                p.metadata.uid.unwrap_or_default(),
                started,
                restarts.unwrap_or_default(),
            )
        })
        .collect();
    all.sort();
    all
}

/// The addresses and ways of all endpoints in the status.
pub fn endpoints(object: &Value) -> Vec<(String, String)> {
    let all = object["status"]["endpoints"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    all.iter()
        .map(|e| (text(&e["via"]), text(&e["address"])))
        .collect()
}

/// Waits until the querier gives `value` to a query.
pub async fn answers(cluster: &Cluster, name: &str, query: &str, value: f64, limit: Duration) {
    let target = querier(name);
    let attempt = async || {
        let answer = promql(cluster, &target, query).await?;
        check(answer.value == Some(value), || format!("{answer:?}"))
    };
    eventually(&format!("{name}: {query} is {value}"), limit, attempt).await;
}

/// A ThanosQuery of this name, deleted and waited for.
pub async fn without(cluster: &Cluster, name: &str) {
    cluster
        .delete("monitoring.thanos.io/v1alpha1", "ThanosQuery", name)
        .await;
}

/// Waits until both replicas of `monitoring/k8s` have a sidecar, or have none.
pub async fn prometheus_with_sidecar(cluster: &Cluster, with: bool) {
    if with {
        ready_for_a_minute(cluster).await;
    }
    let patch = match with {
        true => fixture("kube-prometheus/with-sidecar.yaml"),
        false => json!({"spec": {"thanos": null, "minReadySeconds": null}}),
    };
    let api = cluster.api(&json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}));
    let patch = kube::api::Patch::Merge(patch);
    api.patch("k8s", &Default::default(), &patch).await.unwrap();
    prometheus_settled(cluster, with).await;
}

/// Waits until both replicas have been ready for as long as the new `minReadySeconds` requires: a pod
/// that has not counts as unavailable from then on, and both would be replaced at once.
async fn ready_for_a_minute(cluster: &Cluster) {
    let attempt = async || {
        let pods = pods(cluster, "operator.prometheus.io/name=k8s").await;
        let since: Vec<String> = pods
            .iter()
            .filter_map(|p| p.data["status"]["conditions"].as_array())
            .flatten()
            .filter(|c| c["type"] == "Ready" && c["status"] == "True")
            .filter_map(|c| c["lastTransitionTime"].as_str().map(str::to_owned))
            .collect();
        let old = since.iter().filter(|s| older_than_a_minute(s)).count();
        check(old == 2, || format!("{since:?}"))
    };
    eventually(
        "both replicas have been ready for a minute",
        Duration::from_secs(120),
        attempt,
    )
    .await;
}

fn older_than_a_minute(time: &str) -> bool {
    let then: jiff::Timestamp = time.parse().unwrap();
    jiff::Timestamp::now().duration_since(then).as_secs() > 65
}

/// Waits until the querier returns the result of one replica. Both are queried repeatedly: for some
/// minutes, a replica that restarted lacks series that the other still has.
pub async fn agrees_with_prometheus(cluster: &Cluster, name: &str) {
    let target = querier(name);
    let attempt = async || {
        let ours = promql(cluster, &target, STABLE).await?;
        let theirs = promql(cluster, "pods/prometheus-k8s-0:9090", STABLE).await?;
        check(ours.value.is_some() && ours.value == theirs.value, || {
            format!("{ours:?} {theirs:?}")
        })
    };
    eventually(
        "the querier agrees with Prometheus",
        Duration::from_secs(90),
        attempt,
    )
    .await;
}

/// Series of a job whose targets stay.
pub const STABLE: &str = "count(up{job=\"alertmanager-main\"})";

/// Shortens the way of what Prometheus Operator wrote into the pods of `monitoring/k8s`; to be repeated until it is in
/// effect. Otherwise the kubelet renews their files within 90 s, and the reloader, which watches the first file of the
/// configuration and none that replaces it, may notice that 3 minutes later. A changed annotation of a pod makes the
/// kubelet renew its files, and a changed rule makes the reloader read all of them, since it watches their folder.
pub fn renew_prometheus() {
    let now = jiff::Timestamp::now().as_millisecond();
    let annotation = format!("e2e.thanos.io/renewed={now}");
    let pods = "operator.prometheus.io/name=k8s";
    kubectl(&[
        "-n",
        MONITORING,
        "annotate",
        "pods",
        "-l",
        pods,
        "--overwrite",
        &annotation,
    ]);
    // An annotation of an alert that does not fire. Its file is renewed the next time, since Prometheus Operator writes it later.
    let path = "/spec/groups/0/rules/1/annotations/renewed";
    let patch = json!([{"op": "add", "path": path, "value": now.to_string()}]).to_string();
    kubectl(&[
        "-n",
        MONITORING,
        "patch",
        "prometheusrule",
        "kube-prometheus-rules",
        "--type=json",
        "-p",
        &patch,
    ]);
}

/// Waits until the pods of `monitoring/k8s` are ready and as wanted.
pub async fn prometheus_settled(cluster: &Cluster, with_sidecar: bool) {
    let attempt = async || {
        let pods = pods(cluster, "operator.prometheus.io/name=k8s").await;
        let settled = pods.iter().filter(|p| {
            let containers = p.data["spec"]["containers"].as_array().unwrap();
            let has = containers.iter().any(|c| c["name"] == "thanos-sidecar");
            let states = p.data["status"]["containerStatuses"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let ready = !states.is_empty() && states.iter().all(|s| s["ready"] == true);
            has == with_sidecar && ready && p.metadata.deletion_timestamp.is_none()
        });
        let count = settled.count();
        check(count == 2, || {
            format!("{count} of 2 Prometheus pods are settled")
        })
    };
    eventually("Prometheus is settled", Duration::from_secs(300), attempt).await;
}
