//! Definitions of Prometheus Operator go and come back.

use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RULER};
use serde_json::json;

use super::{mounted, mounts, rule, ruler, template};
use crate::support::{KINDS, alone_with_definitions, install, uninstall};

/// Until a definition that went is noticed, and what it led to counts as whole again.
const FOLLOWED: Duration = Duration::from_secs(40);

#[tokio::test]
async fn rules_stay_while_their_definition_is_gone() {
    let cluster = Cluster::of(RULER, "frozen").await;
    let _alone = alone_with_definitions().await;
    for kind in KINDS {
        install(&cluster, kind).await;
    }
    let mut controller = Controller::start(&cluster, &[]).await;
    let labels = json!({});
    cluster
        .apply(rule("a", &labels, &[("Stays", "up == 0")]))
        .await;
    cluster
        .apply(rule("b", &labels, &[("Goes", "up == 1")]))
        .await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    mounts(&cluster, &["Stays", "Goes"], &[]).await;
    let (before, files) = (template(&cluster).await, mounted(&cluster).await);

    uninstall(&cluster, "prometheusrules").await;
    cluster
        .told("x", "Frozen", ("status", "True"), FOLLOWED)
        .await;
    assert_eq!(mounted(&cluster).await, files, "rules stay");
    // Also for a controller that starts only now.
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
        .apply(rule("c", &labels, &[("Comes", "up == 2")]))
        .await;
    let look = async || {
        let files = mounted(&cluster).await;
        let whole = files.contains("Stays") && files.contains("Comes") && !files.contains("Goes");
        e2e::wait::check(whole, || files)
    };
    e2e::wait::eventually("only what is back stays", FOLLOWED, look).await;
    cluster
        .told("x", "Frozen", ("status", "False"), FOLLOWED)
        .await;
    assert_eq!(template(&cluster).await, before, "nothing restarts");
    drop(controller);
}
