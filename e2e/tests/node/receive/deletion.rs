//! A ThanosReceive that replicates through Cap'n Proto is deleted, and made again.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::controller::QUERY;
use e2e::wait::{check, eventually};
use e2e::writer::{Stream, Writer, now};
use serde_json::json;

use super::checking::counted;
use super::{KNOWN, Subject, VERSION, a_while, blocks_of, receive, whole};
use crate::stores::bucket;
use crate::support::{answer, query_path, stores};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_receive_uploads_everything_and_keeps_its_volumes() {
    let mut receive = receive("deletion", 3);
    receive["spec"]["routerSpec"]["replicationFactor"] = json!(3);
    receive["spec"]["routerSpec"]["replicationProtocol"] = json!("capnproto");
    let subject = Subject::start_with("deletion", receive.clone(), 3).await;
    let (cluster, querier, name) = (&subject.cluster, subject.querier(), subject.name);
    let argument = "--receive.replication-protocol=capnproto";
    subject.run_with("thanos-receive-router", argument, 2).await;

    let began = now();
    let writer = Writer::start(Stream::of("deleted"), subject.transport());
    let account = writer.account();
    a_while(&account).await;
    whole(&querier, &account, began).await;
    let written = writer.end(Duration::from_secs(30)).await;
    println!("{}, slowest {:?}", written.summary(0), written.slowest());
    assert!(written.lost().is_empty(), "{:?}", written.lost());
    for member in subject.members(3) {
        let query = format!("count(last_over_time(deleted{{replica=\"{member}\"}}[5m]))");
        let path = query_path(&query, "&dedup=false");
        let series = answer(&querier(path).await.unwrap()).unwrap().value;
        assert!(series > Some(0.0), "{member} has {series:?}");
    }

    cluster
        .delete_within(VERSION, "ThanosReceive", name, KNOWN)
        .await;
    subject.emptied().await;
    let mut on_volumes = BTreeSet::new();
    for member in subject.members(3) {
        let pvc = format!("data-{member}");
        let kept = cluster.get("v1", "PersistentVolumeClaim", &pvc).await;
        let kept = kept.unwrap_or_else(|| panic!("{pvc} is deleted"));
        assert_eq!(kept["status"]["phase"], "Bound");
        on_volumes.extend(blocks_of(&bucket::volume(&cluster.namespace, &pvc)));
    }
    let uploaded = bucket::blocks();
    assert!(on_volumes.len() >= 3, "{on_volumes:?}");
    assert!(
        on_volumes.is_subset(&uploaded),
        "{on_volumes:?}, but the bucket has {uploaded:?}"
    );

    // From the bucket alone: all but the newest sample of each series, which stays on the volume.
    let before_newest = written.settled().expect("ticks") - account.stream.every;
    let desired = written.acknowledged(began, before_newest) * account.stream.series;
    let from_store = async || {
        let all = stores(&subject.of(QUERY), name).await?;
        let only_store = all.iter().all(|s| s["kind"] == "store");
        check(only_store, || format!("{all:#?}"))?;
        let found = counted(&querier, &account, began, before_newest).await?;
        check(found == Some(desired as f64), || {
            format!("{found:?} and not {desired}")
        })
    };
    eventually("the store has them", KNOWN, from_store).await;

    // Of the same name, it has the volumes again, and nothing is missing.
    cluster.apply(receive).await;
    subject.stable(3).await;
    subject.is_known(3).await;
    whole(&querier, &account, began).await;
    subject.end().await;
}
