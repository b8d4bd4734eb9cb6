use super::*;

const PATCH_PVC: &str = "PATCH persistentvolumeclaims/data-x-0";

fn patched() -> Value {
    json!({"names": ["b"], "patches": [["data-x-0", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}]]})
}

async fn failed(code: u16, status: Value) -> (Bench, Vec<String>, Action) {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    bench.fake.fail(PATCH_PVC, code, status);
    let toy = bench.toy(patched());
    let (requests, action) = bench.reconcile(&toy).await;
    (bench, requests, action)
}

#[tokio::test]
async fn foreign_objects_are_patched_between_applies_and_prunes() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    let toy = bench.toy(patched());
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(
        requests[..3],
        ["PATCH configmaps/b", PATCH_PVC, "DELETE configmaps/a"]
    );
    assert_eq!(action, Action::await_change());
    let (head, body) = bench.fake.sent(PATCH_PVC).unwrap();
    assert_eq!(head.headers["content-type"], "application/merge-patch+json");
    assert_eq!(head.uri.query(), Some("&fieldManager=toy"));
    assert_eq!(
        body,
        json!({"metadata": {"uid": "uid-of-data-x-0"}, "spec": {"resources": {"requests": {"storage": "2Gi"}}}})
    );
}

#[tokio::test]
async fn foreign_patch_keeps_other_metadata() {
    let mut bench = Bench::new();
    let patch = json!({"metadata": {"labels": {"k": "v"}, "uid": "wrong"}});
    let toy = bench.toy(json!({"patches": [["data-x-0", patch]]}));
    bench.reconcile(&toy).await;
    let (_, body) = bench.fake.sent(PATCH_PVC).unwrap();
    let expected = json!({"metadata": {"labels": {"k": "v"}, "uid": "uid-of-data-x-0"}});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn failed_apply_prevents_foreign_patches() {
    let mut bench = Bench::new();
    let no = json!({"code": 500, "message": "no"});
    bench.fake.fail("PATCH configmaps/b", 500, no);
    let toy = bench.toy(patched());
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests[..2], ["PATCH configmaps/b", STATUS]);
}

#[tokio::test]
async fn plan_without_foreign_patches_sends_none() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests, ["PATCH configmaps/a", STATUS]);
}

#[tokio::test]
async fn rejected_foreign_patch_names_the_object() {
    let cause = json!({"field": "spec.resources", "message": "may not shrink", "reason": "FieldValueForbidden"});
    let rejections = [
        (
            422,
            json!({"code": 422, "details": {"causes": [cause]}}),
            "PersistentVolumeClaim data-x-0: spec.resources: may not shrink",
        ),
        (
            400,
            json!({"code": 400, "message": "unknown unit"}),
            "PersistentVolumeClaim data-x-0: unknown unit",
        ),
    ];
    for (code, status, text) in rejections {
        let (bench, requests, action) = failed(code, status).await;
        assert_eq!(
            requests[..3],
            ["PATCH configmaps/b", PATCH_PVC, STATUS],
            "nothing is deleted"
        );
        assert!(bench.reason().1.contains(text), "{}", bench.reason().1);
        assert_eq!(action, Action::requeue(REJECTED_RETRY));
    }
}

#[tokio::test]
async fn failed_foreign_patch_is_retried() {
    for code in [403, 500] {
        let no = json!({"code": code, "message": "not now"});
        let (bench, requests, action) = failed(code, no).await;
        assert_eq!(requests[..3], ["PATCH configmaps/b", PATCH_PVC, STATUS]);
        let (reason, message) = bench.reason();
        assert_eq!(reason, "ApplyFailed");
        assert!(message.contains("data-x-0"), "{message}");
        assert_eq!(action, Action::requeue(Duration::from_secs(1)));
    }
}

#[tokio::test]
async fn absent_or_recreated_foreign_object_is_no_error() {
    let causes = json!([
        {"field": "metadata.uid", "message": "field is immutable", "reason": "FieldValueInvalid"},
        {"field": "spec", "message": "spec is immutable", "reason": "FieldValueForbidden"},
    ]);
    let responses = [
        (404, json!({"code": 404, "message": "not found"})),
        (409, json!({"code": 409, "message": "Precondition failed"})),
        (422, json!({"code": 422, "details": {"causes": causes}})),
    ];
    for (code, status) in responses {
        let (bench, requests, action) = failed(code, status).await;
        assert_eq!(requests[2], "DELETE configmaps/a");
        assert_eq!(bench.reason().0, "Applied");
        assert_eq!(action, Action::await_change());
    }
}
