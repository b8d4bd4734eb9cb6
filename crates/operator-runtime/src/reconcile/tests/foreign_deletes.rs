use super::*;
use crate::apply::ONLY_CREATE;

const CLAIM: &str = "DELETE persistentvolumeclaims/data-x-0";

#[tokio::test]
async fn objects_of_others_are_deleted_after_everything_is_applied() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    let toy = bench.toy(json!({"names": ["b"], "removes": ["data-x-0"]}));
    let (requests, action) = bench.reconcile(&toy).await;
    let all = ["PATCH configmaps/b", CLAIM, "DELETE configmaps/a"];
    assert_eq!(requests[..3], all);
    assert_eq!(action, Action::await_change());
    let (_, body) = bench.fake.sent(CLAIM).unwrap();
    assert_eq!(body["preconditions"], json!({"uid": "uid-of-data-x-0"}));
}

#[tokio::test]
async fn nothing_is_deleted_before_everything_is_applied() {
    let mut bench = Bench::new();
    let no = json!({"code": 500, "message": "no"});
    bench.fake.fail("PATCH configmaps/b", 500, no);
    let toy = bench.toy(json!({"names": ["b"], "removes": ["data-x-0"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests[..2], ["PATCH configmaps/b", STATUS]);
}

#[tokio::test]
async fn what_is_gone_already_is_as_it_should_be() {
    let mut bench = Bench::new();
    bench
        .fake
        .fail(CLAIM, 404, json!({"code": 404, "message": "gone"}));
    let toy = bench.toy(json!({"removes": ["data-x-0"]}));
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(action, Action::await_change());
}

#[tokio::test]
async fn what_was_not_there_is_only_created() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"], "onto": ""}));
    bench.reconcile(&toy).await;
    let (_, body) = bench.fake.sent("PATCH configmaps/a").unwrap();
    assert_eq!(body["metadata"]["resourceVersion"], ONLY_CREATE);
}

#[tokio::test]
async fn what_was_not_seen_yet_is_not_overwritten() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"], "content": "first"}));
    bench.reconcile(&toy).await;
    let toy = bench.toy(json!({"names": ["a"], "content": "second", "onto": ""}));
    let (_, action) = bench.reconcile(&toy).await;
    assert_ne!(action, Action::await_change());
    assert_eq!(
        bench.fake.get(&map("a")).unwrap()["data"]["content"],
        "first"
    );
}

/// The next pass sees what was made of it meanwhile.
#[tokio::test]
async fn a_state_that_changed_meanwhile_ends_the_pass() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    let toy = bench
        .toy(json!({"names": ["a", "b"], "onto": "77", "content": "new", "removes": ["data-x-0"]}));
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(requests[..1], ["PATCH configmaps/a"]);
    assert!(
        requests
            .iter()
            .all(|r| !r.contains("DELETE") && !r.contains("configmaps/b"))
    );
    assert_ne!(action, Action::await_change());
}
