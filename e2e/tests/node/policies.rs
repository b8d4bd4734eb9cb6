//! Verdicts on NetworkPolicies, against a node that enforces them: packet filters are derived from
//! the policies of the cluster, in the namespace of the node.

use std::process::Command;
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::support::{
    STARTED, endpoints, fixture, is, monitoring, pods, prometheus_settled, promql, querier, without,
};

const TABLE: &str = "e2e_policies";

/// Drops what the ingress policies of a namespace do not admit, until dropped itself.
struct Enforced;

impl Drop for Enforced {
    fn drop(&mut self) {
        // The table may not have been made.
        let _ = nft(&format!("delete table ip {TABLE}"));
    }
}

fn nft(rules: &str) -> bool {
    let namespace = std::env::var("THANOS_CLUSTER_NETNS").expect("set by hack/cluster.sh env");
    let net = format!("--net={namespace}");
    let mut child = Command::new("nsenter")
        .args([&net, "nft", "-f", "-"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    use std::io::Write;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(rules.as_bytes())
        .unwrap();
    child.wait().unwrap().success()
}

fn matches(selector: &Value, pod: &DynamicObject) -> bool {
    let desired = selector["matchLabels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let expressions = selector["matchExpressions"].as_array().map_or(0, Vec::len);
    assert_eq!(expressions, 0, "only matchLabels are understood here");
    desired
        .iter()
        .all(|(k, v)| pod.labels().get(k).map(String::as_str) == v.as_str())
}

fn address(pod: &DynamicObject) -> Option<&str> {
    pod.data["status"]["podIP"].as_str()
}

/// Packet filters that do what the ingress rules of the namespace's policies say, for pods to pods.
async fn enforce(cluster: &Cluster) -> Enforced {
    let api = cluster.api(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}));
    let policies = api.list(&Default::default()).await.unwrap().items;
    let pods = pods(cluster, "").await;
    let mut accept = String::new();
    let mut govern = std::collections::BTreeMap::new();
    for policy in &policies {
        let spec = &policy.data["spec"];
        for target in pods.iter().filter(|p| matches(&spec["podSelector"], p)) {
            let Some(to) = address(target) else { continue };
            govern.insert(to.to_owned(), listening(target));
            for rule in spec["ingress"].as_array().into_iter().flatten() {
                let ports: Vec<String> = rule["ports"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|p| p["protocol"] != "UDP")
                    .map(|p| p["port"].to_string())
                    .collect();
                let port = match ports.is_empty() {
                    true => String::new(),
                    false => format!("tcp dport {{ {} }}", ports.join(", ")),
                };
                match rule["from"].as_array() {
                    None => accept.push_str(&format!("ip daddr {to} {port} accept\n")),
                    Some(peers) => {
                        let from = pods
                            .iter()
                            .filter(|p| peers.iter().any(|peer| matches(&peer["podSelector"], p)));
                        for from in from.filter_map(address) {
                            accept.push_str(&format!(
                                "ip saddr {from} ip daddr {to} {port} accept\n"
                            ));
                        }
                    }
                }
            }
        }
    }
    // Without connection tracking: a connection that is open must stop as well.
    let drop: String = govern
        .iter()
        .filter(|(_, ports)| !ports.is_empty())
        .map(|(to, ports)| {
            let from = "ip saddr 10.244.0.2-10.244.0.254";
            format!("{from} ip daddr {to} tcp dport {{ {ports} }} drop\n")
        })
        .collect();
    let _ = nft(&format!("delete table ip {TABLE}"));
    let rules = format!(
        "table ip {TABLE} {{\n chain forward {{\n type filter hook forward priority -10; policy accept;\n \
         {accept}{drop} }}\n}}\n"
    );
    assert!(nft(&rules), "{rules}");
    Enforced
}

/// The TCP ports that a pod declares.
fn listening(pod: &DynamicObject) -> String {
    let containers = pod.data["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten();
    let ports = containers.filter_map(|c| c["ports"].as_array()).flatten();
    let tcp = ports.filter(|p| p["protocol"] != "UDP");
    let numbers: std::collections::BTreeSet<String> =
        tcp.map(|p| p["containerPort"].to_string()).collect();
    numbers.into_iter().collect::<Vec<_>>().join(", ")
}

/// A value that only Prometheus has: bridges request it for each query.
async fn reachable(cluster: &Cluster) -> Result<(), String> {
    let answer = promql(cluster, &querier("demo"), "count(up)").await?;
    check(answer.value.is_some_and(|v| v > 0.0), || {
        format!("{answer:?}")
    })
}

#[tokio::test]
async fn blocked_and_open_endpoints_are_reported_as_enforced() {
    let cluster = monitoring().await;
    prometheus_settled(&cluster, false).await;
    cluster.apply(fixture("demo/demo.yaml")).await;
    let object = is(&cluster, "demo", "Ready", "True", STARTED).await;
    assert_eq!(endpoints(&object).len(), 2);
    cluster
        .condition("demo", "EndpointsResolved", "BlockedByNetworkPolicy")
        .await;
    let enforced = enforce(&cluster).await;
    let refused = async || match reachable(&cluster).await {
        Ok(()) => Err("still answered".to_owned()),
        Err(_) => Ok(()),
    };
    eventually(
        "blocked, as the status says",
        Duration::from_secs(90),
        refused,
    )
    .await;
    drop(enforced);

    let mut open = fixture("demo/demo.yaml");
    open["spec"]["networkPolicy"] = json!({"openDiscovered": "SameNamespace"});
    cluster.apply(open).await;
    cluster
        .condition("demo", "EndpointsResolved", "Resolved")
        .await;
    let enforced = enforce(&cluster).await;
    let attempt = async || {
        // Bridges that were made anew have addresses that the filters must know.
        reachable(&cluster).await
    };
    eventually(
        "open, as the status says",
        Duration::from_secs(120),
        attempt,
    )
    .await;
    drop(enforced);
    without(&cluster, "demo").await;
    let api = cluster.api(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}));
    let is_deleted = async || {
        let left: Vec<String> = api
            .list(&Default::default())
            .await
            .unwrap()
            .items
            .iter()
            .map(ResourceExt::name_any)
            .collect();
        check(
            left.iter().all(|n| !n.contains("thanos-query-demo")),
            || format!("{left:?}"),
        )
    };
    eventually("our policy is deleted", Duration::from_secs(30), is_deleted).await;
}
