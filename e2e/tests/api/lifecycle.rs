//! From nothing to everything, and back.

use std::time::Duration;

use e2e::cluster::{Cluster, SOON};
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::support::{
    all_pods_ready, assert_rendered_is_applied, endpoints, owned, prometheus, prometheus_service,
    query, service_monitor, with_crds,
};

#[tokio::test]
async fn an_empty_spec_gives_a_working_querier() {
    let cluster = Cluster::new("empty").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    for (name, spec) in [
        ("nothing", json!({})),
        (
            "gates",
            json!({"featureGates": {"enablePrometheusOperatorCRDs": true}}),
        ),
        ("selector", json!({"serviceMonitorSelector": {}})),
        (
            "discovery",
            json!({"serviceDiscovery": {"prometheusServiceMonitors": {"enabled": true}}}),
        ),
    ] {
        let it = cluster.apply(query(name, spec)).await;
        cluster.condition(name, "Reconciled", "Applied").await;
        let object = cluster.condition(name, "Available", "NoPodReady").await;
        assert_eq!(object["status"]["observedGeneration"], 1);
        let children = owned(&cluster, it.metadata.uid.as_deref().unwrap()).await;
        assert!(
            children
                .iter()
                .any(|c| c.types.as_ref().unwrap().kind == "Deployment"),
            "{name}"
        );
    }
    all_pods_ready(&cluster).await;
    for name in ["nothing", "gates", "selector", "discovery"] {
        let object = cluster.condition(name, "Ready", "Ready").await;
        assert_eq!(object["status"]["readyReplicas"], 1);
    }
    assert_rendered_is_applied(&cluster).await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_prometheus_without_a_sidecar_is_bridged_and_one_with_a_sidecar_is_not() {
    let cluster = Cluster::new("bridge").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(prometheus("k8s", json!({}))).await;
    cluster.apply(prometheus_service("k8s")).await;
    cluster
        .apply(service_monitor(
            "k8s",
            json!({"app": "p"}),
            json!({"app": "k8s"}),
        ))
        .await;
    cluster
        .apply(query(
            "q",
            json!({"serviceMonitorSelector": {"matchLabels": {"app": "p"}}}),
        ))
        .await;
    let object = cluster
        .condition("q", "EndpointsResolved", "Resolved")
        .await;
    let via: Vec<&Value> = list(&object["status"]["endpoints"])
        .iter()
        .map(|e| &e["via"])
        .collect();
    assert_eq!(via, ["Bridge", "Bridge"]);
    let first = &object["status"]["endpoints"][0];
    let namespace = &cluster.namespace;
    assert_eq!(first["serviceMonitor"], format!("{namespace}/k8s"));
    assert_eq!(first["service"], format!("{namespace}/prometheus-k8s"));
    assert_eq!(first["prometheus"], format!("{namespace}/k8s"));
    assert_eq!(first["pod"], format!("{namespace}/prometheus-k8s-0"));
    assert_eq!(bridges(&cluster).await.len(), 2);
    assert_rendered_is_applied(&cluster).await;

    // Its replica label is learned.
    let labels = list(&object["status"]["replicaLabels"]).clone();
    assert!(labels.contains(&json!("prometheus_replica")), "{labels:?}");

    // Sidecars are switched on: the endpoints move, the bridges go, the queriers stay.
    let before = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    cluster
        .apply(prometheus("k8s", json!({"thanos": {}})))
        .await;
    let first = format!("dns+prometheus-k8s-0.prometheus-operated.{namespace}.svc:10901");
    let second = format!("dns+prometheus-k8s-1.prometheus-operated.{namespace}.svc:10901");
    endpoints(&cluster, "q", &[&first, &second], &["sidecar"]).await;
    let is_deleted = async || {
        let left = bridges(&cluster).await;
        check(left.is_empty(), || format!("{left:?}"))
    };
    eventually("bridges are deleted", SOON, is_deleted).await;
    let after = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    assert_eq!(
        before["metadata"]["generation"],
        after["metadata"]["generation"]
    );
    assert_rendered_is_applied(&cluster).await;
    controller.assert_quiet(&[]);
}

async fn bridges(cluster: &Cluster) -> Vec<String> {
    let mut names = cluster.names("apps/v1", "Deployment").await;
    names.retain(|n| n.starts_with("thanos-sidecar-"));
    names
}

#[tokio::test]
async fn a_selector_that_matches_nothing_names_the_nearest_candidates() {
    let cluster = Cluster::new("nearest").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster
        .apply(service_monitor(
            "near",
            json!({"team": "a", "app": "x"}),
            json!({}),
        ))
        .await;
    let selector = json!({"matchLabels": {"team": "a", "tier": "gold"}});
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": selector})))
        .await;
    let object = cluster
        .condition("q", "EndpointsResolved", "SelectorMatchesNothing")
        .await;
    let message = condition(&object, "EndpointsResolved")["message"]
        .as_str()
        .unwrap();
    assert!(
        message.contains("near") && message.contains("team=a") && message.contains("tier"),
        "{message}"
    );
    // The hint follows: what it names changes.
    cluster
        .apply(service_monitor(
            "near",
            json!({"team": "a", "tier": "gold"}),
            json!({}),
        ))
        .await;
    cluster
        .condition("q", "EndpointsResolved", "NoEndpoints")
        .await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn labelled_components_join_and_leave() {
    let cluster = Cluster::new("component").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    cluster
        .condition("q", "EndpointsResolved", "NoEndpoints")
        .await;
    let labels =
        json!({"app.kubernetes.io/part-of": "thanos", "operator.thanos.io/store-api": "true"});
    let service = |name: &str, port: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels},
            "spec": {"clusterIP": "None", "ports": [{"name": port, "port": 10901}]},
        })
    };
    cluster.apply(service("store", "grpc")).await;
    let address = format!("dnssrv+_grpc._tcp.store.{}.svc", cluster.namespace);
    endpoints(&cluster, "q", &[&address], &[]).await;
    cluster.apply(service("portless", "http")).await;
    let object = cluster
        .condition("q", "EndpointsResolved", "SomeSkipped")
        .await;
    assert_eq!(object["status"]["skipped"][0]["reason"], "NoGrpcPort");
    assert_rendered_is_applied(&cluster).await;
    cluster.delete("v1", "Service", "store").await;
    endpoints(&cluster, "q", &[], &[&address]).await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn unplanned_objects_are_pruned_and_deleting_removes_everything() {
    let cluster = Cluster::new("prune").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let it = cluster
        .apply(query("q", json!({"queryFrontend": {}})))
        .await;
    let uid = it.metadata.uid.unwrap();
    cluster.condition("q", "Reconciled", "Applied").await;
    let with = owned(&cluster, &uid).await.len();
    assert!(
        cluster
            .get("apps/v1", "Deployment", "thanos-query-frontend-q")
            .await
            .is_some()
    );
    assert_rendered_is_applied(&cluster).await;

    cluster.apply(query("q", json!({}))).await;
    let is_deleted = async || {
        let frontend = cluster
            .get("apps/v1", "Deployment", "thanos-query-frontend-q")
            .await;
        check(frontend.is_none(), || "still there".into())
    };
    eventually("the frontend is deleted", SOON, is_deleted).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    assert!(owned(&cluster, &uid).await.len() < with);

    cluster
        .delete("monitoring.thanos.io/v1alpha1", "ThanosQuery", "q")
        .await;
    let nothing = async || {
        let left = owned(&cluster, &uid).await.len();
        check(left == 0, || format!("{left} are left"))
    };
    // The collector takes up to half a minute to detect a new CRD.
    eventually("garbage is collected", Duration::from_secs(90), nothing).await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_section_that_an_apply_empties_stays() {
    let cluster = Cluster::new("section").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let frontend = || cluster.get("apps/v1", "Deployment", "thanos-query-frontend-q");
    cluster
        .apply(query("q", json!({"queryFrontend": {"logLevel": "debug"}})))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let uid = frontend().await.unwrap()["metadata"]["uid"].clone();
    cluster
        .apply(query("q", json!({"queryFrontend": {}})))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    assert_eq!(frontend().await.unwrap()["metadata"]["uid"], uid);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn generated_service_monitors_are_not_discovered() {
    let cluster = Cluster::new("own").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    // It scrapes everything here, so every application leads to it.
    cluster
        .apply(prometheus("k8s", json!({"thanos": {}})))
        .await;
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": {}})))
        .await;
    let own = async || {
        let names = cluster
            .names("monitoring.coreos.com/v1", "ServiceMonitor")
            .await;
        check(names == ["thanos-query-q"], || format!("{names:?}"))
    };
    eventually("our own ServiceMonitor is there", SOON, own).await;
    cluster
        .apply(query(
            "q",
            json!({"serviceMonitorSelector": {}, "replicas": 2}),
        ))
        .await;
    let object = cluster
        .condition("q", "EndpointsResolved", "SelectorMatchesNothing")
        .await;
    assert_eq!(object["status"]["endpointsTotal"], 0);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_paused_resource_keeps_its_objects_unchanged() {
    let cluster = Cluster::new("paused").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    cluster
        .apply(query("q", json!({"paused": true, "replicas": 3})))
        .await;
    cluster.condition("q", "Reconciled", "Paused").await;
    let deployment = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    assert_eq!(deployment["spec"]["replicas"], 1);
    cluster.apply(query("q", json!({"replicas": 3}))).await;
    let object = cluster.condition("q", "Reconciled", "Applied").await;
    assert_eq!(object["status"]["paused"], Value::Null);
    let deployment = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    assert_eq!(deployment["spec"]["replicas"], 3);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn the_scale_subresource_works() {
    let cluster = Cluster::new("scale").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    let object = cluster.condition("q", "Reconciled", "Applied").await;
    let selector = object["status"]["selector"].as_str().unwrap();
    let deployment = cluster
        .get("apps/v1", "Deployment", "thanos-query-q")
        .await
        .unwrap();
    for (key, value) in deployment["spec"]["selector"]["matchLabels"]
        .as_object()
        .unwrap()
    {
        let pair = format!("{key}={}", value.as_str().unwrap());
        assert!(
            selector.split(',').any(|p| p == pair),
            "{pair} is not in {selector}"
        );
    }
    let api = cluster.api(&query("q", json!({})));
    let patch = kube::api::Patch::Merge(json!({"spec": {"replicas": 4}}));
    let scaled = api
        .patch_scale("q", &Default::default(), &patch)
        .await
        .unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(4));
    let attempt = async || {
        let deployment = cluster
            .get("apps/v1", "Deployment", "thanos-query-q")
            .await
            .unwrap();
        check(deployment["spec"]["replicas"] == 4, || {
            deployment["spec"]["replicas"].to_string()
        })
    };
    eventually("the Deployment follows", SOON, attempt).await;
    controller.assert_quiet(&[]);
}

fn list(value: &Value) -> &Vec<Value> {
    value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"))
}

fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let all = list(&object["status"]["conditions"]);
    all.iter()
        .find(|c| c["type"] == type_)
        .unwrap_or_else(|| panic!("no {type_} in {all:?}"))
}
