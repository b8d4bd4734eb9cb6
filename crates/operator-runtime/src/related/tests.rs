use kube_facts::Key;
use serde_json::json;

use super::*;
use crate::reconcile::toy::{ToyController, ToyStores};
use crate::reconciler::Reconciler;

fn load(object: &Value) -> ToyStores {
    let mut stores = ToyStores::default();
    for related in ToyController::related() {
        related.load(&mut stores, object);
    }
    stores
}

fn event(kind: &str, reason: &str, type_: Value) -> ToyStores {
    load(&json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "x.1", "namespace": "ns"},
        "involvedObject": {"kind": kind}, "reason": reason, "type": type_, "message": "why",
    }))
}

#[test]
fn field_selectors_apply_to_objects_from_files() {
    let warning = || json!("Warning");
    let stores = event("Pod", "FailedMount", warning());
    let why = stores.mounts.items().get(&Key::new("ns", "x.1"));
    assert_eq!(why.map(String::as_str), Some("why"));
    assert!(stores.attachments.items().is_empty());

    let other = event("Node", "FailedMount", warning());
    assert!(other.mounts.items().is_empty());

    let attachments = |type_| event("Pod", "FailedAttachVolume", type_).attachments;
    assert_eq!(attachments(warning()).items().len(), 1);
    assert_eq!(attachments(json!(null)).items().len(), 1);
    assert!(attachments(json!("Normal")).items().is_empty());
}

#[test]
fn field_selectors_compare_text() {
    let object = json!({"spec": {"count": 3, "on": true, "none": null}, "a": "x"});
    let read = |path| field(&object, path).into_owned();
    assert_eq!(read("spec.count"), "3");
    assert_eq!(read("spec.on"), "true");
    assert_eq!(read("a"), "x");
    for unset in ["spec.none", "spec.gone", "gone.deep", "a.deep"] {
        assert_eq!(read(unset), "");
    }
}

#[test]
fn kind_granted_apart_is_dispensable() {
    let apart = |kind: &str| {
        let mut all = ToyController::related().into_iter();
        let it = all.find(|r| r.resource.kind == kind).unwrap();
        (it.granted_apart, it.dispensable)
    };
    assert_eq!(apart("Event"), (true, true));
    assert_eq!(apart("Pod"), (false, false));
}
