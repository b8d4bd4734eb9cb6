//! Every way from one set of Prometheus Operator's kinds to another, while a ThanosQuery that uses
//! them runs; and permissions that are taken and given back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::audit::Mark;
use e2e::cluster::{Cluster, SOON};
use e2e::controller::{Controller, USER};
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::access::Installed;
use crate::support::{
    alone_with_crds, endpoint_file, endpoints, install, prometheus, prometheus_service, query,
    service_monitor, uninstall, with_crds,
};

const KINDS: [(&str, &str); 2] = [
    ("ServiceMonitor", "servicemonitors"),
    ("Prometheus", "prometheuses"),
];

/// Which of the kinds are there, in the order of `KINDS`. Every two neighbours are an edge, and
/// every edge between two sets is one of them.
const WALK: [[bool; 2]; 13] = [
    [false, false],
    [true, false],
    [true, true],
    [false, true],
    [false, false],
    [false, true],
    [true, true],
    [true, false],
    [false, true],
    [true, false],
    [false, false],
    [true, true],
    [false, false],
];

#[test]
fn the_walk_covers_every_capability_transition() {
    let edges: std::collections::BTreeSet<_> = WALK.windows(2).map(|w| (w[0], w[1])).collect();
    assert_eq!(edges.len(), 4 * 3);
}

/// The reason that the status gives for each kind.
async fn reasons(cluster: &Cluster) -> BTreeMap<String, String> {
    let version = "monitoring.thanos.io/v1alpha1";
    let object = cluster.get(version, "ThanosQuery", "q").await.unwrap();
    let kinds = object["status"]["prometheusOperator"]["kinds"]
        .as_array()
        .cloned();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kinds = kinds.unwrap_or_default().into_iter();
    kinds
        .map(|k| (text(&k["kind"]), text(&k["reason"])))
        .collect()
}

/// What the user's GitOps tool puts back.
async fn populate(cluster: &Cluster, there: [bool; 2]) {
    if there[0] {
        let labels = json!({"app": "p"});
        cluster
            .apply(service_monitor("k8s", labels, json!({"app": "k8s"})))
            .await;
    }
    if there[1] {
        cluster
            .apply(prometheus("k8s", json!({"thanos": {}})))
            .await;
    }
}

/// Walks, and says how long each step took and what it cost.
async fn walk(cluster: &Cluster, user: &str, limit: Duration) {
    cluster.apply(prometheus_service("k8s")).await;
    let selector = json!({"matchLabels": {"app": "p"}});
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": selector})))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let address = format!(
        "dns+prometheus-k8s-0.prometheus-operated.{}.svc",
        cluster.namespace
    );
    let mut known = None;
    let mut before = WALK[0];
    for now in &WALK[1..] {
        let mark = Mark::now();
        let start = Instant::now();
        for (i, (_, plural)) in KINDS.iter().enumerate() {
            match (before[i], now[i]) {
                (false, true) => install(cluster, plural).await,
                (true, false) => uninstall(cluster, plural).await,
                _ => {}
            }
        }
        let expected: BTreeMap<String, String> = KINDS
            .iter()
            .zip(now)
            .map(|((kind, _), there)| {
                let reason = if *there { "Enabled" } else { "CRDsAbsent" };
                ((*kind).to_owned(), reason.to_owned())
            })
            .collect();
        let reported = async || {
            let reasons = reasons(cluster).await;
            check(reasons == expected, || format!("{reasons:?}"))
        };
        eventually(&format!("{before:?} → {now:?}"), limit, reported).await;
        let all = if now.iter().all(|t| *t) {
            "Enabled"
        } else {
            "CRDsAbsent"
        };
        cluster
            .condition("q", "PrometheusOperatorIntegration", all)
            .await;
        let took = start.elapsed();
        populate(cluster, *now).await;
        if now.iter().all(|t| *t) {
            cluster.condition("q", "Frozen", "Live").await;
            endpoints(cluster, "q", &[&address], &[]).await;
        }
        if now[0] {
            let monitor = async || {
                let names = cluster
                    .names("monitoring.coreos.com/v1", "ServiceMonitor")
                    .await;
                check(names.contains(&"thanos-query-q".to_owned()), || {
                    format!("{names:?}")
                })
            };
            eventually("a ServiceMonitor for the querier", SOON, monitor).await;
        }
        // What was found once is never lost.
        let version = endpoint_file(cluster, "q").await;
        if let Some(known) = &known {
            assert_eq!(&version, known, "{before:?} → {now:?}");
        } else if now.iter().all(|t| *t) {
            known = Some(version);
        }
        let missing = mark.requests(user);
        let missing = missing
            .iter()
            .filter(|e| e.response_status.code == 404)
            .count();
        println!("{before:?} → {now:?}: {took:?}, {missing} requests for what is missing");
        assert!(missing <= 12, "{missing} requests for what is missing");
        before = *now;
    }
}

