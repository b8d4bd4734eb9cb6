//! Hashrings come, go and change their tenants: each tenant is in exactly one at any time.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use super::history::{History, members};
use super::kubelet::Kubelet;
use super::{INGESTER, LIMIT, killed, ready, receive, step_of, stored};
use crate::stateful::{change, sets};

fn spec(rings: &Value) -> Value {
    json!({"ingesterSpec": stored(rings)})
}

fn ring(name: &str, tenants: &[&str]) -> Value {
    json!({"name": name, "tenancyConfig": {"tenants": tenants}})
}

/// The hashring that gets the samples of a tenant, of which there must be one and no other.
fn home(file: &[Value], tenant: &str) -> String {
    let takes = |ring: &&Value, all: bool| {
        let tenants = ring["tenants"].as_array().cloned().unwrap_or_default();
        match all {
            true => tenants.is_empty(),
            false => tenants.contains(&json!(tenant)),
        }
    };
    let named: Vec<&Value> = file.iter().filter(|r| takes(r, false)).collect();
    let rest: Vec<&Value> = file.iter().filter(|r| takes(r, true)).collect();
    assert!(rest.len() == 1 && named.len() < 2, "{tenant}: {file:#?}");
    assert!(file.last() == rest.first().copied(), "it comes last");
    let found = named.first().unwrap_or(&rest[0]);
    assert!(!members(found).is_empty(), "{file:#?}");
    found["hashring"].as_str().unwrap().to_owned()
}

/// The hashrings that a tenant had, one after another.
async fn homes(history: &History, tenant: &str) -> Vec<String> {
    let files = history.published("x").await;
    let mut homes: Vec<String> = files.iter().map(|file| home(file, tenant)).collect();
    homes.dedup();
    homes
}

#[tokio::test]
async fn a_tenant_is_in_exactly_one_hashring_at_any_time() {
    let cluster = Cluster::of(RECEIVE, "tenants").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let rest = || ring("default", &[]);
    cluster.apply(receive("x", &spec(&json!([rest()])))).await;
    ready(&cluster).await;

    // One is added; its tenants move when its members are ready.
    kubelet.hold("thanos-receive-ingester-x-a-0");
    let added = json!([rest(), ring("a", &["t1", "t2"])]);
    change(&cluster, "x", spec(&added)).await;
    step_of(
        &cluster,
        "a",
        "Starting",
        "pod thanos-receive-ingester-x-a-0",
    )
    .await;
    assert_eq!(homes(&history, "t1").await, ["default"]);
    let controller = killed(controller, &cluster).await;
    kubelet.release("thanos-receive-ingester-x-a-0");
    ready(&cluster).await;

    // It gets another name, and is another one.
    kubelet.hold("thanos-receive-ingester-x-b-0");
    let renamed = json!([rest(), ring("b", &["t1", "t2"])]);
    change(&cluster, "x", spec(&renamed)).await;
    step_of(
        &cluster,
        "b",
        "Starting",
        "pod thanos-receive-ingester-x-b-0",
    )
    .await;
    let controller = killed(controller, &cluster).await;
    assert_eq!(homes(&history, "t1").await, ["default", "a"]);
    assert!(
        sets(&cluster)
            .await
            .contains(&"thanos-receive-ingester-x-a".to_owned())
    );
    kubelet.release("thanos-receive-ingester-x-b-0");
    ready(&cluster).await;
    let left = ["thanos-receive-ingester-x-b", INGESTER];
    let is_deleted = async || {
        let now = sets(&cluster).await;
        check(now == left, || format!("{now:?}"))
    };
    eventually("hashring a is removed", LIMIT, is_deleted).await;

    // A tenant moves, from one that there is to another.
    let moved = json!([rest(), ring("b", &["t1"])]);
    change(&cluster, "x", spec(&moved)).await;
    ready(&cluster).await;

    // It is removed.
    change(&cluster, "x", spec(&json!([rest()]))).await;
    let it = ready(&cluster).await;
    assert_eq!(it["status"]["hashrings"].as_array().unwrap().len(), 1);
    assert_eq!(sets(&cluster).await, [INGESTER]);
    assert_eq!(
        homes(&history, "t1").await,
        ["default", "a", "b", "default"]
    );
    assert_eq!(
        homes(&history, "t2").await,
        ["default", "a", "b", "default"]
    );
    assert_eq!(homes(&history, "t3").await, ["default"]);
    assert_eq!(history.published("x").await.len(), 5);
    let pvcs = cluster.names("v1", "PersistentVolumeClaim").await;
    assert_eq!(pvcs.len(), 3, "their volumes stay");
    crate::stateful::reported(&cluster, "Hashring", "hashring b: removed").await;
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
}
