use super::*;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::core::ObjectMeta as Meta;
use serde_json::{Value, json};

const MANAGER: &str = "us";

fn owner() -> Owner {
    Owner {
        namespace: "ns".into(),
        name: "cr".into(),
        uid: "cr-uid".into(),
    }
}

fn plan(names: &[&str]) -> Plan {
    let cr = ConfigMap {
        metadata: Meta {
            name: Some("cr".into()),
            namespace: Some("ns".into()),
            uid: Some("cr-uid".into()),
            ..Default::default()
        },
        ..Default::default()
    };
    let mut plan = Plan::new(&cr, "example.com/controller", MANAGER);
    for name in names {
        plan.push(Service {
            metadata: Meta {
                name: Some((*name).into()),
                ..Default::default()
            },
            ..Default::default()
        });
    }
    plan
}

fn key(name: &str) -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "Service".into(),
        name: name.into(),
    }
}

/// A Service with this resource version and these fields of our field manager.
fn object(uid: &str, version: u64, fields: Value) -> Owned {
    serde_json::from_value(json!({"metadata": {
        "namespace": "ns", "uid": uid, "resourceVersion": version.to_string(), "generation": 1,
        "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "cr", "uid": "cr-uid", "controller": true}],
        "managedFields": [{"manager": MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}],
    }}))
    .unwrap()
}

fn ours() -> Value {
    json!({"f:spec": {"f:ports": {}}})
}

/// Applies all objects that must be applied. Returns their number.
fn converge(
    owned_objects: &mut OwnedObjects,
    plan: &Plan,
    applied: Option<&str>,
    version: &mut u64,
) -> usize {
    let unsent: Vec<(ObjectKey, u64)> = owned_objects
        .to_send(&owner(), plan, applied)
        .into_iter()
        .map(|(object, digest, _)| (object.key.clone(), digest))
        .collect();
    for (key, digest) in &unsent {
        *version += 1;
        let response = object(&format!("uid-{}", key.name), *version, ours());
        owned_objects.enter_applied(key, &response, MANAGER, *digest);
    }
    unsent.len()
}

#[test]
fn unchanged_objects_are_not_applied_again() {
    let (mut owned_objects, plan, mut version) = (OwnedObjects::default(), plan(&["a", "b"]), 0);
    assert_eq!(converge(&mut owned_objects, &plan, None, &mut version), 2);
    assert_eq!(converge(&mut owned_objects, &plan, None, &mut version), 0);
    assert!(owned_objects.applied_hash(&owner(), &plan).is_some());
}

#[test]
fn only_the_changed_object_is_applied() {
    let (mut owned_objects, mut version) = (OwnedObjects::default(), 0);
    converge(&mut owned_objects, &plan(&["a", "b"]), None, &mut version);
    let mut changed = plan(&["a"]);
    changed.push(Service {
        metadata: Meta {
            name: Some("b".into()),
            annotations: Some([("x".into(), "y".into())].into()),
            ..Default::default()
        },
        ..Default::default()
    });
    let unsent = owned_objects.to_send(&owner(), &changed, None);
    assert_eq!(unsent.len(), 1);
    assert_eq!(unsent[0].0.key, key("b"));
    assert_eq!(unsent[0].2.as_deref(), Some("uid-b"));
}

#[test]
fn drift_is_detected_by_the_owned_fields() {
    let (mut owned_objects, plan, mut version) = (OwnedObjects::default(), plan(&["a"]), 0);
    converge(&mut owned_objects, &plan, None, &mut version);
    // Another manager changes a field that we do not own.
    assert_eq!(
        owned_objects.enter(key("a"), &object("uid-a", 10, ours()), MANAGER),
        None
    );
    assert_eq!(owned_objects.to_send(&owner(), &plan, None).len(), 0);
    // Another manager takes over one of our fields, or clears managedFields.
    for fields in [json!({"f:spec": {}}), Value::Null] {
        version = version.max(20) + 1;
        let requeue = owned_objects.enter(key("a"), &object("uid-a", version, fields), MANAGER);
        assert_eq!(requeue, Some(Requeue::Now(owner())));
        assert_eq!(converge(&mut owned_objects, &plan, None, &mut version), 1);
    }
}

