use super::*;
use crate::apply::ONLY_CREATE;

const DELETE_PVC: &str = "DELETE persistentvolumeclaims/data-x-0";

#[tokio::test]
async fn foreign_objects_are_deleted_after_all_applies() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    let toy = bench.toy(json!({"names": ["b"], "removes": ["data-x-0"]}));
    let (requests, action) = bench.reconcile(&toy).await;
    let all = ["PATCH configmaps/b", DELETE_PVC, "DELETE configmaps/a"];
    assert_eq!(requests[..3], all);
    assert_eq!(action, Action::await_change());
    let (_, body) = bench.fake.sent(DELETE_PVC).unwrap();
    assert_eq!(body["preconditions"], json!({"uid": "uid-of-data-x-0"}));
}

#[tokio::test]
async fn failed_apply_prevents_foreign_deletes() {
    let mut bench = Bench::new();
    let no = json!({"code": 500, "message": "no"});
    bench.fake.fail("PATCH configmaps/b", 500, no);
    let toy = bench.toy(json!({"names": ["b"], "removes": ["data-x-0"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests[..2], ["PATCH configmaps/b", STATUS]);
}

#[tokio::test]
async fn deleting_an_absent_foreign_object_succeeds() {
    let mut bench = Bench::new();
    bench
        .fake
        .fail(DELETE_PVC, 404, json!({"code": 404, "message": "gone"}));
    let toy = bench.toy(json!({"removes": ["data-x-0"]}));
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(action, Action::await_change());
}

#[tokio::test]
async fn precondition_nothing_only_creates() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"], "onto": ""}));
    bench.reconcile(&toy).await;
    let (_, body) = bench.fake.sent("PATCH configmaps/a").unwrap();
    assert_eq!(body["metadata"]["resourceVersion"], ONLY_CREATE);
}

#[tokio::test]
async fn precondition_nothing_does_not_overwrite_an_existing_object() {
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

#[tokio::test]
async fn outdated_resource_version_ends_the_reconcile() {
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
