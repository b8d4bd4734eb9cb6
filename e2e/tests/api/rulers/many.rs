//! Many rules, and oversized groups.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::cluster::{Cluster, SOON};
use e2e::controller::{Controller, RULER, http_get};
use e2e::wait::{check, eventually};
use futures::StreamExt;
use kube::api::{ListParams, PostParams};
use serde_json::json;

use super::{ACCEPTED, OPERATED, SET, mounts, rule, ruler, status_has};
use crate::support::with_crds;

/// PrometheusRules, and rules of each.
const RULES: (usize, usize) = (5000, 50);

/// Maximum response time of `/livez`: a leader has to renew its lease within 10 s, and the kubelet counts a
/// failure after the same time.
const BUSY: Duration = Duration::from_secs(5);

/// Probes `/livez` until aborted, and records the slowest response.
fn alive(address: String) -> (tokio::task::JoinHandle<()>, Arc<Mutex<Duration>>) {
    let slowest = Arc::new(Mutex::new(Duration::ZERO));
    let found = slowest.clone();
    let task = tokio::spawn(async move {
        loop {
            let start = Instant::now();
            let is_alive = matches!(http_get(&address, "/livez").await, Ok((200, _)));
            let took = if is_alive {
                start.elapsed()
            } else {
                Duration::MAX
            };
            {
                let mut slowest = found.lock().unwrap();
                *slowest = took.max(*slowest);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    (task, slowest)
}

/// Permits the controller to hold its lease in the namespace of the test.
async fn permit_leases(cluster: &Cluster) {
    let group = "rbac.authorization.k8s.io";
    cluster
        .apply(json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": {"name": "leases"},
            "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]}],
        }))
        .await;
    cluster
        .apply(json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": "leases"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "leases"},
            "subjects": [{"kind": "User", "apiGroup": group, "name": RULER.user()}],
        }))
        .await;
}

/// Takes 60 s: only this many rules show that rendering them blocks neither the lease nor `/livez`.
#[tokio::test(flavor = "multi_thread")]
async fn a_quarter_of_a_million_rules_are_mounted_while_the_leader_stays_alive() {
    let cluster = Cluster::of(RULER, "many").await;
    let _crds = with_crds(&cluster).await;
    let rules = cluster.api(&json!({"apiVersion": OPERATED, "kind": "PrometheusRule"}));
    let alerts: Vec<_> = (0..RULES.1)
        .map(|i| json!({"alert": format!("A{i}"), "expr": "up == 0"}))
        .collect();
    let groups = json!([{"name": "g", "rules": alerts}]);
    let made = (0..RULES.0).map(|i| {
        let (rules, groups) = (rules.clone(), groups.clone());
        async move {
            let mut body = rule(&format!("r{i}"), &json!({}), &[]);
            body["spec"]["groups"] = groups;
            let body = serde_json::from_value(body).unwrap();
            rules.create(&PostParams::default(), &body).await.unwrap();
        }
    });
    futures::stream::iter(made)
        .buffer_unordered(16)
        .collect::<Vec<()>>()
        .await;
    let lease = format!("--lease-namespace={}", cluster.namespace);
    permit_leases(&cluster).await;
    let mut controller = Controller::start(&cluster, &["--leader-elect", &lease]).await;
    let (task, slowest) = alive(controller.address.clone());
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    let attempt = async || {
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
        check(files == RULES.0, || format!("{files} files"))
    };
    eventually("all rules are mounted", 9 * SOON, attempt).await;
    status_has(&cluster, "/rules/evaluated", json!(RULES.0 * RULES.1)).await;
    task.abort();
    let slowest = *slowest.lock().unwrap();
    println!("the slowest answer of /livez took {slowest:.1?}");
    assert!(slowest < BUSY, "{slowest:?}");
    assert!(controller.is_running(), "the lease was lost");
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn an_oversized_group_is_rejected_with_its_size() {
    let cluster = Cluster::of(RULER, "large").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    cluster
        .apply(rule("small", &json!({}), &[("Small", "up == 0")]))
        .await;
    // The API server accepts up to 1.5 MiB.
    let large = |bytes: usize| {
        let rules =
            json!([{"alert": "Large", "expr": "up", "annotations": {"d": "x".repeat(bytes)}}]);
        let mut large = rule("large", &json!({}), &[("g", "up")]);
        large["spec"]["groups"] = json!([{"name": "large", "rules": rules}]);
        large
    };
    cluster.apply(large(1_200_000)).await;
    mounts(&cluster, &["\"Small\""], &["\"Large\""]).await;
    let ruler = cluster
        .condition("x", "RulesAccepted", "SomeRejected")
        .await;
    let first = &ruler["status"]["rejectedRules"][0];
    assert!(
        first["message"].as_str().unwrap().contains("1171 KiB"),
        "{first}"
    );
    cluster.apply(large(500_000)).await;
    mounts(&cluster, &["\"Small\"", "\"Large\""], &[]).await;
    cluster.condition("x", "RulesAccepted", ACCEPTED).await;
    controller.assert_quiet(&[]);
}
