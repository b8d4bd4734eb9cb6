//! Members come and go, samples are replicated and not, pods are replaced and killed: no write is lost,
//! and there is no hole at any moment.

use std::time::Duration;

use e2e::writer::{Stream, Writer, now};
use serde_json::json;

use super::checking::Checker;
use super::{CHANGED, Subject, a_while, hashring, processes, whole};
use crate::support::kubectl;

#[tokio::test(flavor = "multi_thread")]
async fn no_sample_is_lost_or_hidden_while_everything_changes() {
    let subject = Subject::start("changes", 1).await;
    let ask = subject.asking();
    let began = now();
    let writer = Writer::start(Stream::of("written"), subject.transport());
    let account = writer.account();
    let checker = Checker::start(ask.clone(), account.clone());
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
    whole(&ask, &account, began).await;

    checker.step("every sample twice, and the controller is killed");
    let controller = "app.kubernetes.io/name=thanos-receive-controller";
    let force = ["--force", "--grace-period=0"];
    let delete = ["-n", "thanos-system", "delete", "pods", "-l", controller];
    kubectl(&[&delete[..], &force].concat());
    subject.replicate(2, 3).await;
    a_while(&account).await;

    checker.step("from 3 to 2 members");
    let mut ring = hashring(2);
    ring["logLevel"] = json!("debug");
    subject
        .change(json!({"ingesterSpec": {"hashrings": [ring]}}))
        .await;
    subject.stable(2).await;
    a_while(&account).await;

    let written = writer.end(Duration::from_secs(30)).await;
    println!("{}, slowest {:?}", written.summary(0), written.slowest());
    whole(&ask, &account, began).await;
    let checked = checker.end().await;
    checked.assert_whole();
    assert!(written.lost().is_empty(), "{:?}", written.lost());
    let longest = written.slowest().unwrap();
    assert!(
        longest.decided - longest.time < CHANGED.as_millis() as i64,
        "{longest:?}"
    );
    subject.end().await;
}
