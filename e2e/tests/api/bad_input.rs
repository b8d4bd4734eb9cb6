//! Bad input is refused with the field and the way out, and nothing that runs is touched.

use e2e::cluster::{Cluster, SOON};
use e2e::controller::Controller;
use e2e::wait::eventually;
use serde_json::{Value, json};

use crate::support::{alone_with_crds, query, with_crds};

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

/// The CRD of ThanosQuery as it is shipped.
fn crd() -> Value {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/crds/monitoring.thanos.io_thanosqueries.yaml"
    );
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[tokio::test]
async fn a_stored_resource_that_does_not_decode_is_reported_and_stops_no_other() {
    let cluster = Cluster::new("unfit").await;
    let _alone = alone_with_crds().await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;

    // As if an older CRD had let it in.
    let mut lax = crd();
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/maxConcurrent";
    *lax.pointer_mut(field).unwrap() = json!({"x-kubernetes-int-or-string": true});
    cluster.apply(lax).await;
    let stored = async || {
        let applied = cluster
            .try_apply(&query("odd", json!({"maxConcurrent": "many"})))
            .await;
        applied.map(|_| ()).map_err(|error| error.to_string())
    };
    eventually("the lax CRD is in effect", SOON, stored).await;
    let odd = cluster.condition("odd", "Reconciled", "InvalidSpec").await;
    let reported = odd["status"]["conditions"].to_string();
    let fault = "spec.maxConcurrent: expected integer, got string";
    assert!(
        reported.contains(fault) && !reported.contains("many"),
        "{reported}"
    );
    cluster.apply(crd()).await;

    cluster.apply(query("q", json!({"replicas": 2}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    cluster
        .delete("monitoring.thanos.io/v1alpha1", "ThanosQuery", "odd")
        .await;
    controller.assert_quiet(&["does not match its CRD"]);
}
