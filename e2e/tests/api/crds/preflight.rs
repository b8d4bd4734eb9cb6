//! `preflight` with a CRD of Prometheus Operator that is absent or old.

use e2e::cluster::{Cluster, SOON};
use e2e::wait::{check, eventually};
use serde_json::json;

use crate::preflight::preflight;
use crate::support::{alone_with_crds, install, query, served, uninstall};

#[tokio::test]
async fn a_service_monitor_crd_that_is_absent_or_old_is_reported() {
    let cluster = Cluster::new("preflight-crd").await;
    let _alone = alone_with_crds().await;
    let name = "servicemonitors.monitoring.coreos.com";
    install(&cluster, "servicemonitors").await;
    let stored = cluster
        .get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)
        .await;
    cluster.apply(query("q", json!({}))).await;
    uninstall(&cluster, "servicemonitors").await;
    let reported = preflight(&cluster);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
    reported.says("ok", "crd", name, &["not in this cluster"]);
    let object = format!("ThanosQuery {}/q", cluster.namespace);
    reported.says(
        "warn",
        "conditions",
        &object,
        &["PrometheusOperatorIntegration=False CRDsAbsent"],
    );

    let mut old = stored.unwrap();
    let schema = &mut old["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"]["spec"]["properties"].as_object_mut();
    fields.unwrap().remove("jobLabel").unwrap();
    let body = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": name}, "spec": old["spec"],
    });
    cluster.apply(body).await;
    let attempt = async || {
        let is_served = served(&cluster, "servicemonitors").await;
        check(is_served, || "not served".into())
    };
    eventually("the old CRD is served", SOON, attempt).await;
    let reported = preflight(&cluster);
    reported.says("warn", "crd", name, &["spec.jobLabel", "upgrade"]);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
    uninstall(&cluster, "servicemonitors").await;
    install(&cluster, "servicemonitors").await;
    let reported = preflight(&cluster);
    reported.says("ok", "crd", name, &["is served"]);
}
