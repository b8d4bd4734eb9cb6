use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;
use kube::core::{ApiResource, DeserializeGuard};
use kube::runtime::reflector::ObjectRef;
use promop_compat::caps::Caps;
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

    /// A new spec comes by the watch.
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

    /// Reconciles the resource as it is stored, or this one if none is.
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
        let all = ToyController::conditions(&status);
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
async fn creates_then_is_silent() {
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
async fn prunes_after_everything_was_applied() {
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
async fn status_reports_every_refusal_and_the_next_reconcile_recovers() {
    let refusals = [
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
    for (code, status, reason, text, retried) in refusals {
        let mut bench = Bench::new();
        let toy = bench.toy(json!({"names": ["a"]}));
        bench.reconcile(&toy).await;
        // A known object: otherwise a conflict would mean that the name is taken.
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
        let reported = bench.reason();
        assert_eq!(reported.0, reason);
        assert!(reported.1.contains(text), "{}", reported.1);
        let soon = Action::requeue(std::time::Duration::from_secs(1));
        assert_eq!(action == soon, retried, "{code} {reason}");
        let (requests, _) = bench.reconcile(&toy).await;
        assert_eq!(requests[0], "PATCH configmaps/a");
        assert_eq!(bench.reason().0, "Applied");
    }
}

/// The object `a` after another client took a field of ours.
fn drifted() -> Owned {
    serde_json::from_value(json!({"metadata": {
        "name": "a", "namespace": "ns", "uid": format!("uid-of-{}", map("a")), "resourceVersion": "99",
        "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "Toy", "name": "x", "uid": "toy-uid", "controller": true}],
    }}))
    .unwrap()
}

#[tokio::test]
async fn a_failed_status_write_is_tried_again() {
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
async fn bad_input_changes_nothing_that_runs() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"]}));
    bench.reconcile(&toy).await;
    let toy = bench.toy(json!({"names": ["b", ""]}));
    let (requests, action) = bench.reconcile(&toy).await;
    assert_eq!(requests[0], STATUS);
    assert!(
        requests[1..].iter().all(|r| r.starts_with("POST ")),
        "an event at most: {requests:?}"
    );
    assert_eq!(
        bench.reason(),
        ("InvalidSpec".into(), "spec.names: must not be empty".into())
    );
    assert_eq!(action, Action::await_change());
    let toy = bench.toy(json!({"names": ["a"]}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(
        requests[0], STATUS,
        "back to the old spec: no object is touched"
    );
}

#[tokio::test]
async fn a_resource_that_does_not_decode_is_reported_and_nothing_else_changes() {
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
    let state = |type_: &str| {
        let all = status["conditions"].as_array().unwrap();
        let it = all.iter().find(|c| c["type"] == type_).unwrap();
        (it["status"].clone(), it["reason"].clone())
    };
    assert_eq!(state("Available"), (json!("True"), json!("PodsReady")));
    assert_eq!(state("Reconciled"), (json!("False"), json!("InvalidSpec")));
    assert_eq!(state("Ready"), (json!("False"), json!("NotReconciled")));
    assert!(!status.to_string().contains("hunter2"), "{status}");

    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests, ["GET toys/x"], "reported once");
}

#[tokio::test]
async fn foreign_permissions_are_checked_once_and_again_after_a_refusal() {
    const REVIEW: &str = "POST ns/localsubjectaccessreviews";
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["a"], "asks": true}));
    let (requests, _) = bench.reconcile(&toy).await;
    assert_eq!(requests, [REVIEW, "PATCH configmaps/a", STATUS]);
    let (requests, action) = bench.reconcile(&toy).await;
    assert!(requests.is_empty(), "{requests:?}");
    assert_eq!(action, Action::await_change(), "no answer is no refusal");

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
async fn paused_changes_nothing_but_the_status() {
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
async fn what_is_being_deleted_is_left_alone() {
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
async fn a_name_of_another_owner_is_reported_and_left_alone() {
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
async fn a_name_that_becomes_free_during_a_reconcile_is_used() {
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
async fn an_object_of_a_former_operator_is_handed_over_before_it_is_applied() {
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
        "the event comes before the change"
    );
    assert_eq!(bench.reason().0, "Applied");
}

#[tokio::test]
async fn pods_are_refreshed_when_a_file_changes_and_refusals_are_remembered() {
    let mut bench = Bench::new();
    let toy = bench.toy(json!({"names": ["b"]}));
    bench.reconcile(&toy).await;
    // Pods may be there before a file, which they can do without.
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

/// Another client changes an object faster than it can be applied.
#[tokio::test]
async fn a_contested_object_is_applied_with_growing_delays() {
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
        // The watch is ahead of the answer to the apply.
        enter(&bench, version);
        let (requests, action) = bench.reconcile(&toy).await;
        assert_eq!(requests[0], "PATCH configmaps/a", "{requests:?}");
        assert_eq!(action, Action::requeue(Duration::from_secs(seconds)));
        assert!(queue.try_recv().is_err(), "it is queued at once");
    }
    bench.cx.cache.state().owned_objects = Default::default();
    let (_, action) = bench.reconcile(&toy).await;
    assert_eq!(action, Action::await_change(), "it stands");
    assert_eq!(bench.cx.cache.backoff.failures("toy-uid"), 0);
}

#[tokio::test]
async fn a_resource_that_is_deleted_while_it_is_reconciled_leaves_nothing() {
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
async fn a_restart_writes_nothing() {
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
