use super::*;
use serde_json::{Value, json};

fn read(object: &Value) -> PodFacts {
    PodObject::read(object).into_parts().1
}

/// A pod with the status of its containers.
fn pod(conditions: Value, store: Value) -> PodFacts {
    let mut statuses = vec![json!({"name": "helper", "restartCount": 9, "state": {"running": {}}})];
    if !store.is_null() {
        statuses.push(store);
    }
    read(&json!({
        "metadata": {
            "name": "thanos-store-x-0", "uid": "u",
            "labels": {"operator.thanos.io/owner": "x", "app.kubernetes.io/name": "thanos-store"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "thanos-store-x", "uid": "s", "controller": true}],
        },
        "spec": {"nodeName": "a"},
        "status": {"podIP": "10.1.2.3", "conditions": conditions, "containerStatuses": statuses},
    }))
}

fn store(state: Value, last: Value, restarts: i32) -> Value {
    json!({"name": "thanos-store", "restartCount": restarts, "state": state, "lastState": last})
}

const NEVER: Option<Ended> = None;

#[test]
fn running_pod() {
    let ready = json!([
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:07Z"},
    ]);
    let running = store(
        json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
        json!({}),
        0,
    );
    let it = pod(ready, running);
    assert_eq!(
        (it.owner.as_str(), it.set.as_str(), it.uid.as_str()),
        ("x", "thanos-store-x", "u")
    );
    assert_eq!(it.ip, Some("10.1.2.3".parse().unwrap()));
    assert_eq!(it.node.as_deref(), Some("a"));
    assert!(it.ready);
    assert_eq!(it.changed, Some("2026-01-01T00:00:07Z".parse().unwrap()));
    assert_eq!(
        (it.state, it.ended, it.restarts),
        (PodState::Running, NEVER, 0)
    );
}

/// The kubelet sorts container statuses by name.
#[test]
fn thanos_container_is_found_by_name() {
    let restarts = |program: &str, first: &str, names: &[&str]| {
        let statuses: Vec<Value> = (1..)
            .zip(names)
            .map(|(i, name)| json!({"name": name, "restartCount": i}))
            .collect();
        let pod = read(&json!({
            "metadata": {"name": "p", "labels": {"app.kubernetes.io/name": program}},
            "spec": {"containers": [{"name": first}, {"name": "a"}, {"name": "z", "args": ["store"]}]},
            "status": {"containerStatuses": statuses},
        }));
        pod.restarts
    };
    let (receive, ingester) = ("thanos-receive", "thanos-receive-ingester");
    assert_eq!(restarts(receive, "proxy", &["a", "proxy", receive]), 3);
    assert_eq!(restarts(receive, "proxy", &["a", ingester, receive]), 3);
    assert_eq!(restarts(receive, "proxy", &["a", "proxy", ingester]), 3);
    // The first container may be an injected one.
    for first in ["istio-proxy", "a"] {
        let all = ["a", "istio-proxy", "z"];
        assert_eq!(restarts("", first, &all), 3, "by its arguments otherwise");
        assert_eq!(
            restarts(receive, first, &all[..2]),
            0,
            "it has no status yet"
        );
    }
    assert_eq!(restarts(receive, "z", &[]), 0);
}

#[test]
fn starting_pod() {
    let scheduled = json!([{"type": "PodScheduled", "status": "True"}]);
    assert_eq!(
        pod(scheduled.clone(), Value::Null).state,
        PodState::Starting
    );
    let creating = store(
        json!({"waiting": {"reason": "ContainerCreating"}}),
        json!({}),
        0,
    );
    assert_eq!(pod(scheduled.clone(), creating).state, PodState::Starting);
    let image = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"x\""}});
    let image = pod(scheduled, store(image, json!({}), 0));
    assert_eq!(
        image.state,
        PodState::Waiting("ImagePullBackOff: Back-off pulling image \"x\"".to_owned())
    );
    let nowhere = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}]);
    assert_eq!(
        pod(nowhere, Value::Null).state,
        PodState::Unscheduled("0/1 nodes are available".to_owned())
    );
}

#[test]
fn pod_with_terminated_container() {
    let terminated =
        json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "level=error err=x"}});
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
    let crashing = pod(json!([]), store(back_off, terminated.clone(), 3));
    let expected = Ended {
        how: "exit code 1".to_owned(),
        termination_message: "level=error err=x".to_owned(),
    };
    assert_eq!(crashing.ended, Some(expected.clone()));
    assert_eq!((crashing.state, crashing.restarts), (PodState::Starting, 3));
    let just_now = pod(json!([]), store(terminated, json!({}), 0));
    assert_eq!(just_now.ended, Some(expected));
    let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let again = pod(json!([]), store(json!({"running": {}}), killed, 1));
    assert_eq!(again.state, PodState::Running);
    assert_eq!(again.ended.unwrap().how, "OOMKilled");
}

#[test]
fn terminating_pod_is_not_ready() {
    let going = read(&json!({
        "metadata": {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [store(json!({"running": {}}), json!({}), 0)]},
    }));
    assert!(!going.ready);
    assert_eq!(going.state, PodState::Terminating);
    assert_eq!(going.set, "", "no controller");
}
