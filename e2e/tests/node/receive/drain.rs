//! An ingester leaves its hashring: its samples are in the bucket before it is removed.

use std::time::Duration;

use e2e::wait::{check, eventually};
use e2e::writer::{Stream, Writer, now};

use super::checking::{Checker, LAG, window};
use super::{KNOWN, Subject, a_while, blocks_of, whole};
use crate::stores::bucket;
use crate::support::{answer, query_path, stores};

#[tokio::test(flavor = "multi_thread")]
async fn an_ingester_is_removed_when_its_blocks_are_in_the_bucket() {
    let subject = Subject::start("drain", 2).await;
    let (cluster, querier) = (&subject.cluster, subject.querier());
    let leaver = subject.member(1);
    let pvc = format!("data-{leaver}");
    let volume = bucket::volume(&cluster.namespace, &pvc);
    let began = now();
    let writer = Writer::start(Stream::of("written"), subject.transport());
    let account = writer.account();
    let checker = Checker::start(querier.clone(), account.clone());
    a_while(&account).await;

    // Its own samples, which no other ingester has.
    let own = async |until: i64| {
        let (range, time) = window(&account, began, until);
        let query = format!("sum(count_over_time(written{{replica=\"{leaver}\"}}[{range}]))");
        let path = query_path(&query, &format!("&time={time}&dedup=false"));
        answer(&querier(path).await?).map(|answer| answer.value)
    };
    let until = now() - LAG;
    let before = own(until).await.unwrap();
    assert!(before.is_some_and(|count| count > 0.0), "{before:?}");

    checker.step("from 2 to 1 members");
    // What is kept once is away while its pod restarts, and until the store has it. At the end, all of
    // it is counted.
    checker.leave_out_until(i64::MAX);
    subject.resize(1).await;
    checker.leave_out_until(began);
    // Its pod is deleted, and no other could upload them later.
    let (own_blocks, uploaded) = (blocks_of(&volume), bucket::blocks());
    println!("{leaver} had {own_blocks:?}, the bucket {uploaded:?}");
    assert!(!own_blocks.is_empty(), "it had no block");
    assert!(
        own_blocks.is_subset(&uploaded),
        "{own_blocks:?}, but the bucket has {uploaded:?}"
    );
    a_while(&account).await;
    only_the_store_has_it(&subject).await;
    let after = own(until).await.unwrap();
    assert_eq!(after, before, "samples of {leaver}, from the bucket");
    whole(&querier, &account, began).await;
    let kept = cluster.get("v1", "PersistentVolumeClaim", &pvc).await;
    let kept = kept.expect("the PVC is kept");
    assert_eq!(kept["status"]["phase"], "Bound");
    assert_eq!(blocks_of(&volume), own_blocks);

    // It comes back with what it had, which is counted once.
    checker.step("from 1 to 2 members");
    subject.resize(2).await;
    a_while(&account).await;
    let written = writer.end(Duration::from_secs(30)).await;
    println!("{}, slowest {:?}", written.summary(0), written.slowest());
    whole(&querier, &account, began).await;
    checker.end().await.assert_whole();
    assert!(written.lost().is_empty(), "{:?}", written.lost());
    subject.end().await;
}

/// Waits until the querier uses one ingester and the store only.
async fn only_the_store_has_it(subject: &Subject) {
    let leaver = subject.member(1);
    let attempt = async || {
        let all = stores(&subject.of(e2e::controller::QUERY), subject.name).await?;
        let has = all.iter().filter(|s| s["kind"] == "receive");
        let has = has.filter(|s| s["labelSets"].to_string().contains(&leaver));
        let count = has.count();
        check(count == 0, || format!("{all:#?}"))
    };
    eventually("the querier no longer lists it", KNOWN, attempt).await;
}
