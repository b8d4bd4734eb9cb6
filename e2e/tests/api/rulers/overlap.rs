//! A Prometheus evaluates the same rules, and then no more.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RULER};
use serde_json::{Value, json};

use super::{OPERATED, mounts, rule, ruler, status_has, template};
use crate::support::{prometheus, with_definitions};

const SHADOW: &str = "\"thanos_shadow\": \"true\"";

fn both(name: &str) -> Value {
    let mut both = rule(name, &json!({"team": "a"}), &[("Down", "up == 0")]);
    let record = json!({"record": "up:sum", "expr": "sum(up)"});
    both["spec"]["groups"][0]["rules"]
        .as_array_mut()
        .unwrap()
        .push(record);
    both
}

#[tokio::test]
async fn what_prometheus_evaluates_is_silent_here_until_it_does_not() {
    let cluster = Cluster::of(RULER, "overlap").await;
    let _definitions = with_definitions(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(both("r")).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    let before = template(&cluster).await;

    let selects = |team: &str| {
        let selector = json!({"matchLabels": {"team": team}});
        prometheus("k8s", json!({"ruleSelector": selector}))
    };
    cluster.apply(selects("a")).await;
    mounts(&cluster, &["Down", SHADOW], &["up:sum"]).await;
    status_has(&cluster, "/rules/shadowed", json!(1)).await;
    status_has(&cluster, "/rules/leftOut", json!(1)).await;
    let by = format!("Prometheus {}/k8s", cluster.namespace);
    status_has(&cluster, "/overlaps/0/evaluatedBy", json!(by)).await;

    cluster.apply(selects("b")).await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    cluster.apply(selects("a")).await;
    mounts(&cluster, &["Down", SHADOW], &["up:sum"]).await;

    // Prometheus Operator refuses an object as a whole: then nobody else has what is good in it.
    let mut broken = both("r");
    broken["spec"]["groups"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "bad", "rules": [{"alert": "Bad", "expr": "sum("}]}));
    cluster.apply(broken).await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    cluster.apply(both("r")).await;
    mounts(&cluster, &["Down", SHADOW], &["up:sum"]).await;

    cluster.delete(OPERATED, "Prometheus", "k8s").await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    assert_eq!(template(&cluster).await, before, "nothing restarts");
    controller.assert_quiet(&[]);
}

/// The kind of the same name, of Prometheus Operator itself, in the same namespace.
#[tokio::test]
async fn the_ruler_of_prometheus_operator_is_somebody_else() {
    let cluster = Cluster::of(RULER, "namesake").await;
    let _definitions = with_definitions(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(both("r")).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    cluster
        .apply(json!({
            "apiVersion": OPERATED, "kind": "ThanosRuler", "metadata": {"name": "x"},
            "spec": {"ruleSelector": {}, "queryEndpoints": ["dnssrv+_http._tcp.q.ns.svc"]},
        }))
        .await;
    mounts(&cluster, &["Down", SHADOW], &["up:sum"]).await;
    let by = format!("ThanosRuler {}/x", cluster.namespace);
    status_has(&cluster, "/overlaps/0/evaluatedBy", json!(by)).await;
    // Nothing of ours is called as its things are.
    for kind in ["ConfigMap", "Service", "ServiceAccount"] {
        let names = cluster.names("v1", kind).await;
        let clash = names.iter().find(|n| n.starts_with("thanos-ruler-"));
        assert_eq!(clash, None);
    }
    cluster.delete(OPERATED, "ThanosRuler", "x").await;
    mounts(&cluster, &["Down", "up:sum"], &[SHADOW]).await;
    controller.assert_quiet(&[]);
}
