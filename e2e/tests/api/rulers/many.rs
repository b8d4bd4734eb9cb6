//! Many rules, and large ones.

use e2e::cluster::{Cluster, SOON};
use e2e::controller::{Controller, RULER};
use e2e::wait::{check, eventually};
use futures::StreamExt;
use kube::api::{ListParams, PostParams};
use serde_json::json;

use super::{OPERATED, SET, mounts, rule, ruler, status_has};
use crate::support::with_definitions;

const RULES: usize = 5000;

#[tokio::test]
async fn thousands_of_rules_are_mounted() {
    let cluster = Cluster::of(RULER, "many").await;
    let _definitions = with_definitions(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let rules = cluster.api(&json!({"apiVersion": OPERATED, "kind": "PrometheusRule"}));
    let made = (0..RULES).map(|i| {
        let rules = rules.clone();
        async move {
            let body = rule(&format!("r{i}"), &json!({}), &[("g", "up == 0")]);
            let body = serde_json::from_value(body).unwrap();
            rules.create(&PostParams::default(), &body).await.unwrap();
        }
    });
    futures::stream::iter(made)
        .buffer_unordered(16)
        .collect::<Vec<()>>()
        .await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    let look = async || {
        let maps = cluster.api(&json!({"apiVersion": "v1", "kind": "ConfigMap"}));
        let all = maps.list(&ListParams::default()).await.unwrap().items;
        let files = |map: &kube::api::DynamicObject| {
            let name = map.metadata.name.as_deref().unwrap_or_default();
            let is_rules = name.starts_with(&format!("{SET}-rules-"));
            let data = map.data["data"].as_object().filter(|_| is_rules);
            let keys = data.into_iter().flat_map(serde_json::Map::keys);
            keys.filter(|key| !key.starts_with("digest-")).count()
        };
        let files: usize = all.iter().map(files).sum();
        check(files == RULES, || format!("{files} files"))
    };
    eventually("all rules are mounted", SOON * 2, look).await;
    status_has(&cluster, "/rules/evaluated", json!(RULES)).await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn what_is_too_large_is_told_by_its_size() {
    let cluster = Cluster::of(RULER, "large").await;
    let _definitions = with_definitions(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    cluster
        .apply(rule("small", &json!({}), &[("Small", "up == 0")]))
        .await;
    // The API server takes no more than 1.5 MiB.
    let large = |bytes: usize| {
        let rules =
            json!([{"alert": "Large", "expr": "up", "annotations": {"d": "x".repeat(bytes)}}]);
        let mut large = rule("large", &json!({}), &[("g", "up")]);
        large["spec"]["groups"] = json!([{"name": "large", "rules": rules}]);
        large
    };
    cluster.apply(large(1_200_000)).await;
    mounts(&cluster, &["\"Small\""], &["\"Large\""]).await;
    let told = cluster
        .condition("x", "RulesAccepted", "SomeRejected")
        .await;
    let first = &told["status"]["rejectedRules"][0];
    assert!(
        first["message"].as_str().unwrap().contains("1171 KiB"),
        "{first}"
    );
    cluster.apply(large(500_000)).await;
    mounts(&cluster, &["\"Small\"", "\"Large\""], &[]).await;
    cluster.condition("x", "RulesAccepted", "Accepted").await;
    controller.assert_quiet(&[]);
}
