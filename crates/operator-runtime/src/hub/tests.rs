//! Who is looked at again, and when.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::*;
use crate::pass::toy::{Toy, ToyController, ToyStatus};

type Queue = UnboundedReceiver<ObjectRef<Guarded<ToyController>>>;

fn hub() -> Arc<Hub<ToyController>> {
    let (_, caps) = watch::channel(Caps::default());
    Arc::new(Hub::new(caps, Arc::default()))
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

fn written(version: u64) -> Option<Written<ToyStatus>> {
    let status = ToyStatus::default();
    Some(Written {
        version: version.to_string().as_str().into(),
        status,
    })
}

/// How often the resource was queued.
fn queued(queue: &mut Queue) -> usize {
    std::iter::from_fn(|| queue.try_recv().ok()).count()
}

/// A resource that is known, and its queue, which is empty.
fn known() -> (Arc<Hub<ToyController>>, Queue) {
    let hub = hub();
    let mut queue = hub.open_queue();
    hub.take_in_resource(toy(1));
    assert_eq!(queued(&mut queue), 1);
    (hub, queue)
}

#[test]
fn a_status_of_ours_is_no_news() {
    // Before the answer, and after it.
    let (hub, mut queue) = known();
    let owner = owner(&toy(1));
    hub.expect_status(&owner);
    hub.take_in_resource(toy(2));
    hub.enter_status(&owner, written(2));
    assert_eq!(queued(&mut queue), 0);
    assert!(hub.state().written.is_empty());

    hub.expect_status(&owner);
    hub.enter_status(&owner, written(3));
    assert_eq!(hub.state().written.len(), 1);
    hub.take_in_resource(toy(3));
    assert_eq!(queued(&mut queue), 0);
    assert!(hub.state().written.is_empty());
}

#[test]
fn what_comes_while_a_status_is_written_is_not_lost() {
    // A change before our own, one after it, and one while nothing could be written.
    for (told, answer) in [
        (&[2, 3][..], written(3)),
        (&[2][..], written(3)),
        (&[3, 4][..], written(3)),
        (&[2][..], None),
    ] {
        let (hub, mut queue) = known();
        let owner = owner(&toy(1));
        hub.expect_status(&owner);
        for version in told {
            hub.take_in_resource(toy(*version));
        }
        assert_eq!(queued(&mut queue), 0, "{told:?}");
        hub.enter_status(&owner, answer);
        assert_eq!(queued(&mut queue), 1, "{told:?}");
        hub.take_in_resource(toy(5));
        assert_eq!(queued(&mut queue), 1, "{told:?}");
    }
}

#[test]
fn a_version_that_is_no_number_is_never_taken_for_an_older_one() {
    let (hub, mut queue) = known();
    let owner = owner(&toy(1));
    for version in ["b", "a", "9"] {
        hub.take_in_resource(of_version(version));
        assert_eq!(queued(&mut queue), 1, "{version}");
        let stored = hub.store().get(&ObjectRef::from_obj(&of_version("")));
        assert_eq!(stored.unwrap().resource_version().as_deref(), Some(version));
    }
    let ours = |version: &str| {
        let status = ToyStatus::default();
        let version = version.into();
        Some(Written { version, status })
    };
    // Told before the answer, and after it.
    hub.expect_status(&owner);
    hub.take_in_resource(of_version("ours"));
    hub.enter_status(&owner, ours("ours"));
    assert_eq!(queued(&mut queue), 0);
    hub.enter_status(&owner, ours("next"));
    hub.take_in_resource(of_version("next"));
    assert_eq!(queued(&mut queue), 0);
    assert!(hub.state().written.is_empty());
    // Something else, told while ours was written.
    hub.expect_status(&owner);
    hub.take_in_resource(of_version("other"));
    hub.enter_status(&owner, ours("last"));
    assert_eq!(queued(&mut queue), 1);
}

#[test]
fn nothing_is_kept_of_a_resource_that_is_deleted() {
    let (hub, _queue) = known();
    let owner = owner(&toy(1));
    hub.expect_status(&owner);
    hub.enter_status(&owner, written(9));
    hub.expect_status(&owner);
    let _ = hub.backoff.next(&owner.uid);
    let child = serde_json::from_value(json!({"metadata": {
        "name": "c", "namespace": "ns", "uid": "c", "resourceVersion": "1",
        "ownerReferences": [{"apiVersion": "v1", "kind": "Toy", "name": "x", "uid": "u", "controller": true}],
    }}));
    let key = crate::plan::ObjectKey {
        group: String::new(),
        kind: "ConfigMap".into(),
        name: "c".into(),
    };
    hub.state()
        .ledger
        .enter(key.clone(), &child.unwrap(), "toy");
    hub.state().ledger.expect(&owner, &key);
    hub.forget_resource(toy(10));
    let is_empty = |hub: &Hub<ToyController>| {
        let state = hub.state();
        state.written.is_empty() && state.writing.is_empty() && state.ledger.is_empty()
    };
    assert!(is_empty(&hub));
    assert_eq!(hub.backoff.failures("u"), 0);

    // What a reconcile entered that was still running.
    let _ = hub.backoff.next(&owner.uid);
    hub.enter_status(&owner, written(11));
    hub.forget_if_deleted(&owner);
    assert!(is_empty(&hub));
    assert_eq!(hub.backoff.failures("u"), 0);
    // One of the same name is another one.
    hub.take_in_resource(toy(12));
    let _ = hub.backoff.next("u");
    hub.forget_if_deleted(&owner);
    assert_eq!(hub.backoff.failures("u"), 1);
}

/// After how long the resource is queued.
async fn waits(queue: &mut Queue) -> Option<Duration> {
    let started = Instant::now();
    let next = timeout(Duration::from_secs(60), queue.next()).await;
    next.ok().map(|_| started.elapsed())
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test(start_paused = true)]
async fn changes_that_follow_each_other_are_one_look() {
    let (hub, mut queue) = known();
    for _ in 0..3 {
        hub.gather(key(), false);
        tokio::time::sleep(millis(400)).await;
    }
    assert_eq!(waits(&mut queue).await, Some(millis(100)));
    assert_eq!(waits(&mut queue).await, None);
}

#[tokio::test(start_paused = true)]
async fn changes_that_do_not_end_are_looked_at_all_the_same() {
    let (hub, mut queue) = known();
    let started = Instant::now();
    while queued(&mut queue) == 0 {
        hub.gather(key(), false);
        tokio::time::sleep(millis(100)).await;
    }
    let waited = started.elapsed();
    assert!(
        (millis(5000)..=millis(5100)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn something_else_waits_for_a_heap_only() {
    for (is_heap, soonest) in [(false, millis(0)), (true, millis(500))] {
        let (hub, mut queue) = known();
        hub.gather(key(), is_heap);
        hub.wake(&key());
        assert_eq!(waits(&mut queue).await, Some(soonest));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_gathered_before_the_queue_opens() {
    let hub = hub();
    hub.take_in_resource(toy(1));
    hub.gather(key(), true);
    let mut queue = hub.open_queue();
    assert_eq!(waits(&mut queue).await, Some(millis(0)));
    assert_eq!(waits(&mut queue).await, None);
}