#[test]
fn recreated_object_is_applied_again() {
    let (mut owned_objects, plan, mut version) = (OwnedObjects::default(), plan(&["a"]), 0);
    converge(&mut owned_objects, &plan, None, &mut version);
    assert_eq!(
        owned_objects.enter(key("a"), &object("other", 9, ours()), MANAGER),
        Some(Requeue::Now(owner()))
    );
    assert_eq!(owned_objects.to_send(&owner(), &plan, None).len(), 1);
}

#[test]
fn outdated_events_are_ignored() {
    let (mut owned_objects, plan, mut version) = (OwnedObjects::default(), plan(&["a"]), 5);
    converge(&mut owned_objects, &plan, None, &mut version);
    assert_eq!(
        owned_objects.enter(key("a"), &object("uid-a", 3, json!({})), MANAGER),
        None
    );
    assert_eq!(owned_objects.to_send(&owner(), &plan, None).len(), 0);
    // The deletion of a predecessor.
    assert_eq!(
        owned_objects.remove(&key("a"), &object("older", 9, ours())),
        None
    );
    assert_eq!(owned_objects.to_send(&owner(), &plan, None).len(), 0);
}

#[test]
fn change_that_arrives_before_the_apply_response_is_detected() {
    let (mut owned_objects, plan) = (OwnedObjects::default(), plan(&["a"]));
    let digest = owned_objects.to_send(&owner(), &plan, None)[0].1;
    owned_objects.enter(key("a"), &object("uid-a", 8, json!({})), MANAGER);
    owned_objects.enter_applied(&key("a"), &object("uid-a", 7, ours()), MANAGER, digest);
    assert_eq!(
        owned_objects.to_send(&owner(), &plan, None).len(),
        1,
        "version 8 has drifted from the body of version 7"
    );
}

#[test]
fn restart_applies_nothing_if_the_applied_hash_matches() {
    let (mut before, plan, mut version) = (OwnedObjects::default(), plan(&["a", "b"]), 0);
    converge(&mut before, &plan, None, &mut version);
    let hash = before.applied_hash(&owner(), &plan).unwrap();
    let listed = |fields: Value| {
        let mut after = OwnedObjects::default();
        for name in ["a", "b"] {
            after.enter(
                key(name),
                &object(&format!("uid-{name}"), 50, fields.clone()),
                MANAGER,
            );
        }
        after
    };
    let mut same = listed(ours());
    assert_eq!(same.to_send(&owner(), &plan, Some(&hash)).len(), 0);
    assert_eq!(same.applied_hash(&owner(), &plan), Some(hash.clone()));
    assert_eq!(
        listed(json!({}))
            .to_send(&owner(), &plan, Some(&hash))
            .len(),
        2,
        "drifted meanwhile"
    );
    assert_eq!(
        listed(ours()).to_send(&owner(), &plan, Some("other")).len(),
        2
    );
    assert_eq!(listed(ours()).to_send(&owner(), &plan, None).len(), 2);
    let mut missing = listed(ours());
    missing.remove(&key("b"), &object("uid-b", 51, ours()));
    assert_eq!(missing.to_send(&owner(), &plan, Some(&hash)).len(), 2);
}

#[test]
fn orphans_are_the_objects_that_the_plan_does_not_contain() {
    let (mut owned_objects, mut version) = (OwnedObjects::default(), 0);
    converge(&mut owned_objects, &plan(&["a", "b"]), None, &mut version);
    let orphans = owned_objects.orphans(&owner(), &plan(&["b"]));
    assert_eq!(
        orphans,
        [Orphan {
            key: key("a"),
            uid: "uid-a".into()
        }]
    );
    assert_eq!(
        owned_objects.remove(&key("a"), &object("uid-a", 9, ours())),
        Some(owner())
    );
    assert!(owned_objects.orphans(&owner(), &plan(&["b"])).is_empty());
}

#[test]
fn list_removes_the_objects_that_it_does_not_contain() {
    let (mut owned_objects, mut version) = (OwnedObjects::default(), 0);
    converge(&mut owned_objects, &plan(&["a", "b"]), None, &mut version);
    let listed = BTreeSet::from(["uid-a".to_owned()]);
    assert!(
        owned_objects
            .retain("", "ConfigMap", None, &listed)
            .is_empty()
    );
    assert!(
        owned_objects
            .retain("", "Service", Some("elsewhere"), &listed)
            .is_empty()
    );
    assert_eq!(
        owned_objects.retain("", "Service", Some("ns"), &listed),
        [owner()].into()
    );
    assert_eq!(
        owned_objects
            .to_send(&owner(), &plan(&["a", "b"]), None)
            .len(),
        1
    );
}

