//! A custom resource that an older CRD let in.

use e2e::cluster::{Cluster, SOON};
use e2e::controller::Controller;
use e2e::wait::eventually;
use serde_json::{Value, json};

use crate::support::{alone_with_crds, query};

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
