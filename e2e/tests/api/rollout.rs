//! Two pods of a controller side by side, as during a rolling update: one works at a time, and
//! nothing is lost when the work changes hands.

use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use serde_json::json;

use crate::access::Installed;
use crate::support::{query, with_crds};

async fn leads(controller: &Controller) -> bool {
    let metrics = controller.metrics().await;
    let mut lines = metrics.lines();
    let line = lines.find(|l| l.starts_with("leader_election_master_status"));
    line.expect("the metric").ends_with(" 1")
}

async fn start(it: &Installed) -> Controller {
    let namespaces = format!("--namespaces={}", it.cluster.namespace);
    let lease = format!("--lease-namespace={}", it.home);
    let flags = [namespaces.as_str(), "--leader-elect", lease.as_str()];
    Controller::start_as(&it.cluster, &it.home, &flags).await
}

/// Waits until it works; returns how long that took.
async fn led(controller: &Controller, limit: Duration) -> Duration {
    let start = Instant::now();
    let attempt = async || check(leads(controller).await, || "it does not lead".to_owned());
    eventually("it works", limit, attempt).await;
    start.elapsed()
}

/// Changes the ThanosQuery, and returns its last number of replicas.
async fn change(cluster: &Cluster, from: i32, to: i32) -> i32 {
    for replicas in from..=to {
        cluster
            .apply(query("q", json!({"replicas": replicas})))
            .await;
    }
    to
}

async fn arrived(cluster: &Cluster, replicas: i32) {
    cluster.condition("q", "Reconciled", "Applied").await;
    let deployment = cluster.get("apps/v1", "Deployment", "thanos-query-q").await;
    assert_eq!(deployment.unwrap()["spec"]["replicas"], replicas);
}

#[tokio::test]
async fn a_leader_change_loses_no_update() {
    let it = Installed::new("rollout", "namespaced", &[]).await;
    let cluster = &it.cluster;
    let _crds = with_crds(cluster).await;
    let mut first = start(&it).await;
    led(&first, Duration::from_secs(10)).await;
    let mut second = start(&it).await;
    assert!(
        leads(&first).await && !leads(&second).await,
        "one leads, both are ready"
    );

    // The old pod is stopped in the middle of changes.
    let (last, handed_over) = tokio::join!(change(cluster, 1, 20), async {
        let stopped = first.stop().await;
        (stopped, led(&second, Duration::from_secs(10)).await)
    });
    println!(
        "stopped in {:?}, taken over {:?} later",
        handed_over.0, handed_over.1
    );
    assert!(handed_over.1 <= Duration::from_secs(5), "{handed_over:?}");
    arrived(cluster, last).await;
    first.assert_quiet(&[]);

    // The pod that works dies without a word: the Lease runs out.
    let third = start(&it).await;
    assert!(leads(&second).await && !leads(&third).await);
    second.kill();
    let last = change(cluster, 21, 25).await;
    println!(
        "taken over {:?} after a kill",
        led(&third, Duration::from_secs(40)).await
    );
    arrived(cluster, last).await;
    third.assert_quiet(&[]);
}
