use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;
use kube::core::{ApiResource, DeserializeGuard};
use kube::runtime::reflector::ObjectRef;
use kube_facts::optional::Caps;
use serde_json::{Value, json};

use super::fake::Fake;
use super::toy::{Toy, ToyController, ToyStatus, access_check};
use super::*;
use crate::owned_objects::Owned;
use crate::plan::ObjectKey;

mod foreign_deletes;
mod foreign_patches;
mod probes;

struct Bench {
    fake: Fake,
    cx: Arc<Context<ToyController>>,
    generation: i64,
}

impl Bench {
    fn new() -> Self {
        let fake = Fake::default();
        let client = fake.client();
        let (_, caps) = tokio::sync::watch::channel(Caps::default());
        let cx = Context {
            reconciler: ToyController,
            cache: Arc::new(Cache::new(caps, Arc::default())),
            prober: Prober::default(),
            refresher: Refresher::new(client.clone(), ToyController::REFRESH),
            events: Events::new(client.clone(), "toy", "test"),
            metrics: Metrics::new("toy"),
            client,
        };
        Self {
            fake,
            cx: Arc::new(cx),
            generation: 0,
        }
    }

    /// Delivers a new spec by the watch.
    fn toy(&mut self, spec: Value) -> Arc<Guarded<ToyController>> {
        self.generation += 1;
        let toy: Toy = serde_json::from_value(json!({
            "apiVersion": "example.com/v1", "kind": "Toy", "spec": spec,
            "metadata": {"name": "x", "namespace": "ns", "uid": "toy-uid", "generation": self.generation, "resourceVersion": "0"},
        }))
        .unwrap();
        let toy = DeserializeGuard(Ok(toy));
        self.cx.cache.apply_resource(toy.clone());
        Arc::new(toy)
    }

    /// Reconciles the stored resource, or this one if none is stored.
    async fn reconcile(&self, toy: &Arc<Guarded<ToyController>>) -> (Vec<String>, Action) {
        let stored = self.cx.cache.store().get(&ObjectRef::from_obj(&**toy));
        let action = reconcile(stored.unwrap_or(toy.clone()), self.cx.clone()).await;
        (self.fake.requests(), action)
    }

    fn status(&self) -> ToyStatus {
        let stored = self.cx.cache.store().state().remove(0);
        let status = stored.0.as_ref().unwrap().status().cloned();
        status.expect("a status was written")
    }

    fn reason(&self) -> (String, String) {
        let status = self.status();
        let all = ToyController::status_fields(&status).conditions;
        let it = all
            .iter()
            .find(|c| c.type_ == "Reconciled")
            .expect("always present");
        (it.reason.clone(), it.message.clone())
    }
}

fn map(name: &str) -> String {
    format!("/api/v1/namespaces/ns/configmaps/{name}")
}

const STATUS: &str = "PATCH toys/x/status";

#[tokio::test]
async fn objects_are_created_once() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a", "b"]}));
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(
        requests,
        ["PATCH configmaps/a", "PATCH configmaps/b", STATUS]
    );
    assert_eq!(action, Action::await_change());
    assert_eq!(bench.reason().0, "Applied");
    let (requests, _) = bench.reconcile(&toy).await;
    assert!(requests.is_empty(), "{requests:?}");
    let stored = bench.fake.get(&map("a")).unwrap();
    assert_eq!(
        stored["metadata"]["labels"]["example.com/controller"],
        "toy"
    );
    assert_eq!(stored["metadata"]["ownerReferences"][0]["uid"], "toy-uid");
}

#[tokio::test]
async fn orphans_are_pruned_only_after_all_applies_succeed() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a", "b"]}));
    bench.reconcile(&toy).await;
    let toy = bench.toy(json!({"names": ["b", "c"]}));
    bench.fake.fail(
        "PATCH configmaps/c",
        500,
        json!({"code": 500, "message": "no"}),
    );
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(
        requests[..2],
        ["PATCH configmaps/c", STATUS],
        "nothing is deleted after a failure"
    );
    assert_eq!(action, Action::requeue(std::time::Duration::from_secs(1)));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(
        requests[..3],
        ["PATCH configmaps/c", "DELETE configmaps/a", STATUS]
    );
}

