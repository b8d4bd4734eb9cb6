//! Bad input names the field, and harms nothing.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use serde_json::{Value, json};

use super::history::History;
use super::kubelet::Kubelet;
use super::{ready, receive, stored};
use crate::stateful::{change, message, refusal};

fn ring(more: &Value) -> Value {
    let mut ring = json!({"name": "a"});
    let more = more.as_object().unwrap().clone();
    ring.as_object_mut().unwrap().extend(more);
    json!({"ingesterSpec": {"hashrings": [ring]}})
}

#[tokio::test]
async fn invalid_specs_are_rejected_by_the_schema() {
    let cluster = Cluster::of(RECEIVE, "refuse").await;
    for (spec, words) in [
        (
            json!({"routerSpec": {"replicationFactor": 3}, "ingesterSpec": {"hashrings": [{"name": "a", "replicas": 2}]}}),
            "at least as many replicas as routerSpec.replicationFactor",
        ),
        (
            json!({"routerSpec": {"replicationFactor": 4}}),
            "routerSpec.replicationFactor",
        ),
        (
            json!({"routerSpec": {"replicationFactor": 0}}),
            "routerSpec.replicationFactor",
        ),
        (
            json!({"routerSpec": {"replicas": 0}}),
            "routerSpec.replicas",
        ),
        (
            json!({"routerSpec": {"externalLabels": {"1x": "y"}}}),
            "externalLabels",
        ),
        (
            json!({"ingesterSpec": {"hashrings": [{"name": "a"}, {"name": "b"}]}}),
            "only one hashring may have no tenants",
        ),
        (
            json!({"ingesterSpec": {"hashrings": [
                {"name": "a"}, {"name": "b", "tenancyConfig": {"tenants": []}},
            ]}}),
            "only one hashring may have no tenants",
        ),
        (
            json!({"ingesterSpec": {"hashrings": [{"name": "A_b"}]}}),
            "name",
        ),
        (
            json!({"ingesterSpec": {"storeSyncDelay": "-1m"}}),
            "storeSyncDelay",
        ),
        (ring(&json!({"replicas": 0})), "replicas"),
        (ring(&json!({"replicas": 1001})), "replicas"),
        (
            ring(&json!({"tenancyConfig": {"tenants": ["team/a"]}})),
            "tenants",
        ),
        (
            ring(&json!({"tenancyConfig": {"tenants": [""]}})),
            "tenants",
        ),
        (ring(&json!({"storage": {"size": "-1Gi"}})), "size"),
        (
            ring(&json!({"tsdbConfig": {"retention": "-1h"}})),
            "retention",
        ),
        (
            ring(&json!({"tsdbConfig": {"maxExemplars": -1}})),
            "maxExemplars",
        ),
        (
            ring(&json!({"asyncForwardWorkerCount": 0})),
            "asyncForwardWorkerCount",
        ),
        (
            ring(&json!({"hashingAlgorithm": "rendezvous"})),
            "hashingAlgorithm",
        ),
        (
            ring(&json!({"objectStorageConfig": {"name": "", "key": "k"}})),
            "objectStorageConfig",
        ),
    ] {
        let answer = cluster.try_apply(&receive("x", &spec)).await;
        let refusal = answer.expect_err(&spec.to_string()).to_string();
        assert!(refusal.contains(words), "{spec}: {refusal}");
    }
    let twice = json!({"ingesterSpec": {"hashrings": [
        {"name": "a", "tenancyConfig": {"tenants": ["x"]}}, {"name": "a"},
    ]}});
    let answer = cluster.try_apply(&receive("x", &twice)).await;
    let refusal = answer.expect_err("a name is given twice").to_string();
    assert!(refusal.contains("hashrings"), "{refusal}");
}

