//! Which custom resources are enqueued, and when.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::*;
use crate::reconcile::toy::{Toy, ToyController, ToyStatus};

type Queue = UnboundedReceiver<ObjectRef<Guarded<ToyController>>>;

fn cache() -> Arc<Cache<ToyController>> {
    let (_, caps) = watch::channel(Caps::default());
    Arc::new(Cache::new(caps, Arc::default()))
}

fn key() -> Key {
    Key::new("ns", "x")
}

fn toy(version: u64) -> Guarded<ToyController> {
    of_version(&version.to_string())
}

fn of_version(version: &str) -> Guarded<ToyController> {
    let toy: Toy = serde_json::from_value(json!({
        "apiVersion": "example.com/v1", "kind": "Toy", "spec": {},
        "metadata": {"name": "x", "namespace": "ns", "uid": "u", "resourceVersion": version},
    }))
    .unwrap();
    DeserializeGuard(Ok(toy))
}

/// How often the resource was enqueued.
fn queued(queue: &mut Queue) -> usize {
    std::iter::from_fn(|| queue.try_recv().ok()).count()
}

/// A cache with one resource and an empty queue.
fn known() -> (Arc<Cache<ToyController>>, Queue) {
    let cache = cache();
    let mut queue = cache.open_queue();
    cache.apply_resource(toy(1));
    assert_eq!(queued(&mut queue), 1);
    (cache, queue)
}

/// The resource with this hash in its status.
fn with_status(version: &str, hash: &str) -> Guarded<ToyController> {
    let mut it = of_version(version);
    it.0.as_mut().unwrap().status = Some(status(hash));
    it
}

fn status(hash: &str) -> ToyStatus {
    serde_json::from_value(json!({"hash": hash})).unwrap()
}

#[test]
fn own_status_write_does_not_enqueue() {
    // The event before and after the response.
    let (cache, mut queue) = known();
    let owner = owner(&toy(1));
    cache.enter_status(&owner, status("ours"));
    cache.apply_resource(with_status("2", "ours"));
    cache.apply_resource(with_status("2", "ours"));
    assert_eq!(queued(&mut queue), 0);
    // A status write of another client.
    cache.apply_resource(with_status("3", "theirs"));
    assert_eq!(queued(&mut queue), 1);
    // A write that failed for us and reached the API server nevertheless.
    cache.enter_status(&owner, status("next"));
    cache.enter_status(&owner, status("theirs"));
    cache.apply_resource(with_status("4", "next"));
    assert_eq!(queued(&mut queue), 1);
}

#[test]
fn each_change_of_spec_or_metadata_enqueues() {
    let (cache, mut queue) = known();
    let mut it = toy(2);
    let mut version = 2;
    for change in [
        (|m| m.generation = Some(2)) as fn(&mut ObjectMeta),
        |m| m.labels = Some([("a".into(), "b".into())].into()),
        |m| m.annotations = Some([("a".into(), "b".into())].into()),
        |m| m.uid = Some("other".into()),
        |m| m.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap(),
    ] {
        version += 1;
        change(it.meta_mut());
        it.meta_mut().resource_version = Some(version.to_string());
        cache.apply_resource(it.clone());
        assert_eq!(queued(&mut queue), 1, "{version}");
    }
}

#[test]
fn non_numeric_resource_version_never_counts_as_older() {
    let (cache, mut queue) = known();
    for version in ["b", "a", "9", "8"] {
        cache.apply_resource(with_status(version, version));
        let stored = cache.store().get(&ObjectRef::from_obj(&of_version("")));
        let expected = if version == "8" { "9" } else { version };
        assert_eq!(
            stored.unwrap().resource_version().as_deref(),
            Some(expected)
        );
        assert_eq!(queued(&mut queue), usize::from(version != "8"), "{version}");
    }
}

#[test]
fn deleted_resource_leaves_no_state() {
    let (cache, _queue) = known();
    let owner = owner(&toy(1));
    let _ = cache.backoff.next(&owner.uid);
    let child = serde_json::from_value(json!({"metadata": {
        "name": "c", "namespace": "ns", "uid": "c", "resourceVersion": "1",
        "ownerReferences": [{"apiVersion": "v1", "kind": "Toy", "name": "x", "uid": "u", "controller": true}],
    }}));
    let key = crate::plan::ObjectKey {
        group: String::new(),
        kind: "ConfigMap".into(),
        name: "c".into(),
    };
    let child = child.unwrap();
    cache
        .state()
        .owned_objects
        .enter(key.clone(), &child, "toy");
    cache.delete_resource(toy(10));
    assert!(cache.state().owned_objects.is_empty());
    assert_eq!(cache.backoff.failures("u"), 0);

    // State that a running reconcile stored after the deletion.
    let _ = cache.backoff.next(&owner.uid);
    cache.state().owned_objects.enter(key, &child, "toy");
    cache.enter_status(&owner, status("late"));
    cache.forget_if_deleted(&owner);
    assert!(cache.state().owned_objects.is_empty() && cache.store().state().is_empty());
    assert_eq!(cache.backoff.failures("u"), 0);
    // A new resource of the same name keeps its state.
    cache.apply_resource(toy(12));
    let _ = cache.backoff.next("u");
    cache.forget_if_deleted(&owner);
    assert_eq!(cache.backoff.failures("u"), 1);
}

/// Time until the resource is enqueued.
async fn waits(queue: &mut Queue) -> Option<Duration> {
    let started = Instant::now();
    let next = timeout(Duration::from_secs(60), queue.next()).await;
    next.ok().map(|_| started.elapsed())
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test(start_paused = true)]
async fn burst_of_changes_enqueues_once() {
    let (cache, mut queue) = known();
    for _ in 0..3 {
        cache.enqueue_debounced(key());
        tokio::time::sleep(millis(400)).await;
    }
    assert_eq!(waits(&mut queue).await, Some(millis(100)));
    assert_eq!(waits(&mut queue).await, None);
}

#[tokio::test(start_paused = true)]
async fn continuous_changes_enqueue_after_the_maximum_delay() {
    let (cache, mut queue) = known();
    let started = Instant::now();
    while queued(&mut queue) == 0 {
        cache.enqueue_debounced(key());
        tokio::time::sleep(millis(100)).await;
    }
    let waited = started.elapsed();
    assert!(
        (millis(5000)..=millis(5100)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn enqueue_does_not_wait_for_a_pending_debounce() {
    let (cache, mut queue) = known();
    cache.enqueue_debounced(key());
    cache.enqueue(&key());
    assert_eq!(waits(&mut queue).await, Some(millis(0)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_debounced_before_the_queue_opens() {
    let cache = cache();
    cache.apply_resource(toy(1));
    cache.enqueue_debounced(key());
    let mut queue = cache.open_queue();
    assert_eq!(waits(&mut queue).await, Some(millis(0)));
    assert_eq!(waits(&mut queue).await, None);
}