#[tokio::test]
async fn failed_apply_is_reported_and_the_next_reconcile_recovers() {
    let failures = [
        (
            500,
            json!({"code": 500, "message": "etcd is away"}),
            "ApplyFailed",
            "etcd is away",
            true,
        ),
        (
            409,
            json!({"code": 409, "message": "Precondition failed"}),
            "ApplyFailed",
            "Precondition",
            true,
        ),
        (
            422,
            json!({"code": 422, "details": {"causes": [{"field": "data", "message": "Invalid value", "reason": "FieldValueInvalid"}]}}),
            "ApplyFailed",
            "ConfigMap a: data: Invalid value",
            false,
        ),
        (
            422,
            json!({"code": 422, "details": {"causes": [{"field": "data", "message": "field is immutable", "reason": "FieldValueInvalid"}]}}),
            "ImmutableField",
            "immutable",
            false,
        ),
        (
            500,
            json!({"code": 500, "message": "failed to create typed patch object (ns/a; v1): duplicate entries"}),
            "ApplyFailed",
            "duplicate entries",
            false,
        ),
    ];
    for (code, status, reason, text, retried) in failures {
        let mut bench = Bench::new();
        let toy = bench.toy(json!({"names": ["a"]}));
        bench.reconcile(&toy).await;
        // Of an unknown object, a conflict means that it exists.
        bench.cx.cache.state().owned_objects.enter(
            ObjectKey {
                group: String::new(),
                kind: "ConfigMap".into(),
                name: "a".into(),
            },
            &drifted(),
            "toy",
        );
        bench.fake.fail("PATCH configmaps/a", code, status);
        let (requests, action) = bench.reconcile(&toy).await;
        assert_eq!(requests[..2], ["PATCH configmaps/a", STATUS]);
        let (actual, message) = bench.reason();
        assert_eq!(actual, reason);
        assert!(message.contains(text), "{message}");
        let soon = Action::requeue(std::time::Duration::from_secs(1));
        assert_eq!(action == soon, retried, "{code} {reason}");
        let (requests, _) = bench.reconcile(&toy).await;
        assert_eq!(requests[0], "PATCH configmaps/a");
        assert_eq!(bench.reason().0, "Applied");
    }
}

/// The object `a` after another manager took over one of our fields.
fn drifted() -> Owned {
    serde_json::from_value(json!({"metadata": {
        "name": "a", "namespace": "ns", "uid": format!("uid-of-{}", map("a")), "resourceVersion": "99",
        "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Toy", "name": "x", "uid": "toy-uid", "controller": true}],
    }}))
    .unwrap()
}

#[tokio::test]
async fn failed_status_write_is_retried() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": []}));
    bench
        .fake
        .fail(STATUS, 500, json!({"code": 500, "message": "no"}));
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(requests, [STATUS]);
    assert_eq!(action, Action::requeue(std::time::Duration::from_secs(1)));
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(requests, [STATUS]);
    assert_eq!(action, Action::await_change());
}

