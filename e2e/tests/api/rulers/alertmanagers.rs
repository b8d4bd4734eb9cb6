//! Discovery of Alertmanagers and queriers by rulers.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RULER};
use serde_json::{Value, json};

use super::{OPERATED, change, file, file_has, ruler, template};
use crate::support::with_crds;

const ADDRESSES: &str = "thanos-rule-x-alertmanagers";
const CONFIG: &str = "thanos-rule-x-config";

fn alertmanager(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": OPERATED, "kind": "Alertmanager",
        "metadata": {"name": name}, "spec": spec,
    })
}

#[tokio::test]
async fn changed_addresses_restart_no_pod() {
    let cluster = Cluster::of(RULER, "addresses").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    cluster
        .condition("x", "AlertmanagersResolved", "NoAlertmanagers")
        .await;
    cluster
        .condition("x", "QueriersResolved", "NoQueriers")
        .await;
    let before = template(&cluster).await;

    cluster
        .apply(alertmanager("main", json!({"replicas": 2})))
        .await;
    for i in 0..2 {
        let address = format!(
            "alertmanager-main-{i}.alertmanager-operated.{}.svc:9093",
            cluster.namespace
        );
        file_has(
            &cluster,
            ADDRESSES,
            "alertmanagers-http.json",
            &address,
            true,
        )
        .await;
    }
    cluster
        .condition("x", "AlertmanagersResolved", "Resolved")
        .await;
    cluster
        .apply(alertmanager("main", json!({"replicas": 1})))
        .await;
    let second = "alertmanager-main-1.";
    file_has(
        &cluster,
        ADDRESSES,
        "alertmanagers-http.json",
        second,
        false,
    )
    .await;

    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "q", "labels": {
            "app.kubernetes.io/part-of": "thanos", "operator.thanos.io/query-api": "true",
        }},
        "spec": {"clusterIP": "None", "selector": {"a": "b"}, "ports": [{"name": "http", "port": 9090}]},
    });
    cluster.apply(service).await;
    let address = format!("dnssrv+_http._tcp.q.{}.svc", cluster.namespace);
    file_has(
        &cluster,
        "thanos-rule-x-queriers",
        "queriers-http.json",
        &address,
        true,
    )
    .await;
    cluster.condition("x", "QueriersResolved", "Resolved").await;
    cluster.delete("v1", "Service", "q").await;
    file_has(
        &cluster,
        "thanos-rule-x-queriers",
        "queriers-http.json",
        &address,
        false,
    )
    .await;
    assert_eq!(template(&cluster).await, before, "nothing restarts");
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_new_scheme_restarts_pods_once_and_its_block_stays() {
    let cluster = Cluster::of(RULER, "blocks").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    let before = template(&cluster).await;
    let secret = json!({"secret": {"name": "tls", "key": "k"}});
    let tls = json!({"cert": secret, "keySecret": {"name": "tls", "key": "k"}});
    let spec = json!({"web": {"tlsConfig": tls}, "routePrefix": "/am"});
    cluster.apply(alertmanager("secure", spec)).await;
    file_has(
        &cluster,
        CONFIG,
        "alertmanagers.yaml",
        "scheme: https",
        true,
    )
    .await;
    let config = file(&cluster, CONFIG, "alertmanagers.yaml").await;
    assert!(config.contains("path_prefix: \"/am\""), "{config}");
    let attempt = async || {
        let now = template(&cluster).await;
        e2e::wait::check(now != before, || "the same".into())
    };
    e2e::wait::eventually("pods are replaced", e2e::cluster::SOON, attempt).await;
    let with_both = template(&cluster).await;

    cluster.delete(OPERATED, "Alertmanager", "secure").await;
    cluster
        .condition("x", "AlertmanagersResolved", "NoAlertmanagers")
        .await;
    assert_eq!(template(&cluster).await, with_both, "nothing restarts");
    assert_eq!(file(&cluster, CONFIG, "alertmanagers.yaml").await, config);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn alertmanager_urls_are_validated_and_an_empty_one_disables_alerting() {
    let cluster = Cluster::of(RULER, "sources").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let rejected = async |spec: Value, message: &str| {
        let error = cluster.try_apply(&ruler("x", spec)).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    };
    let url = "http://alertmanager.example.com:9093";
    rejected(
        json!({"alertmanagerURL": url, "alertmanagers": {"urls": [url]}}),
        "leave one of them out",
    )
    .await;
    rejected(
        json!({"alertmanagerURL": "alertmanager:9093"}),
        "must be a URL",
    )
    .await;
    let srv = "dnssrv+http://_web._tcp.alertmanager-operated.monitoring.svc";
    cluster
        .apply(ruler("x", json!({"alertmanagerURL": srv})))
        .await;
    let address = "dnssrv+_web._tcp.alertmanager-operated.monitoring.svc";
    file_has(
        &cluster,
        ADDRESSES,
        "alertmanagers-http.json",
        address,
        true,
    )
    .await;
    change(&cluster, json!({"alertmanagerURL": ""})).await;
    cluster
        .condition("x", "AlertmanagersResolved", "AlertingDisabled")
        .await;
    controller.assert_quiet(&[]);
}

/// A policy like that of kube-prometheus.
#[tokio::test]
async fn a_network_policy_that_blocks_rulers_is_reported() {
    let cluster = Cluster::of(RULER, "guarded").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(alertmanager("main", json!({}))).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    cluster
        .condition("x", "AlertmanagersResolved", "Resolved")
        .await;
    let admits = |names: &[&str]| {
        let from: Vec<Value> = names
            .iter()
            .map(|name| json!({"podSelector": {"matchLabels": {"app.kubernetes.io/name": name}}}))
            .collect();
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "guard"},
            "spec": {
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "alertmanager"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": from, "ports": [{"port": 9093, "protocol": "TCP"}]}],
            },
        })
    };
    cluster.apply(admits(&["prometheus"])).await;
    let blocked = cluster
        .condition("x", "AlertmanagersResolved", "BlockedByNetworkPolicy")
        .await;
    let first = &blocked["status"]["alertmanagers"][0];
    assert_eq!(
        first["blockedBy"],
        json!([format!("{}/guard", cluster.namespace)])
    );
    let open_with = first["openWith"].as_str().unwrap();
    assert!(
        open_with.contains("app.kubernetes.io/name=thanos-rule"),
        "{open_with}"
    );
    cluster.apply(admits(&["prometheus", "thanos-rule"])).await;
    cluster
        .condition("x", "AlertmanagersResolved", "Resolved")
        .await;
    controller.assert_quiet(&[]);
}
