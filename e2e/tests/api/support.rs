//! What these tests share.

use std::process::Command;
use std::time::Duration;

use e2e::cluster::{Cluster, SOON};
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Tests that remove CRDs have the cluster for themselves.
static CRDS: RwLock<()> = RwLock::const_new(());

/// The kinds of Prometheus Operator that any controller reads or writes.
pub const KINDS: [&str; 6] = [
    "servicemonitors",
    "prometheuses",
    "prometheusagents",
    "prometheusrules",
    "alertmanagers",
    "thanosrulers",
];

/// Holds the CRDs of Prometheus Operator in place for a test.
pub async fn with_crds(cluster: &Cluster) -> RwLockReadGuard<'static, ()> {
    loop {
        let guard = CRDS.read().await;
        let mut missing = Vec::new();
        for kind in KINDS {
            if !served(cluster, kind).await {
                missing.push(kind);
            }
        }
        if missing.is_empty() {
            return guard;
        }
        drop(guard);
        let _alone = CRDS.write().await;
        for kind in missing {
            install(cluster, kind).await;
        }
    }
}

/// The kinds that Prometheus Operator itself needs besides.
const MORE_KINDS: [&str; 4] = [
    "alertmanagerconfigs",
    "podmonitors",
    "probes",
    "scrapeconfigs",
];

/// Installs what Prometheus Operator needs besides what [`with_crds`] holds in place.
pub async fn with_all_crds(cluster: &Cluster) -> RwLockReadGuard<'static, ()> {
    let guard = with_crds(cluster).await;
    for kind in MORE_KINDS {
        cluster.apply(crd(kind)).await;
    }
    guard
}

/// Excludes every other test that needs the CRDs. Tests that need this are in the module `crds`.
pub async fn alone_with_crds() -> RwLockWriteGuard<'static, ()> {
    CRDS.write().await
}

/// A CRD of Prometheus Operator, from its own file.
pub fn crd(plural: &str) -> Value {
    let folder = std::env::var("PROMETHEUS_OPERATOR_CRDS").expect("set by hack/cluster.sh env");
    let files = std::fs::read_dir(folder).unwrap();
    let suffix = format!("_{plural}.yaml");
    let crd_file = files
        .map(|f| f.unwrap().path())
        .find(|p| p.file_name().unwrap().to_string_lossy().ends_with(&suffix))
        .unwrap_or_else(|| panic!("no CRD of {plural}"));
    serde_saphyr::from_str(&std::fs::read_to_string(crd_file).unwrap()).unwrap()
}

/// Installs a CRD, and waits until it is served.
pub async fn install(cluster: &Cluster, plural: &str) {
    cluster.apply(crd(plural)).await;
    let attempt = async || check(served(cluster, plural).await, || "not served".into());
    eventually(&format!("{plural} is served"), SOON, attempt).await;
}

/// Removes a CRD, and waits until it is not served.
pub async fn uninstall(cluster: &Cluster, plural: &str) {
    let name = format!("{plural}.monitoring.coreos.com");
    let version = "apiextensions.k8s.io/v1";
    cluster
        .delete(version, "CustomResourceDefinition", &name)
        .await;
    let attempt = async || check(!served(cluster, plural).await, || "still served".into());
    eventually(&format!("{plural} is not served"), SOON, attempt).await;
}

pub async fn served(cluster: &Cluster, plural: &str) -> bool {
    let version = match plural {
        "prometheusagents" => "monitoring.coreos.com/v1alpha1",
        _ => "monitoring.coreos.com/v1",
    };
    let list = cluster.client.list_api_group_resources(version).await;
    list.is_ok_and(|list| list.resources.iter().any(|r| r.name == plural))
}

/// A ThanosQuery.
pub fn query(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// A ServiceMonitor with labels, over Services with labels.
pub fn service_monitor(name: &str, labels: Value, selects: Value) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": selects}, "endpoints": [{"port": "web"}]},
    })
}

/// A Prometheus resource, as kube-prometheus has it where it matters.
pub fn prometheus(name: &str, spec: Value) -> Value {
    let mut all = json!({
        "replicas": 2, "serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": {},
        "podMetadata": {"labels": {"app.kubernetes.io/part-of": "kube-prometheus"}},
    });
    all.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
        "metadata": {"name": name}, "spec": all,
    })
}

/// The Service before a Prometheus.
pub fn prometheus_service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("prometheus-{name}"), "labels": {"app": name}},
        "spec": {
            "selector": {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": name},
            "ports": [{"name": "web", "port": 9090}],
        },
    })
}

/// The endpoint file of a ThanosQuery.
pub async fn endpoint_file(cluster: &Cluster, query: &str) -> String {
    let name = format!("thanos-query-{query}-endpoints");
    let map = cluster.get("v1", "ConfigMap", &name).await;
    map.map_or_else(String::new, |m| m["data"].to_string())
}

/// Waits until the endpoint file holds every one of `with` and none of `without`.
pub async fn endpoints(cluster: &Cluster, query: &str, with: &[&str], without: &[&str]) {
    endpoints_within(cluster, query, with, without, SOON).await;
}

/// As `endpoints`, with a limit of its own.
pub async fn endpoints_within(
    cluster: &Cluster,
    query: &str,
    with: &[&str],
    without: &[&str],
    limit: Duration,
) {
    let attempt = async || {
        let file = endpoint_file(cluster, query).await;
        let holds =
            with.iter().all(|w| file.contains(w)) && !without.iter().any(|w| file.contains(w));
        check(holds, || file)
    };
    eventually(
        &format!("endpoints of {query}: {with:?}, not {without:?}"),
        limit,
        attempt,
    )
    .await;
}

