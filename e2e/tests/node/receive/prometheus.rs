//! A Prometheus of Prometheus Operator writes to a ThanosReceive, and is queried there.

use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::controller::{QUERY, RECEIVE};
use e2e::wait::{check, eventually};
use serde_json::json;

use super::{CHANGED, KNOWN, RING, VERSION, receive};
use crate::support::{STARTED, fixtures, is, kubectl, promql, querier};

/// Prometheus Operator, Prometheus, whose reloader may notice its configuration 3 minutes after the node
/// renewed it, and the next scrapes.
const WRITTEN: Duration = Duration::from_secs(330);

const PROMETHEUS: &str = "pods/prometheus-second-0:9090";

#[tokio::test]
async fn a_prometheus_writes_and_is_queried_through_thanos() {
    let folder = format!("{}/team-b", fixtures());
    kubectl(&["apply", "--server-side", "-k", &folder]);
    let mut cluster = Cluster::of(RECEIVE, "written").await;
    cluster.namespace = "team-b".to_owned();
    let queries = Cluster {
        client: cluster.client.clone(),
        namespace: cluster.namespace.clone(),
        program: QUERY,
    };
    let mut receiver = receive("written", 1);
    // It keeps what it has, and uploads nothing.
    receiver["spec"]["ingesterSpec"]
        .as_object_mut()
        .unwrap()
        .remove("defaultObjectStorageConfig");
    cluster.apply(receiver).await;
    // It finds no Prometheus by itself.
    let query = json!({
        "apiVersion": VERSION, "kind": "ThanosQuery",
        "metadata": {"name": "written"}, "spec": {},
    });
    cluster.apply(query).await;
    let url = "http://thanos-receive-router-written.team-b.svc:19291/api/v1/receive";
    let patch = json!({"spec": {"remoteWrite": [{"url": url}]}});
    let api = cluster.api(&json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}));
    let patch = kube::api::Patch::Merge(patch);
    api.patch("second", &Default::default(), &patch)
        .await
        .unwrap();
    cluster
        .reports("written", "Ready", ("status", "True"), CHANGED)
        .await;
    is(&queries, "written", "Ready", "True", STARTED).await;

    let target = querier("written");
    let same = async || {
        let ours = promql(&queries, &target, "count(up{prometheus=\"team-b/second\"})").await?;
        let theirs = promql(&queries, PROMETHEUS, "count(up)").await?;
        check(ours.value.is_some() && ours.value == theirs.value, || {
            format!("{ours:?} {theirs:?}")
        })
    };
    eventually("as many targets as Prometheus has", WRITTEN, same).await;
    let member = format!("thanos-receive-ingester-written-{RING}-0");
    let stored = format!("count(up{{replica=\"{member}\"}}) by (tenant_id)");
    let stored = crate::support::query(&queries, &target, &stored, "&dedup=false").await;
    let stored = stored.unwrap();
    assert!(stored.value.is_some_and(|count| count > 0.0), "{stored:?}");

    // Remote write continues, and no sample was dropped.
    let newest = "max(timestamp(up))";
    let first = promql(&queries, &target, newest).await.unwrap().value;
    let newer = async || {
        let now = promql(&queries, &target, newest).await?.value;
        check(now > first, || format!("{now:?}"))
    };
    eventually("newer samples", KNOWN * 2, newer).await;
    let failed = "sum(prometheus_remote_storage_samples_failed_total)";
    let failed = promql(&queries, &target, failed).await.unwrap();
    assert_eq!(failed.value, Some(0.0), "{failed:?}");

    for program in [QUERY, RECEIVE] {
        cluster
            .delete_within(VERSION, program.kind, "written", KNOWN)
            .await;
    }
    kubectl(&["delete", "-k", &folder]);
}
