//! The writer and the checker against the real Thanos on this machine, without a cluster: the count is
//! exact while ingesters start and stop, and a gap is detected. And what Thanos does that a controller must
//! know of.

mod thanos;

use e2e::wait::{check, eventually};
use e2e::writer::{Account, Stream, Writer, now};

use self::thanos::{SOON, Thanos};
use super::checking::{Checker, Querier, samples, window};
use super::whole;
use crate::support::{answer, query_path};

/// Queriers, by the way they deduplicate.
const CHAIN: &str = "chain";
const PENALTY: &str = "penalty";

/// Waits until so many ticks more are written.
async fn ticks(account: &Account, more: usize) {
    let all = |account: &Account| account.read(|written| written.ticks().len());
    let desired = all(account) + more;
    let attempt = async || {
        let is = all(account);
        check(is >= desired, || format!("{is} of {desired} ticks"))
    };
    eventually(&format!("{more} more ticks"), SOON * 4, attempt).await;
}

/// The samples that a querier counts less than were acknowledged.
async fn lacks(querier: &Querier, account: &Account, after: i64) -> f64 {
    let until = account.read(|written| written.settled()).unwrap();
    let (range, time) = window(account, after, until);
    let query = format!("sum(count_over_time({}[{range}]))", account.stream.metric);
    let text = querier(query_path(&query, &format!("&time={time}")))
        .await
        .unwrap();
    let found = answer(&text).unwrap().value.unwrap_or_default();
    samples(account, after, until) as f64 - found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_count_is_exact_while_ingesters_start_and_stop() {
    let mut thanos = Thanos::new();
    thanos.ingester(0, &[]).await;
    thanos.ring(&[0]).await;
    thanos.router(1).await;
    let chain = thanos.querier(CHAIN).await;
    let penalty = thanos.querier(PENALTY).await;
    let began = now();
    let writer = Writer::start(Stream::of("written"), thanos.transport());
    let account = writer.account();
    let checker = Checker::start(chain.clone(), account.clone());
    ticks(&account, 60).await;
    println!("penalty lacks {}", lacks(&penalty, &account, began).await);

    checker.step("from 1 to 3 ingesters");
    thanos.ingester(1, &[]).await;
    thanos.ingester(2, &[]).await;
    ticks(&account, 40).await;
    thanos.ring(&[0, 1, 2]).await;
    ticks(&account, 60).await;
    println!("penalty lacks {}", lacks(&penalty, &account, began).await);

    checker.step("every sample three times");
    thanos.router(3).await;
    let replicated = now();
    ticks(&account, 60).await;
    println!("penalty lacks {}", lacks(&penalty, &account, began).await);
    println!(
        "penalty lacks {} of replicated",
        lacks(&penalty, &account, replicated).await
    );

    checker.step("an ingester is killed");
    let began_again = checker.leave_out_until(replicated);
    thanos.kill("ingester-0");
    ticks(&account, 40).await;
    thanos.ingester(0, &[]).await;
    ticks(&account, 60).await;
    println!(
        "penalty lacks {} of replicated",
        lacks(&penalty, &account, replicated).await
    );

    checker.step("every sample once");
    checker.leave_out_until(began_again);
    thanos.router(1).await;
    ticks(&account, 40).await;

    checker.step("from 3 to 2 ingesters");
    thanos.ring(&[0, 1]).await;
    ticks(&account, 60).await;

    let written = writer.end(SOON).await;
    println!("{}", written.summary(0));
    println!("penalty lacks {}", lacks(&penalty, &account, began).await);
    whole(&chain, &account, began).await;
    checker.end().await.assert_whole();
    assert!(written.lost().is_empty(), "{:?}", written.lost());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_detected_and_reported() {
    let mut thanos = Thanos::new();
    for i in 0..3 {
        thanos.ingester(i, &[]).await;
    }
    thanos.ring(&[0, 1, 2]).await;
    thanos.router(1).await;
    let querier = thanos.querier(CHAIN).await;
    let writer = Writer::start(Stream::of("written"), thanos.transport());
    let account = writer.account();
    let checker = Checker::start(querier, account.clone());
    ticks(&account, 60).await;
    assert_eq!(checker.faults_in("the start"), 0);

    checker.step("an ingester is stopped");
    thanos.kill("ingester-1");
    // No other ingester takes its samples.
    let seen = async || {
        let faults = checker.faults_in("an ingester is stopped");
        check(faults > 0, || "no gap yet".to_owned())
    };
    eventually("a gap", SOON, seen).await;
    thanos.ingester(1, &[]).await;
    ticks(&account, 60).await;
    checker.step("it is back");
    ticks(&account, 60).await;
    assert_eq!(checker.faults_in("it is back"), 0);
    let written = writer.end(SOON).await;
    println!("{}", written.summary(0));
    assert!(written.lost().is_empty(), "{:?}", written.lost());
    let checked = checker.end().await;
    let reported = &checked.faults.first().unwrap().what;
    assert!(reported.contains("a gap"), "{reported}");
}

/// Ends the second of two ingesters after the router forgot it, and waits until the store has found
/// what it uploaded. Returns how many samples can no longer be read.
async fn lost_with_the_second(
    thanos: &mut Thanos,
    querier: &Querier,
    account: &Account,
    began: i64,
) -> f64 {
    thanos.end("ingester-1").await;
    ticks(account, 40).await;
    lacks(querier, account, began).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_samples_are_uploaded_at_the_second_shutdown() {
    let mut thanos = Thanos::new();
    thanos.store().await;
    thanos.ingester(0, &[]).await;
    thanos.ingester(1, &[]).await;
    thanos.ring(&[0, 1]).await;
    thanos.router(1).await;
    let querier = thanos.querier(CHAIN).await;
    let began = now();
    let writer = Writer::start(Stream::of("written"), thanos.transport());
    let account = writer.account();
    ticks(&account, 40).await;
    thanos.ring(&[0]).await;
    ticks(&account, 40).await;
    let query = query_path(
        "count(last_over_time(written{replica=\"ingester-1\"}[1m]))",
        "&dedup=false",
    );
    let series = answer(&querier(query).await.unwrap()).unwrap().value;
    assert!(series.is_some_and(|count| count > 0.0), "{series:?}");

    // The block that is cut at the end stops one millisecond before the newest sample of the tenant.
    let lost = lost_with_the_second(&mut thanos, &querier, &account, began).await;
    assert_eq!(Some(lost), series, "one sample of each series");
    // Then there is nothing but that one in the head, and it is cut.
    thanos.ingester(1, &[]).await;
    ticks(&account, 20).await;
    let lost = lost_with_the_second(&mut thanos, &querier, &account, began).await;
    assert_eq!(lost, 0.0);
    let written = writer.end(SOON).await;
    assert!(written.lost().is_empty(), "{:?}", written.lost());
    whole(&querier, &account, began).await;
}

/// Restarts an ingester while one writer sends new samples, and another one samples that are three seconds old.
/// Returns what both lost.
async fn lost_at_a_restart(args: &[&str]) -> (usize, usize) {
    let mut thanos = Thanos::new();
    thanos.store().await;
    thanos.ingester(0, args).await;
    thanos.ring(&[0]).await;
    thanos.router(1).await;
    let late = Stream {
        behind: 3000,
        ..Stream::of("late")
    };
    let writer = Writer::start(Stream::of("new"), thanos.transport());
    let late = Writer::start(late, thanos.transport());
    ticks(&late.account(), 40).await;
    thanos.end("ingester-0").await;
    thanos.ingester(0, args).await;
    ticks(&late.account(), 40).await;
    let (writer, late) = (writer.end(SOON).await, late.end(SOON).await);
    println!("new: {}", writer.summary(0));
    println!("late: {}", late.summary(0));
    println!("{:?}", late.lost().first());
    (writer.lost().len(), late.lost().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_older_than_the_last_block_are_rejected_without_an_out_of_order_window() {
    let (new, late) = lost_at_a_restart(&[]).await;
    assert_eq!(new, 0);
    assert!(late > 0, "a window is no longer needed");
    let window = ["--tsdb.out-of-order.time-window=5m"];
    assert_eq!(lost_at_a_restart(&window).await, (0, 0));
}