#[tokio::test]
async fn every_capability_transition_is_detected_by_watching_crds() {
    let cluster = Cluster::new("edges").await;
    let _alone = alone_with_crds().await;
    for (_, plural) in KINDS {
        uninstall(&cluster, plural).await;
    }
    let mut controller = Controller::start(&cluster, &[]).await;
    walk(&cluster, USER, Duration::from_secs(10)).await;
    assert!(controller.is_running());
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn every_capability_transition_is_detected_by_discovery() {
    let it = Installed::new("edges-role", "namespaced", &[]).await;
    let _alone = alone_with_crds().await;
    for (_, plural) in KINDS {
        uninstall(&it.cluster, plural).await;
    }
    let namespaces = format!("--namespaces={}", it.cluster.namespace);
    let mut controller = Controller::start_as(&it.cluster, &it.home, &[&namespaces]).await;
    let user = it.user("thanos-query-controller");
    // Discovery is polled every 10 s.
    walk(&it.cluster, &user, Duration::from_secs(15)).await;
    assert!(controller.is_running());
    controller.assert_quiet(&[]);
}

/// The rules of a Role, without those about one resource.
fn without(role: &Value, resource: &str) -> Value {
    let mut role = role.clone();
    role["metadata"] = json!({"name": role["metadata"]["name"]});
    role["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    role["kind"] = json!("Role");
    let rules = role["rules"].as_array_mut().unwrap();
    for rule in rules.iter_mut() {
        let resources = rule["resources"].as_array_mut().unwrap();
        resources.retain(|r| r != resource);
    }
    rules.retain(|rule| !rule["resources"].as_array().unwrap().is_empty());
    role
}

#[tokio::test]
async fn granted_and_revoked_permissions_are_detected_without_a_restart() {
    let it = Installed::new("revoked", "namespaced", &[]).await;
    let cluster = &it.cluster;
    let _crds = with_crds(cluster).await;
    let namespaces = format!("--namespaces={}", cluster.namespace);
    let mut controller = Controller::start_as(cluster, &it.home, &[&namespaces]).await;
    cluster.apply(prometheus_service("k8s")).await;
    populate(cluster, [true, true]).await;
    let spec = json!({"serviceMonitorSelector": {"matchLabels": {"app": "p"}}});
    cluster.apply(query("q", spec.clone())).await;
    let address = format!(
        "dns+prometheus-k8s-0.prometheus-operated.{}.svc",
        cluster.namespace
    );
    endpoints(cluster, "q", &[&address], &[]).await;
    cluster
        .condition("q", "PrometheusOperatorIntegration", "Enabled")
        .await;

    let name = "thanos-query-controller";
    let role = cluster
        .get("rbac.authorization.k8s.io/v1", "Role", name)
        .await
        .unwrap();
    cluster.apply(without(&role, "servicemonitors")).await;
    // An open watch outlives the permission; the next write meets the refusal.
    let mut labelled = spec.clone();
    labelled["serviceMonitor"] = json!({"labels": {"release": "x"}});
    let start = Instant::now();
    cluster.apply(query("q", labelled.clone())).await;
    cluster
        .condition("q", "PrometheusOperatorIntegration", "Forbidden")
        .await;
    println!(
        "revoked → Forbidden at the next write: {:?}",
        start.elapsed()
    );
    cluster.condition("q", "Frozen", "CRDRemoved").await;
    assert!(
        endpoint_file(cluster, "q").await.contains(&address),
        "endpoints survive"
    );

    let start = Instant::now();
    cluster.apply(without(&role, "nothing")).await;
    cluster
        .condition("q", "PrometheusOperatorIntegration", "Enabled")
        .await;
    let took = start.elapsed();
    println!("granted → Enabled: {took:?}");
    assert!(took <= Duration::from_secs(12), "{took:?}");
    cluster.condition("q", "Frozen", "Live").await;
    let labels = async || {
        let version = "monitoring.coreos.com/v1";
        let monitor = cluster
            .get(version, "ServiceMonitor", "thanos-query-q")
            .await;
        let label = monitor.unwrap_or_default()["metadata"]["labels"]["release"].clone();
        check(label == "x", || label.to_string())
    };
    eventually("the forbidden change is written", SOON, labels).await;
    assert!(
        endpoint_file(cluster, "q").await.contains(&address),
        "endpoints survive"
    );
    assert!(controller.is_running());
    // The one write that was forbidden.
    controller.assert_quiet(&["reconcile failed"]);
}
