//! Bad input is refused with the field and the way out, and nothing that runs is touched.

use e2e::cluster::Cluster;
use e2e::controller::Controller;
use serde_json::{Value, json};

use crate::support::{query, with_crds};

/// What the API server says to a ThanosQuery with this spec.
async fn refusal(cluster: &Cluster, spec: Value) -> String {
    match cluster.try_apply(&query("bad", spec.clone())).await {
        Ok(_) => panic!("{spec} was accepted"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn the_api_server_rejects_what_the_schema_excludes() {
    let cluster = Cluster::new("schema").await;
    for (spec, said) in [
        (json!({"replicsa": 2}), "replicsa"),
        (json!({"replicas": -1}), "spec.replicas"),
        (json!({"replicas": 0}), "spec.replicas"),
        (json!({"queryTimeout": "1 hour"}), "spec.queryTimeout"),
        (
            json!({"serviceMonitorSelector": {"matchExpressions": [{"key": "a", "operator": "Near", "values": ["b"]}]}}),
            "operator",
        ),
        (
            json!({"serviceMonitorSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            "values",
        ),
        (
            json!({"serviceMonitorSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}),
            "values",
        ),
        (
            json!({"additionalArgs": ["log.level=debug"]}),
            "additionalArgs",
        ),
        (json!({"replicaLabels": ["not a label"]}), "replicaLabels"),
        (json!({"logLevel": "verbose"}), "logLevel"),
    ] {
        let message = refusal(&cluster, spec.clone()).await;
        assert!(message.contains(said), "{spec}: {message}");
    }
}

#[tokio::test]
async fn a_conflicting_argument_is_rejected_and_nothing_changes() {
    let cluster = Cluster::new("argument").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let before = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    let bad = json!({"additionalArgs": ["--log.level=debug", "--endpoint.sd-config-file=/x"], "replicas": 3});
    cluster.apply(query("q", bad)).await;
    let object = cluster.condition("q", "Reconciled", "InvalidSpec").await;
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let reported = conditions
        .iter()
        .find(|c| c["type"] == "Reconciled")
        .unwrap();
    let message = reported["message"].as_str().unwrap();
    assert!(message.contains("spec.additionalArgs[1]"), "{message}");
    let after = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    assert_eq!(
        before["metadata"]["generation"],
        after["metadata"]["generation"]
    );
    cluster
        .apply(query("q", json!({"additionalArgs": ["--log.level=debug"]})))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn an_image_of_a_registry_with_a_port_keeps_its_version() {
    let cluster = Cluster::new("image").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster
        .apply(query(
            "q",
            json!({"baseImage": "registry:5000/thanos", "version": "v0.42.4"}),
        ))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let deployment = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry:5000/thanos:v0.42.4");
    controller.assert_quiet(&[]);
}