/// Every kind that the controller owns.
pub const OWNED: &[(&str, &str)] = &[
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
];

/// Every object that a custom resource owns, in the test's namespace.
pub async fn owned(cluster: &Cluster, uid: &str) -> Vec<DynamicObject> {
    let mut all = Vec::new();
    for (api_version, kind) in OWNED {
        let api = cluster.api(&json!({"apiVersion": api_version, "kind": kind}));
        let Ok(list) = api.list(&Default::default()).await else {
            continue;
        };
        let mine = list
            .items
            .into_iter()
            .filter(|o| o.owner_references().iter().any(|r| r.uid == uid));
        all.extend(mine.map(|mut o| {
            o.types = Some(kube::api::TypeMeta {
                api_version: (*api_version).to_owned(),
                kind: (*kind).to_owned(),
            });
            o
        }));
    }
    all
}

/// Plays the part of the kubelets: every pod of every Deployment of the namespace is ready.
pub async fn all_pods_ready(cluster: &Cluster) {
    let deployments = cluster.api(&json!({"apiVersion": "apps/v1", "kind": "Deployment"}));
    let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    let ready = json!({"status": {"phase": "Running", "conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"},
    ]}});
    let attempt = async || {
        for pod in pods.list(&Default::default()).await.unwrap().items {
            if pod.data["status"]["phase"] != "Running" {
                let body = Patch::Merge(&ready);
                pods.patch_status(&pod.name_any(), &PatchParams::default(), &body)
                    .await
                    .unwrap();
            }
        }
        let all = deployments.list(&Default::default()).await.unwrap().items;
        let waiting: Vec<String> = all
            .iter()
            .filter(|d| d.data["status"]["availableReplicas"] != d.data["spec"]["replicas"])
            .map(ResourceExt::name_any)
            .collect();
        check(waiting.is_empty(), || format!("{waiting:?}"))
    };
    eventually("all pods are ready", SOON, attempt).await;
}

/// What `render` makes of everything in the namespace: the plan, and the status at the end.
pub async fn rendered(cluster: &Cluster) -> Vec<Value> {
    let kinds = [
        ("monitoring.thanos.io/v1alpha1", "ThanosQuery"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
        ("monitoring.coreos.com/v1", "Prometheus"),
        ("v1", "Service"),
        ("v1", "Pod"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ];
    let mut items = Vec::new();
    for (api_version, kind) in kinds {
        let api = cluster.api(&json!({"apiVersion": api_version, "kind": kind}));
        for mut object in api.list(&Default::default()).await.unwrap().items {
            object.types = Some(kube::api::TypeMeta {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
            });
            items.push(serde_json::to_value(object).unwrap());
        }
    }
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    for namespace in namespaces.list(&Default::default()).await.unwrap() {
        items
            .push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace.metadata}));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, json!({"items": items}).to_string()).unwrap();
    let output = Command::new(e2e::controller::kubectl_thanos())
        .args(["render", "-f"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

/// Panics unless everything that `render` plans is in the cluster, field by field.
pub async fn assert_rendered_is_applied(cluster: &Cluster) {
    let mut compared = 0;
    for planned in rendered(cluster).await {
        if planned["kind"] == "ThanosQuery" {
            continue;
        }
        let name = planned["metadata"]["name"].as_str().unwrap();
        let (version, kind) = (
            planned["apiVersion"].as_str().unwrap(),
            planned["kind"].as_str().unwrap(),
        );
        let stored = cluster.get(version, kind, name).await;
        let stored = stored.unwrap_or_else(|| panic!("{kind} {name} is planned and not there"));
        assert_within(&planned, &stored, &format!("{kind} {name}"));
        compared += 1;
    }
    assert!(compared > 3, "only {compared} objects were compared");
}

/// Panics unless `stored` holds everything that `planned` says. The API server adds defaults.
fn assert_within(planned: &Value, stored: &Value, path: &str) {
    match (planned, stored) {
        (Value::Object(planned), Value::Object(stored)) => {
            for (key, value) in planned {
                let found = stored.get(key).unwrap_or(&Value::Null);
                let empty = value.as_object().is_some_and(|o| o.is_empty())
                    || value.as_array().is_some_and(|a| a.is_empty());
                if !(empty && found.is_null()) {
                    assert_within(value, found, &format!("{path}.{key}"));
                }
            }
        }
        (Value::Array(planned), Value::Array(stored)) => {
            assert_eq!(planned.len(), stored.len(), "{path}");
            for (i, (planned, stored)) in planned.iter().zip(stored).enumerate() {
                assert_within(planned, stored, &format!("{path}[{i}]"));
            }
        }
        _ => assert_eq!(planned, stored, "{path}"),
    }
}

/// Patches the status of a pod, of the one with this UID if it is given. A pod may go at any time, and another one of its name, which has another UID, may follow.
pub async fn patch_pod(pods: &Api<DynamicObject>, name: &str, uid: Option<&str>, status: &Value) {
    let mut body = json!({"status": status});
    if let Some(uid) = uid {
        body["metadata"] = json!({"uid": uid});
    }
    let body = Patch::Merge(body);
    let _ = pods
        .patch_status(name, &PatchParams::default(), &body)
        .await;
}

/// Waits for a number of reconciles.
pub async fn has_passed(controller: &Controller, count: f64) {
    let attempt = async || {
        let reconciles = controller.reconciles().await;
        check(reconciles >= count, || format!("{reconciles} of {count}"))
    };
    eventually("reconciles", SOON, attempt).await;
}
