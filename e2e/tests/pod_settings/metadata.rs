//! Labels and annotations of a custom resource's metadata on its children.

use serde_json::{Map, Value, json};

use super::rendered::{Said, map, title, workloads};

/// Metadata keys that users set on custom resources for their children.
const INHERITED: [(&str, &str); 3] = [
    ("labels", "release"),
    (
        "annotations",
        "service.beta.openshift.io/serving-cert-secret-name",
    ),
    ("annotations", "eks.amazonaws.com/role-arn"),
];

/// Keys that tools put there for their own sake.
const KEPT_BACK: [(&str, &str); 5] = [
    ("labels", "argocd.argoproj.io/instance"),
    ("labels", "kustomize.toolkit.fluxcd.io/name"),
    ("labels", "operator.thanos.io/remote-write-api"),
    (
        "annotations",
        "kubectl.kubernetes.io/last-applied-configuration",
    ),
    ("annotations", "argocd.argoproj.io/tracking-id"),
];

fn said(keys: &[(&str, &str)], common: Value) -> Said {
    let mut metadata = Map::new();
    for (maps, key) in keys {
        let map = metadata.entry(*maps).or_insert_with(|| json!({}));
        map[*key] = json!("true");
    }
    Said {
        metadata,
        common: common.as_object().cloned().unwrap_or_default(),
        ..Default::default()
    }
}

#[test]
fn every_child_inherits_metadata_and_no_pod_does() {
    let all = said(&[INHERITED.as_slice(), &KEPT_BACK].concat(), json!({})).rendered();
    for object in &all {
        for (maps, key) in INHERITED {
            let carried = map(object, &format!("/metadata/{maps}"));
            assert_eq!(
                carried.get(key),
                Some(&json!("true")),
                "{} lacks {key}",
                title(object)
            );
        }
    }
    let is_opening = |o: &&Value| {
        o["metadata"]["labels"]
            .get("operator.thanos.io/owner")
            .is_none()
    };
    assert_eq!(
        all.iter().filter(is_opening).count(),
        1,
        "the policy that opens the Prometheus"
    );
    // The router's Service is a remote write API by itself.
    let by_itself = |object: &Value, key: &str| {
        key.ends_with("remote-write-api")
            && object["metadata"]["name"] == "thanos-receive-router-main"
    };
    for object in &all {
        for (maps, key) in KEPT_BACK {
            let carried = map(object, &format!("/metadata/{maps}"));
            let allowed = by_itself(object, key) || !carried.contains_key(key);
            assert!(allowed, "{} carries {key}", title(object));
        }
    }
    for kind in [
        "ServiceAccount",
        "Service",
        "ServiceMonitor",
        "NetworkPolicy",
        "ConfigMap",
    ] {
        assert!(all.iter().any(|o| o["kind"] == kind), "no {kind}");
    }
}

/// A tool that relabels custom resources restarts nothing, and selects nothing else.
#[test]
fn metadata_changes_neither_pods_nor_selectors() {
    let plain = Said::default().rendered();
    let labelled = said(
        &[
            ("labels", "app.kubernetes.io/name"),
            ("labels", "app.kubernetes.io/instance"),
            ("labels", "team"),
            ("annotations", "note"),
        ],
        json!({}),
    );
    let labelled = labelled.rendered();
    let specs = |all: &[Value]| -> Vec<Value> { all.iter().map(|o| o["spec"].clone()).collect() };
    assert_eq!(specs(&plain), specs(&labelled));
    assert_eq!(workloads(&plain).len(), workloads(&labelled).len());
    for object in &labelled {
        let labels = map(object, "/metadata/labels");
        for key in ["app.kubernetes.io/name", "app.kubernetes.io/instance"] {
            let title = title(object);
            assert_ne!(labels.get(key), Some(&json!("true")), "{title}: {key}");
        }
    }
}

/// The section of a spec says it more closely than the metadata of the whole.
#[test]
fn labels_of_the_spec_win_over_those_of_the_metadata() {
    let common = json!({"labels": {"release": "section"}, "annotations": {"note": "section"}});
    let all = said(&[("labels", "release"), ("annotations", "note")], common).rendered();
    let with_owner = all.iter().filter(|o| {
        o["metadata"]["labels"]
            .get("operator.thanos.io/owner")
            .is_some()
    });
    for object in with_owner {
        assert_eq!(
            object["metadata"]["labels"]["release"],
            "section",
            "{}",
            title(object)
        );
        assert_eq!(
            object["metadata"]["annotations"]["note"],
            "section",
            "{}",
            title(object)
        );
    }
}
