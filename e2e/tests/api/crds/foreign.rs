//! CRDs that are too old, not established, or of another operator.

use std::time::Duration;

use e2e::cluster::{Cluster, SOON};
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::support::{alone_with_crds, crd, install, query, uninstall};

const KINDS: [&str; 2] = ["servicemonitors", "prometheuses"];

#[tokio::test]
async fn a_crd_that_is_not_established_counts_as_absent() {
    let cluster = Cluster::new("unestablished").await;
    let _alone = alone_with_crds().await;
    uninstall(&cluster, "servicemonitors").await;
    install(&cluster, "prometheuses").await;
    // Its kind is taken by another CRD of the group, so the API server never serves it.
    let mut taken = crd("servicemonitors");
    taken["spec"]["names"]["kind"] = json!("Prometheus");
    taken["spec"]["names"]["listKind"] = json!("PrometheusList");
    cluster.apply(taken).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": {}})))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let reported = cluster
        .condition("q", "PrometheusOperatorIntegration", "CRDsAbsent")
        .await;
    assert!(
        reported["status"]
            .to_string()
            .contains("not in this cluster: ServiceMonitor;"),
        "{reported}"
    );
    let metrics = controller.metrics().await;
    let state = "thanos_operator_optional_kind{kind=\"ServiceMonitor\",state=\"NotEstablished\"} 1";
    assert!(metrics.contains(state), "{metrics}");
    controller.assert_quiet(&[]);

    let crd = "apiextensions.k8s.io/v1";
    let name = "servicemonitors.monitoring.coreos.com";
    cluster.delete(crd, "CustomResourceDefinition", name).await;
    install(&cluster, "servicemonitors").await;
    cluster
        .condition("q", "PrometheusOperatorIntegration", "Enabled")
        .await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn crds_of_other_groups_are_ignored() {
    let cluster = Cluster::new("others-crds").await;
    let _alone = alone_with_crds().await;
    for kind in KINDS {
        uninstall(&cluster, kind).await;
    }
    let mut theirs = crd("servicemonitors");
    theirs["metadata"] = json!({"name": "servicemonitors.monitoring.example.com"});
    theirs["spec"]["group"] = json!("monitoring.example.com");
    cluster.apply(theirs).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": {}})))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    cluster
        .condition("q", "PrometheusOperatorIntegration", "CRDsAbsent")
        .await;
    controller.assert_quiet(&[]);
    let name = "servicemonitors.monitoring.example.com";
    let crd = "apiextensions.k8s.io/v1";
    cluster.delete(crd, "CustomResourceDefinition", name).await;
}

/// The CRD of ServiceMonitor as a release before the field `jobLabel` would have it.
fn too_old() -> Value {
    let mut old = crd("servicemonitors");
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let fields = old.pointer_mut(spec).and_then(Value::as_object_mut);
    assert!(fields.unwrap().remove("jobLabel").is_some());
    old
}

#[tokio::test]
async fn a_crd_that_lacks_a_field_is_reported_and_still_used() {
    let cluster = Cluster::new("old-crd").await;
    let _alone = alone_with_crds().await;
    install(&cluster, "prometheuses").await;
    uninstall(&cluster, "servicemonitors").await;
    cluster.apply(too_old()).await;
    let mut controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    let made = async || {
        let names = cluster
            .names("monitoring.coreos.com/v1", "ServiceMonitor")
            .await;
        check(names == ["thanos-query-q"], || format!("{names:?}"))
    };
    eventually("a ServiceMonitor for the querier", SOON, made).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let said = async || {
        let logs = controller.logs();
        check(logs.contains("spec.jobLabel"), || logs)
    };
    eventually(
        "the missing field is named in the log",
        Duration::from_secs(5),
        said,
    )
    .await;
    controller.assert_quiet(&["spec.jobLabel"]);
    controller.stop().await;
    install(&cluster, "servicemonitors").await;
}
