//! Deletion and reinstallation of the CRD of rules.

use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RULER};
use serde_json::json;

use crate::rulers::{mounted, mounts, rule, ruler, template};
use crate::support::{KINDS, alone_with_crds, install, uninstall};

/// Time until a deleted or reinstalled CRD is detected and its objects are listed.
const FOLLOWED: Duration = Duration::from_secs(40);

#[tokio::test]
async fn rules_stay_mounted_while_the_prometheus_rule_crd_is_deleted() {
    let cluster = Cluster::of(RULER, "frozen").await;
    let _alone = alone_with_crds().await;
    for kind in KINDS {
        install(&cluster, kind).await;
    }
    let mut controller = Controller::start(&cluster, &[]).await;
    let labels = json!({});
    cluster
        .apply(rule("a", &labels, &[("Stays", "up == 0")]))
        .await;
    cluster
        .apply(rule("b", &labels, &[("Deleted", "up == 1")]))
        .await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    mounts(&cluster, &["Stays", "Deleted"], &[]).await;
    let (before, files) = (template(&cluster).await, mounted(&cluster).await);

    uninstall(&cluster, "prometheusrules").await;
    cluster
        .reports("x", "Frozen", ("status", "True"), FOLLOWED)
        .await;
    assert_eq!(mounted(&cluster).await, files, "rules stay");
    // Also after a restart of the controller.
    controller.kill();
    let controller = Controller::start(&cluster, &[]).await;
    cluster
        .condition("x", "RulesAccepted", "RulesUnreadable")
        .await;
    cluster.condition("x", "Frozen", "CRDRemoved").await;
    assert_eq!(mounted(&cluster).await, files, "rules stay");

    install(&cluster, "prometheusrules").await;
    cluster
        .apply(rule("a", &labels, &[("Stays", "up == 0")]))
        .await;
    cluster
        .apply(rule("c", &labels, &[("Created", "up == 2")]))
        .await;
    let attempt = async || {
        let files = mounted(&cluster).await;
        let whole =
            files.contains("Stays") && files.contains("Created") && !files.contains("Deleted");
        e2e::wait::check(whole, || files)
    };
    e2e::wait::eventually("only recreated rules are mounted", FOLLOWED, attempt).await;
    cluster
        .reports("x", "Frozen", ("status", "False"), FOLLOWED)
        .await;
    assert_eq!(template(&cluster).await, before, "nothing restarts");
    drop(controller);
}
