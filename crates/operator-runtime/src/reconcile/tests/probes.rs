use super::*;
use crate::probe::tests::{Pod, closed_url};

fn after(seconds: u64) -> Action {
    Action::requeue(Duration::from_secs(seconds))
}

#[tokio::test]
async fn pods_are_probed_before_the_plan_and_not_again_before_the_interval() {
    let pod = Pod::run().await;
    let mut bench = Bench::new();
    let urls = [pod.url("/named/one"), pod.url("/named/two")];
    let toy = bench.toy(json!({"names": ["a"], "urls": urls, "every": 60}));
    let (requests, action) = bench.reconcile(&toy).await;
    let applied = [
        "PATCH configmaps/a",
        "PATCH configmaps/one",
        "PATCH configmaps/two",
    ];
    assert_eq!(requests[..3], applied);
    assert_eq!(action, after(60));
    let mut requested = pod.requested();
    requested.sort();
    assert_eq!(requested, ["/named/one", "/named/two"]);
    for _ in 0..10 {
        let (requests, action) = bench.reconcile(&toy).await;
        assert!(requests.is_empty(), "{requests:?}");
        assert_eq!(action, after(60));
    }
    assert!(pod.requested().is_empty());
}

#[tokio::test]
async fn probe_interval_has_a_minimum() {
    let pod = Pod::run().await;
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"urls": [pod.url("/named/one")], "every": 0}));
    for _ in 0..2 {
        let (_, action) = bench.reconcile(&toy).await;
        assert_eq!(pod.requested().len(), 1);
        assert_eq!(action, Action::requeue(MIN_REQUEUE));
    }
}

#[tokio::test]
async fn unreachable_for_grows_with_every_failed_probe() {
    let mut bench = Bench::new();
    let url = closed_url().await;
    let toy = bench.toy(json!({"names": ["a"], "urls": [url], "every": 0}));
    let mut unreachable_for = Duration::ZERO;
    for _ in 0..2 {
        bench.reconcile(&toy).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let state = bench.cx.cache.state();
        let answer = state.answers.answer(&url).expect("probed");
        assert!(answer.unwrap_err().contains("refused"), "{answer:?}");
        assert!(state.answers.unreachable_for(&url) >= unreachable_for + Duration::from_millis(5));
        unreachable_for = state.answers.unreachable_for(&url);
    }
    assert_eq!(
        bench.reason().0,
        "Applied",
        "a failed probe is no failed reconcile"
    );
}

#[tokio::test]
async fn body_over_the_limit_is_an_error() {
    let pod = Pod::run().await;
    let mut bench = Bench::new();
    let url = pod.url("/huge");
    let toy = bench.toy(json!({"urls": [url], "every": 60}));
    bench.reconcile(&toy).await;
    let state = bench.cx.cache.state();
    assert!(state.answers.answer(&url).expect("probed").is_err());
}

#[tokio::test]
async fn paused_resource_sends_no_probes_and_is_not_requeued() {
    let pod = Pod::run().await;
    let mut bench = Bench::new();
    let urls = [pod.url("/named/one")];
    let toy = bench.toy(json!({"paused": true, "urls": urls, "every": 60, "requeueAfter": 5}));
    let (_, action) = bench.reconcile(&toy).await;
    assert!(pod.requested().is_empty());
    assert_eq!(action, Action::await_change());
}

#[tokio::test]
async fn shortest_requeue_interval_is_used() {
    let pod = Pod::run().await;
    let mut bench = Bench::new();
    let urls = [pod.url("/named/one")];
    let cases = [
        (json!({"requeueAfter": 30}), 30),
        (json!({"requeueAfter": 0}), 1),
        (json!({"requeueAfter": 30, "urls": urls, "every": 60}), 30),
        (json!({"requeueAfter": 90, "urls": urls, "every": 60}), 60),
    ];
    for (spec, seconds) in cases {
        let toy = bench.toy(spec.clone());
        let (_, action) = bench.reconcile(&toy).await;
        assert_eq!(action, after(seconds), "{spec}");
    }
    let toy = bench.toy(json!({"names": ["b"], "requeueAfter": 30}));
    let no = json!({"code": 500, "message": "no"});
    bench.fake.fail("PATCH configmaps/b", 500, no);
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(action, after(1), "backoff of the failure");

    let theirs = json!({"metadata": {"name": "c", "namespace": "ns", "uid": "theirs"}});
    bench.fake.put(&map("c"), theirs);
    let toy = bench.toy(json!({"names": ["c"], "requeueAfter": 30}));
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(bench.reason().0, "NotOwned");
    assert_eq!(action, after(30));
}

#[tokio::test]
async fn invalid_spec_does_not_stop_probes() {
    let pod = Pod::run().await;
    let mut bench = Bench::new();
    let urls = [pod.url("/named/one")];
    let toy = bench.toy(json!({"names": [""], "urls": urls, "every": 60}));
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(bench.reason().0, "InvalidSpec");
    assert_eq!(action, after(60));
}
