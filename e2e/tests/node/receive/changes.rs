//! Members come and go, samples are replicated and not, pods are replaced and killed: no write is lost,
//! and there is no gap at any moment, except in samples that Thanos keeps once.

use std::time::Duration;

use e2e::writer::{Stream, Writer, now};
use serde_json::json;

use super::checking::{Checker, samples};
use super::samples::Samples;
use super::{CHANGED, Subject, a_while, hashring, processes, whole};
use crate::support::kubectl;

/// A member leaves while every sample is kept twice.
const SHRINKS: &str = "from 3 to 2 members";

#[tokio::test(flavor = "multi_thread")]
async fn no_sample_is_lost_or_hidden_while_everything_changes() {
    let subject = Subject::start("changes", 1).await;
    let querier = subject.querier();
    let began = now();
    let writer = Writer::start(Stream::of("written"), subject.transport());
    let account = writer.account();
    let checker = Checker::start(querier.clone(), account.clone());
    a_while(&account).await;

    checker.step("from 1 to 3 members");
    subject.resize(3).await;
    a_while(&account).await;

    checker.step("every sample three times");
    subject.replicate(3, 3).await;
    let replicated = now();
    a_while(&account).await;

    // What was kept once is away while its pod restarts. At the end, all of it is counted again.
    checker.leave_out_until(replicated);
    checker.step("pods are replaced");
    let mut ring = hashring(3);
    ring["logLevel"] = json!("debug");
    subject
        .change(json!({"ingesterSpec": {"hashrings": [ring]}}))
        .await;
    subject
        .run_with("thanos-receive-ingester", "--log.level=debug", 3)
        .await;
    subject.stable(3).await;
    a_while(&account).await;

    checker.step("an ingester is killed");
    processes::kill(&subject.cluster, &subject.member(1)).await;
    a_while(&account).await;

    checker.step("a router is killed");
    let router = &subject.pods("thanos-receive-router").await[0];
    let router = router["metadata"]["name"].as_str().unwrap();
    processes::kill(&subject.cluster, router).await;
    a_while(&account).await;
    whole(&querier, &account, began).await;

    checker.step("every sample twice, and the controller is killed");
    let controller = "app.kubernetes.io/name=thanos-receive-controller";
    let force = ["--force", "--grace-period=0"];
    let delete = ["-n", "thanos-system", "delete", "pods", "-l", controller];
    kubectl(&[&delete[..], &force].concat());
    subject.replicate(2, 3).await;
    let twice = now();
    a_while(&account).await;

    checker.step(SHRINKS);
    let mut ring = hashring(2);
    ring["logLevel"] = json!("debug");
    subject
        .change(json!({"ingesterSpec": {"hashrings": [ring]}}))
        .await;
    subject.stable(2).await;
    let shrunk = now();
    a_while(&account).await;

    let written = writer.end(Duration::from_secs(30)).await;
    println!("{}, slowest {:?}", written.summary(0), written.slowest());
    whole(&querier, &account, began).await;
    let mut checked = checker.end().await;
    // With a factor of 2, Thanos takes a sample as written when one member has it, and no error reports
    // a copy that failed.
    let until = account.read(|written| written.settled()).unwrap();
    let kept = Samples::query(&querier, &account, began, until)
        .await
        .unwrap();
    let once = |after, until| kept.kept_once_by(&subject.member(2), after, until);
    let copied = samples(&account, twice, shrunk);
    let failed = once(twice, shrunk);
    println!("{failed} of {copied} samples were kept once, by the member that left");
    assert!(failed * 100 < copied, "{failed} of {copied}");
    checked.excuse(SHRINKS, |gap| once(gap.after, gap.until));
    checked.assert_whole();
    assert!(written.lost().is_empty(), "{:?}", written.lost());
    let longest = written.slowest().unwrap();
    assert!(
        longest.decided - longest.time < CHANGED.as_millis() as i64,
        "{longest:?}"
    );
    subject.end().await;
}
