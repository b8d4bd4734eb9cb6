use serde_json::{from_str, json};

use super::*;
use crate::testing::labels;

#[test]
fn labels_and_metadata_are_extracted() {
    let object = json!({
        "metadata": {
            "name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "7", "labels": {"a": "b", "odd": 1},
            "managedFields": [{"manager": "m"}],
        },
        "spec": {"finalizers": []},
    });
    assert_eq!(
        NamespaceFacts::from_object(&object).labels,
        labels(&[("a", "b")])
    );
    let thin: Thin<NamespaceSpec> = from_str(&object.to_string()).unwrap();
    let (metadata, facts) = thin.into_parts();
    let expected = ObjectMeta {
        name: Some("n".to_owned()),
        namespace: Some("ns".to_owned()),
        uid: Some("u".to_owned()),
        resource_version: Some("7".to_owned()),
        ..Default::default()
    };
    assert_eq!(metadata, expected);
    assert_eq!(facts.labels, labels(&[("a", "b")]));
}

/// A custom `Extract` of an annotation, the controller and the status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Pvc {
    metadata: Lenient<Object<Metadata>>,
    status: Lenient<Object<PvcStatus>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PvcStatus {
    phase: Lenient<String>,
    capacity: Lenient<Labels>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct PvcFacts {
    keep: Option<String>,
    controller: Option<String>,
    phase: Option<String>,
    capacity: Labels,
}

impl Extract for Pvc {
    type Facts = PvcFacts;

    fn into_parts(self) -> (ObjectMeta, PvcFacts) {
        let metadata = self.metadata.fields();
        let identity = metadata.identity();
        let status = self.status.fields();
        let owners = metadata.owner_references.or_default().into_iter();
        let mut owners = owners.filter(|Object(owner)| owner.controller.clone().or_default());
        let facts = PvcFacts {
            keep: metadata.annotations.or_default().remove("example.com/keep"),
            controller: owners.next().and_then(|Object(owner)| owner.uid.get()),
            phase: status.phase.get(),
            capacity: status.capacity.or_default(),
        };
        (identity, facts)
    }
}

#[test]
fn custom_type_extracts_annotations_owners_and_status() {
    let object = json!({
        "metadata": {"name": "data-x-0", "namespace": "ns", "uid": "u", "resourceVersion": "7",
            "annotations": {"example.com/keep": "yes", "odd": 1},
            "ownerReferences": [1, {"uid": "a"}, {"uid": "b", "controller": true}]},
        "spec": {"volumeName": "pv"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "conditions": [{}]},
    });
    let expected = PvcFacts {
        keep: Some("yes".to_owned()),
        controller: Some("b".to_owned()),
        phase: Some("Bound".to_owned()),
        capacity: labels(&[("storage", "1Gi")]),
    };
    let read = [Pvc::read(&object), from_str(&object.to_string()).unwrap()];
    for pvc in read {
        let (identity, facts) = pvc.into_parts();
        assert_eq!(identity.name.as_deref(), Some("data-x-0"));
        assert_eq!(identity.namespace.as_deref(), Some("ns"));
        assert_eq!(identity.uid.as_deref(), Some("u"));
        assert_eq!(identity.resource_version.as_deref(), Some("7"));
        assert_eq!(facts, expected);
    }
}

#[test]
fn custom_type_tolerates_unexpected_types() {
    let odd = json!({"metadata": {"name": "x", "annotations": [], "ownerReferences": {}},
        "status": {"phase": 1, "capacity": "much"}});
    let (identity, facts) = from_str::<Pvc>(&odd.to_string()).unwrap().into_parts();
    assert_eq!(identity.name.as_deref(), Some("x"));
    assert_eq!(facts, PvcFacts::default());
    for odd in [
        json!("odd"),
        json!(null),
        json!({"metadata": 1, "status": []}),
    ] {
        assert_eq!(Pvc::read(&odd).into_parts().1, PvcFacts::default());
    }
}