#[tokio::test]
async fn invalid_spec_leaves_objects_unchanged() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    let toy = bench.toy(json!({"names": ["b", ""]}));
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(requests[0], STATUS);
    assert!(
        requests[1..].iter().all(|r| r.starts_with("POST ")),
        "only an event: {requests:?}"
    );
    assert_eq!(
        bench.reason(),
        ("InvalidSpec".into(), "spec.names: must not be empty".into())
    );
    assert_eq!(action, Action::await_change());
    let toy = bench.toy(json!({"names": ["a"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests[0], STATUS, "the previous spec applies no object");
}

#[tokio::test]
async fn undecodable_resource_is_reported_and_objects_stay_unchanged() {
    let bench = Bench::new();
    let path = "/apis/example.com/v1/namespaces/ns/toys/x";
    let stored = json!({
        "apiVersion": "example.com/v1", "kind": "Toy", "spec": {"names": "hunter2"},
        "metadata": {"name": "x", "namespace": "ns", "uid": "toy-uid", "generation": 7},
        "status": {"hash": "h", "conditions": [{
            "type": "Available", "status": "True", "reason": "PodsReady", "message": "",
            "lastTransitionTime": "2020-01-01T00:00:00Z",
        }]},
    });
    bench.fake.put(path, stored.clone());
    let toy: Guarded<ToyController> = serde_json::from_value(stored).unwrap();
    assert!(toy.0.is_err());
    let toy = Arc::new(toy);
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(requests[..2], ["GET toys/x", STATUS]);
    assert!(requests[2].starts_with("POST "), "an event: {requests:?}");
    assert_eq!(action, Action::await_change());

    let status = bench.fake.get(path).unwrap()["status"].clone();
    assert_eq!(status["hash"], "h");
    let condition = |type_: &str| {
        let all = status["conditions"].as_array().unwrap();
        let it = all.iter().find(|c| c["type"] == type_).unwrap();
        (it["status"].clone(), it["reason"].clone())
    };
    let expected = [
        ("Available", "True", "PodsReady"),
        ("Reconciled", "False", "InvalidSpec"),
        ("Ready", "False", "NotReconciled"),
    ];
    for (type_, status, reason) in expected {
        assert_eq!(condition(type_), (json!(status), json!(reason)));
    }
    assert!(!status.to_string().contains("hunter2"), "{status}");

    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests, ["GET toys/x"], "reported once");
}

#[tokio::test]
async fn access_is_reviewed_once_and_again_after_a_denial() {
    const REVIEW: &str = "POST ns/localsubjectaccessreviews";
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"], "checksAccess": true}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests, [REVIEW, "PATCH configmaps/a", STATUS]);
    let (requests, action) = bench.reconcile(&toy).await;
    assert!(requests.is_empty(), "{requests:?}");
    assert_eq!(
        action,
        Action::await_change(),
        "a failed review is no denial"
    );

    let remember = |answer| {
        bench
            .cx
            .cache
            .state()
            .access
            .remember(access_check(), answer)
    };
    remember(Some(false));
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(action, Action::requeue(access::FRESH));
}

#[tokio::test]
async fn paused_resource_writes_only_its_status() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"], "paused": true}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests, [STATUS]);
    assert_eq!(bench.reason().0, "Paused");
    let toy = bench.toy(json!({"names": ["a"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests[..2], ["PATCH configmaps/a", STATUS]);
    assert_eq!(bench.reason().0, "Applied");
}

#[tokio::test]
async fn terminating_resource_is_not_reconciled() {
    let mut bench = Bench::new();
    let mut toy = bench.toy(json!({"names": ["a"]}));
    let it = Arc::get_mut(&mut toy).unwrap();
    it.meta_mut().deletion_timestamp =
        Some(serde_json::from_value(json!("2020-01-01T00:00:00Z")).unwrap());
    bench.cx.cache.apply_resource((*toy).clone());
    let (requests, _) = bench.reconcile(&toy).await;
    assert!(requests.is_empty());
}

#[tokio::test]
async fn object_of_another_owner_is_reported_and_unchanged() {
    let mut bench = Bench::new();
    let theirs = json!({"metadata": {"name": "a", "namespace": "ns", "uid": "theirs",
        "managedFields": [{"manager": "kubectl-create", "operation": "Update"}]}, "data": {"k": "v"}});
    bench.fake.put(&map("a"), theirs.clone());
    let toy = bench.toy(json!({"names": ["a"]}));
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(
        requests[..3],
        ["PATCH configmaps/a", "GET configmaps/a", STATUS]
    );
    assert_eq!(bench.reason().0, "NotOwned");
    assert!(bench.reason().1.contains("kubectl-create"));
    assert_eq!(bench.fake.get(&map("a")), Some(theirs));
    assert_eq!(action, Action::requeue(std::time::Duration::from_secs(60)));
}

#[tokio::test]
async fn object_deleted_after_the_conflict_is_created() {
    let mut bench = Bench::new();
    let conflict = json!({"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict", "message": ""});
    bench.fake.fail("PATCH configmaps/a", 409, conflict);
    let toy = bench.toy(json!({"names": ["a"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(
        requests,
        [
            "PATCH configmaps/a",
            "GET configmaps/a",
            "PATCH configmaps/a",
            STATUS
        ]
    );
    assert_eq!(bench.reason().0, "Applied");
}

#[tokio::test]
async fn object_of_a_former_operator_is_adopted_before_the_apply() {
    let mut bench = Bench::new();
    bench.fake.put(&map("a"), json!({"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "5",
        "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Toy", "name": "x", "uid": "toy-uid", "controller": true}],
        "managedFields": [{"manager": "manager", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {}}}]}}));
    let toy = bench.toy(json!({"names": ["a"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(
        requests,
        [
            "PATCH configmaps/a",
            "GET configmaps/a",
            "POST ns/events",
            "PATCH configmaps/a",
            "PATCH configmaps/a",
            STATUS
        ],
        "the event is emitted before the write"
    );
    assert_eq!(bench.reason().0, "Applied");
}

#[tokio::test]
async fn pods_are_refreshed_after_a_file_changed_and_denials_are_cached() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["b"]}));
    bench.reconcile(&toy).await;
    // An optional file may be created after the pods.
    let toy = bench.toy(json!({"names": ["a"], "runs": true}));
    let (requests, _) = bench.reconcile(&toy).await;
    let expected = [
        "PATCH configmaps/a",
        "DELETE configmaps/b",
        "PATCH pods/pod-of-x-a",
        "PATCH pods/pod-of-x-b",
    ];
    assert_eq!(requests[..4], expected, "{requests:?}");
    let drift = |bench: &Bench, version: &str| {
        let mut object = drifted();
        object.metadata.resource_version = Some(version.into());
        let key = ObjectKey {
            group: String::new(),
            kind: "ConfigMap".into(),
            name: "a".into(),
        };
        bench
            .cx
            .cache
            .state()
            .owned_objects
            .enter(key, &object, "toy");
    };
    drift(&bench, "90");
    bench.fake.fail(
        "PATCH pods/",
        403,
        json!({"code": 403, "message": "forbidden"}),
    );
    let (requests, _) = bench.reconcile(&toy).await;
    let touched = requests.iter().filter(|r| r.contains("pods/"));
    assert_eq!(touched.count(), 1, "{requests:?}");
    drift(&bench, "91");
    let (requests, _) = bench.reconcile(&toy).await;
    assert!(
        !requests.iter().any(|r| r.contains("pods/")),
        "{requests:?}"
    );
}

/// Another client overwrites the object after every apply.
#[tokio::test]
async fn overwritten_object_is_applied_again_with_backoff() {
    let mut bench = Bench::new();
    let mut queue = bench.cx.cache.open_queue();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    let enter = |bench: &Bench, version: &str| {
        let mut object = drifted();
        object.metadata.resource_version = Some(version.into());
        let key = ObjectKey {
            group: String::new(),
            kind: "ConfigMap".into(),
            name: "a".into(),
        };
        bench
            .cx
            .cache
            .state()
            .owned_objects
            .enter(key, &object, "toy");
    };
    while queue.try_recv().is_ok() {}
    for (version, seconds) in [("90", 1), ("91", 2), ("92", 4), ("93", 8)] {
        // The watch event arrives before the response to the apply.
        enter(&bench, version);
        let (requests, action) = bench.reconcile(&toy).await;
        assert_eq!(requests[0], "PATCH configmaps/a", "{requests:?}");
        assert_eq!(action, Action::requeue(Duration::from_secs(seconds)));
        assert!(queue.try_recv().is_err(), "enqueued without backoff");
    }
    bench.cx.cache.state().owned_objects = Default::default();
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(action, Action::await_change(), "not overwritten");
    assert_eq!(bench.cx.cache.backoff.failures("toy-uid"), 0);
}

#[tokio::test]
async fn resource_deleted_during_its_reconcile_leaves_no_state() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.cx.cache.delete_resource((*toy).clone());
    let no = json!({"code": 500, "message": "no"});
    bench.fake.fail("PATCH configmaps/a", 500, no);
    bench.reconcile(&toy).await;
    let state = bench.cx.cache.state();
    assert!(state.owned_objects.is_empty());
    assert_eq!(bench.cx.cache.backoff.failures("toy-uid"), 0);
}

#[tokio::test]
async fn restart_writes_nothing() {
    let mut before = Bench::new();
    let toy = before.toy(json!({"names": ["a", "b"]}));
    before.reconcile(&toy).await;
    let status = before.status();
    let after = Bench {
        generation: 0,
        fake: before.fake.clone(),
        ..Bench::new()
    };
    let resource = ApiResource::erase::<ConfigMap>(&());
    for name in ["a", "b"] {
        let stored = before.fake.get(&map(name)).unwrap();
        let object: Owned = serde_json::from_value(stored).unwrap();
        let key = ObjectKey {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            name: name.into(),
        };
        after
            .cx
            .cache
            .state()
            .owned_objects
            .enter(key, &object, "toy");
    }
    let Ok(mut stored) = (*toy).clone().0 else {
        unreachable!()
    };
    stored.status = Some(status);
    let (requests, _) = after
        .reconcile(&Arc::new(DeserializeGuard(Ok(stored))))
        .await;
    assert!(requests.is_empty(), "{requests:?}");
}
