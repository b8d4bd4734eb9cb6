//! Whether a Prometheus scrapes what runs here: who selects it, and who may find it.

use e2e::cluster::{Cluster, SOON};
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use serde_json::json;

use crate::support::{prometheus, query, with_definitions};

#[tokio::test]
async fn a_prometheus_has_to_select_and_to_be_permitted() {
    let cluster = Cluster::new("monitored").await;
    let _definitions = with_definitions(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    let told = cluster.condition("q", "Monitored", "NotSelected").await;
    assert!(
        told["status"]["conditions"]
            .to_string()
            .contains("no Prometheus selects any")
    );

    let selects = json!({
        "serviceAccountName": "prom",
        "serviceMonitorSelector": {"matchLabels": {"release": "x"}},
    });
    cluster.apply(prometheus("k8s", selects)).await;
    let nearest = async || {
        let told = cluster.condition("q", "Monitored", "NotSelected").await;
        let told = told["status"]["conditions"].to_string();
        check(
            told.contains("spec.serviceMonitor.labels to release=x"),
            || told,
        )
    };
    eventually("the nearest Prometheus is named", SOON, nearest).await;

    let labelled = json!({"serviceMonitor": {"labels": {"release": "x"}}});
    cluster.apply(query("q", labelled.clone())).await;
    let told = cluster
        .condition("q", "Monitored", "PrometheusNotPermitted")
        .await;
    let told = told["status"]["conditions"].to_string();
    let namespace = &cluster.namespace;
    let command = format!("--serviceaccount={namespace}:prom");
    assert!(told.contains(&command), "{told}");

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
    let told = cluster.condition("q", "Monitored", "Scraped").await;
    let told = told["status"]["conditions"].to_string();
    assert!(
        told.contains(&format!("by Prometheus {namespace}/k8s")),
        "{told}"
    );
    controller.assert_quiet(&[]);
}
