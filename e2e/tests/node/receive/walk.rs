//! A long walk over numbers of members, with every sample kept three times as soon as there are three.

use std::time::Duration;

use e2e::writer::{Stream, Writer, now};

use super::checking::Checker;
use super::{Subject, a_while, whole};

/// Two digits come and go: members are numbers, and not texts.
const WALK: [usize; 5] = [3, 5, 3, 12, 11];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long: THANOS_TEST_LONG=1 hack/test.sh node"]
async fn no_sample_is_lost_or_hidden_on_a_long_walk() {
    let subject = Subject::start("walk", 1).await;
    let querier = subject.querier();
    let began = now();
    let stream = Stream {
        every: 1000,
        ..Stream::of("walked")
    };
    let writer = Writer::start(stream, subject.transport());
    let account = writer.account();
    let checker = Checker::start(querier.clone(), account.clone());
    a_while(&account).await;
    let mut members = 1;
    for next in WALK {
        checker.step(&format!("from {members} to {next} members"));
        subject.resize(next).await;
        if members == 1 {
            // What is kept once is away while the pod of a member that leaves restarts.
            subject.replicate(3, next).await;
            whole(&querier, &account, began).await;
            checker.leave_out_until(now());
        }
        a_while(&account).await;
        members = next;
    }
    let written = writer.end(Duration::from_secs(30)).await;
    println!("{}, slowest {:?}", written.summary(0), written.slowest());
    whole(&querier, &account, began).await;
    checker.end().await.assert_whole();
    assert!(written.lost().is_empty(), "{:?}", written.lost());
    subject.end().await;
}