#[tokio::test]
async fn unsupported_volume_changes_are_rejected() {
    let cluster = Cluster::of(RECEIVE, "fixed").await;
    let storage = |storage: Value| ring(&json!({"storage": storage}));
    let first = storage(json!({"size": "20Gi", "storageClass": "a"}));
    cluster.apply(receive("x", &first)).await;
    for (spec, words) in [
        (
            storage(json!({"size": "10Gi", "storageClass": "a"})),
            "cannot become smaller",
        ),
        (
            storage(json!({"storageClass": "a"})),
            "cannot become smaller",
        ),
        (
            storage(json!({"size": "20Gi", "storageClass": "b"})),
            "cannot be changed",
        ),
        (storage(json!({"size": "20Gi"})), "cannot be changed"),
        (ring(&json!({})), "cannot"),
    ] {
        let refusal = refusal(&cluster, "x", &spec).await;
        assert!(refusal.contains(words), "{spec}: {refusal}");
    }
    let same = storage(json!({"size": "20480Mi", "storageClass": "a"}));
    change(&cluster, "x", same).await;
    // Another one may have what it wants.
    let other = json!({"ingesterSpec": {"hashrings": [{"name": "b", "storage": {"size": "1Gi"}}]}});
    change(&cluster, "x", other).await;
}

/// What samples depend on: the hashrings, and which pods run.
async fn state(cluster: &Cluster, kubelet: &Kubelet) -> Value {
    let map = cluster.get("v1", "ConfigMap", super::ROUTER).await.unwrap();
    let pods = kubelet.pods("thanos-receive-").await;
    let uids: Vec<_> = pods.into_iter().map(|p| p.metadata.uid).collect();
    json!([map["data"], uids])
}

#[tokio::test]
async fn invalid_hashrings_beyond_the_schema_are_reported_and_everything_stays() {
    let cluster = Cluster::of(RECEIVE, "invalid").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let tenants =
        |name: &str, tenants: &[&str]| json!({"name": name, "tenancyConfig": {"tenants": tenants}});
    let good = json!([{"name": "default"}, tenants("a", &["x"])]);
    let spec = |hashrings: &Value| json!({"ingesterSpec": stored(hashrings)});
    cluster.apply(receive("x", &spec(&good))).await;
    ready(&cluster).await;
    let before = state(&cluster, &kubelet).await;

    let at = |field: &str| format!("spec.ingesterSpec.hashrings[{field}");
    for (hashrings, field, words) in [
        (
            json!([{"name": "default"}, tenants("a", &["x"]), tenants("b", &["y", "x"])]),
            at("2].tenancyConfig.tenants[1]"),
            "in hashring a already",
        ),
        (
            json!([{"name": "default", "externalLabels": {"cluster": "one"}}, tenants("a", &["x"])]),
            at("0].externalLabels"),
            "$(POD_NAME)",
        ),
        (
            json!([{"name": "default", "tsdbConfig": {"retention": "0s"}}, tenants("a", &["x"])]),
            at("0].tsdbConfig.retention"),
            "",
        ),
        (
            json!([{"name": "default", "hashingAlgorithm": "hashmod", "zoneAwareness": true}]),
            at("0].zoneAwareness"),
            "ketama",
        ),
        (
            json!([
                {"name": "default"},
                {"name": "a", "tenancyConfig": {"tenants": ["*"], "tenantMatcherType": "glob"}},
                tenants("b", &["y"]),
            ]),
            at("2].tenancyConfig.tenants[0]"),
            "is unreachable",
        ),
    ] {
        change(&cluster, "x", spec(&hashrings)).await;
        let reported = cluster.condition("x", "Reconciled", "InvalidSpec").await;
        let text = message(&reported, "Reconciled");
        assert!(text.contains(&field) && text.contains(words), "{text}");
        cluster.condition("x", "Ready", "NotReconciled").await;
        assert_eq!(state(&cluster, &kubelet).await, before, "{hashrings}");
    }
    change(&cluster, "x", spec(&good)).await;
    ready(&cluster).await;
    assert_eq!(state(&cluster, &kubelet).await, before);

    // No volume has no size.
    let nothing = json!([{"name": "default", "storage": {"size": "0"}}]);
    cluster.apply(receive("y", &spec(&nothing))).await;
    let reported = cluster.condition("y", "Reconciled", "InvalidSpec").await;
    let text = message(&reported, "Reconciled");
    assert!(text.contains(&at("0].storage.size")), "{text}");
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}
