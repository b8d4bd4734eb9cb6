//! An untouched kube-prometheus is federated by a ThanosQuery that holds nothing but a selector.

use std::time::Duration;

use e2e::wait::{check, eventually};
use serde_json::json;

use crate::support::{
    STARTED, agrees_with_prometheus, endpoints, fixture, fixtures, is, kubectl, monitoring,
    prometheus_settled, promql, querier, without,
};

#[tokio::test]
async fn an_untouched_prometheus_is_bridged_and_deduplicated() {
    let cluster = monitoring().await;
    prometheus_settled(&cluster, false).await;
    cluster.apply(fixture("demo/demo.yaml")).await;
    let object = is(&cluster, "demo", "Ready", "True", STARTED).await;
    let found = endpoints(&object);
    assert_eq!(found.len(), 2, "{found:?}");
    for (i, (via, address)) in found.iter().enumerate() {
        assert_eq!(via, "Bridge");
        assert!(address.contains("thanos-sidecar-demo"), "{address}");
        let endpoint = &object["status"]["endpoints"][i];
        assert_eq!(endpoint["serviceMonitor"], "monitoring/prometheus-k8s");
        assert_eq!(endpoint["service"], "monitoring/prometheus-k8s");
        assert_eq!(endpoint["prometheus"], "monitoring/k8s");
        assert_eq!(endpoint["pod"], format!("monitoring/prometheus-k8s-{i}"));
        // Nothing enforces policies on this node; the status must tell all the same.
        assert_eq!(endpoint["blockedBy"], json!(["monitoring/prometheus-k8s"]));
        let open = endpoint["openWith"].as_str().unwrap();
        assert!(
            open.contains("thanos-sidecar")
                && open.contains("9090")
                && open.contains("openDiscovered"),
            "{open}"
        );
    }
    let labels = object["status"]["learnedReplicaLabels"].clone();
    assert_eq!(labels, json!(["prometheus_replica"]));

    // Deduplicated: the querier says what one replica says.
    let target = querier("demo");
    let attempt = async || {
        let ours = promql(&cluster, &target, "count(up)").await?;
        let theirs = promql(&cluster, "pods/prometheus-k8s-0:9090", "count(up)").await?;
        let both = promql(
            &cluster,
            &target,
            "count(count by (prometheus_replica) (up))",
        )
        .await?;
        println!("querier {:?}, one replica {:?}", ours.value, theirs.value);
        check(
            ours.value.is_some() && ours.value == theirs.value && both.value == Some(1.0),
            || format!("{ours:?} {theirs:?} {both:?}"),
        )
    };
    eventually("deduplicated answers", Duration::from_secs(60), attempt).await;
    without(&cluster, "demo").await;
}

#[tokio::test]
async fn another_namespace_needs_the_namespace_selector() {
    let cluster = monitoring().await;
    kubectl(&[
        "apply",
        "--server-side",
        "-k",
        &format!("{}/team-b", fixtures()),
    ]);
    let query = fixture("demo/team-b.yaml");
    cluster.apply(query.clone()).await;
    let object = cluster
        .condition("team-b", "EndpointsResolved", "MatchesInOtherNamespaces")
        .await;
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let reported = conditions
        .iter()
        .find(|c| c["type"] == "EndpointsResolved")
        .unwrap();
    assert!(
        reported["message"].as_str().unwrap().contains("team-b/"),
        "{reported}"
    );
    let mut wider = query;
    wider["spec"]["serviceMonitorNamespaceSelector"] =
        json!({"matchLabels": {"kubernetes.io/metadata.name": "team-b"}});
    cluster.apply(wider).await;
    is(&cluster, "team-b", "EndpointsResolved", "True", STARTED).await;
    let object = is(&cluster, "team-b", "Ready", "True", STARTED).await;
    assert_eq!(endpoints(&object).len(), 1);
    assert_eq!(
        object["status"]["endpoints"][0]["prometheus"],
        "team-b/second"
    );
    let target = querier("team-b");
    let attempt = async || {
        let answer = promql(&cluster, &target, "count(up)").await?;
        check(answer.value.is_some_and(|v| v > 0.0), || {
            format!("{answer:?}")
        })
    };
    eventually("the other team's series", Duration::from_secs(90), attempt).await;
    without(&cluster, "team-b").await;
    kubectl(&["delete", "-k", &format!("{}/team-b", fixtures())]);
}

#[tokio::test]
async fn a_selected_application_resolves_to_the_prometheus_that_scrapes_it() {
    let cluster = monitoring().await;
    cluster.apply(fixture("demo/by-application.yaml")).await;
    let object = is(&cluster, "by-application", "Ready", "True", STARTED).await;
    assert_eq!(endpoints(&object).len(), 2);
    let first = &object["status"]["endpoints"][0];
    assert_eq!(first["prometheus"], "monitoring/k8s");
    assert_eq!(
        first["service"],
        serde_json::Value::Null,
        "resolved to the Prometheus that scrapes it"
    );
    agrees_with_prometheus(&cluster, "by-application").await;
    without(&cluster, "by-application").await;
}

#[tokio::test]
async fn a_misspelt_selector_names_the_closest_service_monitor() {
    let cluster = monitoring().await;
    cluster.apply(fixture("demo/misspelt.yaml")).await;
    let object = cluster
        .condition("misspelt", "EndpointsResolved", "SelectorMatchesNothing")
        .await;
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let reported = conditions
        .iter()
        .find(|c| c["type"] == "EndpointsResolved")
        .unwrap();
    let message = reported["message"].as_str().unwrap();
    assert!(message.contains("app.kubernetes.io/name="), "{message}");
    without(&cluster, "misspelt").await;
}

#[tokio::test]
async fn all_pods_run_under_restricted_pod_security() {
    let mut cluster = monitoring().await;
    let name = format!("restricted-{}", std::process::id());
    cluster
        .make_namespace(
            &name,
            json!({"pod-security.kubernetes.io/enforce": "restricted"}),
        )
        .await;
    cluster.namespace = name;
    let query = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery", "metadata": {"name": "q"},
        "spec": {"queryFrontend": {}, "serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": {}},
    });
    cluster.apply(query).await;
    let object = is(&cluster, "q", "Ready", "True", STARTED).await;
    assert!(endpoints(&object).len() >= 2);
    without(&cluster, "q").await;
}
