//! Whether a Prometheus scrapes what runs here: who selects it, and who may find it.

use e2e::cluster::{Cluster, SOON};
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use serde_json::json;

use crate::support::{prometheus, query, with_crds};

#[tokio::test]
async fn monitored_needs_a_prometheus_that_selects_and_is_permitted() {
    let cluster = Cluster::new("monitored").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    let reported = cluster.condition("q", "Monitored", "NotSelected").await;
    assert!(
        reported["status"]["conditions"]
            .to_string()
            .contains("no Prometheus selects any")
    );

    let selects = json!({
        "serviceAccountName": "prom",
        "serviceMonitorSelector": {"matchLabels": {"release": "x"}},
    });
    cluster.apply(prometheus("k8s", selects)).await;
    let nearest = async || {
        let reported = cluster.condition("q", "Monitored", "NotSelected").await;
        let reported = reported["status"]["conditions"].to_string();
        check(
            reported.contains("spec.serviceMonitor.labels to release=x"),
            || reported,
        )
    };
    eventually("the nearest Prometheus is named", SOON, nearest).await;

    let labelled = json!({"serviceMonitor": {"labels": {"release": "x"}}});
    cluster.apply(query("q", labelled.clone())).await;
    let reported = cluster
        .condition("q", "Monitored", "PrometheusNotPermitted")
        .await;
    let reported = reported["status"]["conditions"].to_string();
    let namespace = &cluster.namespace;
    let command = format!("--serviceaccount={namespace}:prom");
    assert!(reported.contains(&command), "{reported}");

    // What the message says.
    let rbac = "rbac.authorization.k8s.io";
    cluster
        .apply(json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": {"name": "prom"},
            "rules": [{"apiGroups": [""], "resources": ["pods", "services", "endpoints"], "verbs": ["get", "list", "watch"]}],
        }))
        .await;
    cluster
        .apply(json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": {"name": "prom"},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "prom"},
            "subjects": [{"kind": "ServiceAccount", "name": "prom", "namespace": namespace}],
        }))
        .await;
    let mut touched = 0;
    let scraped = async || {
        touched += 1;
        let mut changed = query("q", labelled.clone());
        changed["metadata"]["annotations"] = json!({"example.com/touched": touched.to_string()});
        cluster.apply(changed).await;
        let object = cluster
            .get("monitoring.thanos.io/v1alpha1", "ThanosQuery", "q")
            .await;
        let conditions = object.unwrap()["status"]["conditions"].to_string();
        check(conditions.contains("Scraped"), || conditions)
    };
    eventually("the permission is noticed", SOON, scraped).await;
    let reported = cluster.condition("q", "Monitored", "Scraped").await;
    let reported = reported["status"]["conditions"].to_string();
    assert!(
        reported.contains(&format!("by Prometheus {namespace}/k8s")),
        "{reported}"
    );
    controller.assert_quiet(&[]);
}

const SERVICE_MONITOR: (&str, &str) = ("monitoring.coreos.com/v1", "ServiceMonitor");
const CONTROLLER: &str = "thanos-query-controller";

#[tokio::test]
async fn the_controller_creates_its_own_service_monitor() {
    let cluster = Cluster::new("self").await;
    let _crds = with_crds(&cluster).await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": CONTROLLER},
        "spec": {"selector": {"app.kubernetes.io/name": CONTROLLER}, "ports": [{"name": "http", "port": 8080}]},
    });
    let service = cluster.apply(service).await;
    let home = format!("--lease-namespace={}", cluster.namespace);
    let labels = "--service-monitor.labels=release=x";
    let (kind, name) = (SERVICE_MONITOR, CONTROLLER);
    let stored = async || cluster.get(kind.0, kind.1, name).await;

    let mut controller = Controller::start(&cluster, &[&home, labels]).await;
    let made = async || stored().await.ok_or_else(|| "not there".to_owned());
    let monitor = eventually("it is made", SOON, made).await;
    assert_eq!(monitor["metadata"]["labels"]["release"], "x");
    let owner = &monitor["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], json!(service.metadata.uid));
    assert_eq!(monitor["spec"]["jobLabel"], "app.kubernetes.io/name");
    controller.stop().await;

    // A restart writes nothing, and it is no application: no ThanosQuery discovers it.
    let mut controller = Controller::start(&cluster, &[&home, labels]).await;
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": {}})))
        .await;
    let reported = cluster
        .condition("q", "EndpointsResolved", "SelectorMatchesNothing")
        .await;
    let reported = reported["status"]["conditions"].to_string();
    assert!(!reported.contains(CONTROLLER), "{reported}");
    assert_eq!(stored().await, Some(monitor));
    controller.assert_quiet(&[]);
    controller.stop().await;

    let off = "--feature-gate.enable-prometheus-operator-crds=false";
    let controller = Controller::start(&cluster, &[&home, labels, off]).await;
    let is_deleted = async || check(stored().await.is_none(), || "still there".to_owned());
    eventually("the gate takes it back", SOON, is_deleted).await;
    controller.assert_quiet(&[]);
}