#[test]
fn changed_counts_requeue_and_report_whether_they_are_current() {
    let mut owned_objects = OwnedObjects::default();
    let deployment = ObjectKey {
        group: "apps".into(),
        kind: "Deployment".into(),
        name: "d".into(),
    };
    let mut seen = object("uid-d", 1, ours());
    seen.metadata.generation = Some(2);
    seen.status.observed_generation = 1;
    owned_objects.enter(deployment.clone(), &seen, MANAGER);
    assert!(!owned_objects.counts(&owner())[&deployment].current);
    seen.metadata.resource_version = Some("2".into());
    assert_eq!(
        owned_objects.enter(deployment.clone(), &seen, MANAGER),
        None,
        "no relevant change"
    );
    seen.metadata.resource_version = Some("3".into());
    seen.status.observed_generation = 2;
    seen.status.ready_replicas = 1;
    assert_eq!(
        owned_objects.enter(deployment.clone(), &seen, MANAGER),
        Some(Requeue::Soon(owner()))
    );
    let workload = &owned_objects.counts(&owner())[&deployment];
    assert!(workload.current);
    assert_eq!(workload.counts.ready_replicas, 1);
}

#[test]
fn watch_event_before_the_apply_response_is_no_drift() {
    let (mut owned_objects, plan, mut version) = (OwnedObjects::default(), plan(&["a"]), 0);
    converge(&mut owned_objects, &plan, None, &mut version);
    let mut changed = super::tests::plan(&[]);
    changed.push(Service {
        metadata: Meta {
            name: Some("a".into()),
            labels: Some([("x".into(), "y".into())].into()),
            ..Default::default()
        },
        ..Default::default()
    });
    let digest = owned_objects.to_send(&owner(), &changed, None)[0].1;
    let applied = object("uid-a", 5, json!({"f:metadata": {}}));
    let echo = owned_objects.enter(key("a"), &applied, MANAGER);
    assert_eq!(echo, Some(Requeue::Soon(owner())), "no drift");
    assert!(owned_objects.enter_applied(&key("a"), &applied, MANAGER, digest));
    assert_eq!(owned_objects.to_send(&owner(), &changed, None).len(), 0);
    let drifted = object("uid-a", 6, json!({}));
    let enqueue = owned_objects.enter(key("a"), &drifted, MANAGER);
    assert_eq!(enqueue, Some(Requeue::Now(owner())));
}

#[test]
fn concurrent_change_before_the_apply_response_is_reported() {
    let mut owned_objects = OwnedObjects::default();
    let theirs = object("uid-a", 6, json!({}));
    let enqueue = owned_objects.enter(key("a"), &theirs, MANAGER);
    assert_eq!(enqueue, Some(Requeue::Soon(owner())));
    let is_current =
        owned_objects.enter_applied(&key("a"), &object("uid-a", 5, ours()), MANAGER, 1);
    assert!(!is_current, "the object must be applied again");
}

#[test]
fn non_numeric_resource_versions_are_always_stored() {
    let mut owned_objects = OwnedObjects::default();
    let of_version = |version: Option<&str>, fields: Value| {
        let mut object = object("uid-a", 0, fields);
        object.metadata.resource_version = version.map(str::to_owned);
        object
    };
    let theirs = || json!({"f:spec": {"f:other": {}}});
    owned_objects.enter(key("a"), &of_version(Some("x"), ours()), MANAGER);
    for (version, fields, expected) in [
        (Some("x"), theirs(), false),
        (Some("w"), theirs(), true),
        (Some("y"), ours(), true),
        (Some("7"), theirs(), true),
        (Some("6"), ours(), false),
        (None, ours(), true),
        (None, theirs(), true),
    ] {
        let object = of_version(version, fields);
        let is_requeued = owned_objects.enter(key("a"), &object, MANAGER).is_some();
        assert_eq!(is_requeued, expected, "{version:?}");
    }
}
