use super::*;
use kube_facts::extract::Extract;
use serde_json::{Value, json};

fn facts<S: Extract>(object: Value) -> S::Facts {
    S::read(&object).into_parts().1
}

fn set(change: impl FnOnce(&mut Value)) -> SetFacts {
    let mut set = json!({
        "metadata": {
            "name": "thanos-store-x-shard-0", "generation": 3,
            "labels": {"operator.thanos.io/owner": "x"},
            "ownerReferences": [
                {"kind": "Other", "name": "o", "uid": "other"},
                {"kind": "ThanosStore", "name": "x", "uid": "u", "controller": true},
            ],
        },
        "spec": {
            "replicas": 2, "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            "template": {"metadata": {"labels": {}}, "spec": {"containers": []}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        },
        "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2},
    });
    change(&mut set);
    facts::<SetObject>(set)
}

#[test]
fn go_operator_stateful_set_has_no_controller() {
    let set = set(|_| {});
    assert_eq!(set.applied_by, None);
    assert_eq!(set.owner, "u");
    assert_eq!((set.replicas, set.partition), (2, 1));
    assert_eq!(set.fixed.pod_management_policy, "OrderedReady");
    assert_eq!(set.fixed.claim_templates[0]["metadata"]["name"], "data");
    assert!(set.current && set.is_complete());
    assert!(!set.surging && set.template.is_none());
}

#[test]
fn own_stateful_set_is_read_with_its_annotations() {
    let ours = |change: fn(&mut Value)| {
        set(|s| {
            s["metadata"]["labels"]["operator.thanos.io/controller"] =
                json!("thanos-store-controller");
            s["metadata"]["annotations"] = json!({
                "operator.thanos.io/template-hash": "t",
                "operator.thanos.io/secrets-hash": "known",
            });
            s["spec"]["template"]["metadata"]["annotations"] =
                json!({"operator.thanos.io/secrets-hash": "rolled"});
            change(s);
        })
    };
    let plain = ours(|_| {});
    assert_eq!(plain.applied_by.as_deref(), Some("thanos-store-controller"));
    assert_eq!(plain.template_hash.as_deref(), Some("t"));
    assert_eq!(plain.known_secrets.as_deref(), Some("known"));
    assert_eq!(plain.rolled_secrets.as_deref(), Some("rolled"));
    let behind = ours(|s| s["status"]["observedGeneration"] = json!(2));
    assert!(!behind.current && !behind.is_complete());
    let rolling = ours(|s| s["status"]["updatedReplicas"] = json!(1));
    assert!(rolling.current && !rolling.is_complete());
    let surging =
        ours(|s| s["metadata"]["annotations"]["operator.thanos.io/surge"] = json!("true"));
    assert!(surging.surging && surging.template.is_some());
}

fn querier(args: Value, change: impl FnOnce(&mut Value)) -> Option<String> {
    let mut pod = json!({
        "metadata": {"name": "q"},
        "spec": {"containers": [
            {"name": "thanos-query", "args": args, "ports": [{"name": "grpc", "containerPort": 10901}, {"name": "http", "containerPort": 9090}]},
            {"name": "other", "args": ["--web.route-prefix=/other"], "ports": [{"name": "http", "containerPort": 1}]},
        ]},
        "status": {"podIP": "10.0.0.9", "conditions": [{"type": "Ready", "status": "True"}]},
    });
    change(&mut pod);
    facts::<QuerierObject>(pod).stores
}

#[test]
fn querier_url_contains_the_path_prefix() {
    for (args, prefix) in [
        (json!(["query"]), ""),
        (json!(["query", "--web.route-prefix=/thanos"]), "/thanos"),
        (json!(["query", "--web.route-prefix=/a/b/"]), "/a/b"),
        (json!(["query", "--web.external-prefix=/ext"]), "/ext"),
        (
            json!(["query", "--web.external-prefix=https://a.b:1/ext"]),
            "/ext",
        ),
        (json!(["query", "--web.external-prefix=https://a.b"]), ""),
        (
            json!([
                "query",
                "--web.external-prefix=/ext",
                "--web.route-prefix=/"
            ]),
            "",
        ),
        (json!(["query", "--web.route-prefix="]), ""),
    ] {
        let expected = format!("http://10.0.0.9:9090{prefix}/api/v1/stores");
        assert_eq!(querier(args.clone(), |_| {}), Some(expected), "{args}");
    }
    let six = querier(json!([]), |p| p["status"]["podIP"] = json!("fd00::9"));
    assert_eq!(six.as_deref(), Some("http://[fd00::9]:9090/api/v1/stores"));
}

/// An admission webhook inserts its container before the others, with a port of the same name.
#[test]
fn injected_container_does_not_hide_the_querier() {
    let proxy = json!({"name": "istio-proxy", "args": ["proxy", "--web.route-prefix=/mesh"],
        "ports": [{"name": "http", "containerPort": 15021}]});
    let silent = json!({"name": "vault-agent"});
    for injected in [proxy, silent] {
        let found = querier(json!(["query", "--web.route-prefix=/thanos"]), |pod| {
            let containers = pod["spec"]["containers"].as_array_mut().unwrap();
            containers.insert(0, injected);
        });
        let expected = "http://10.0.0.9:9090/thanos/api/v1/stores";
        assert_eq!(found.as_deref(), Some(expected));
    }
}

#[test]
fn querier_that_is_not_ready_is_not_probed() {
    let changes: [fn(&mut Value); 4] = [
        |p| p["status"]["conditions"][0]["status"] = json!("False"),
        |p| p["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        |p| p["status"]["podIP"] = Value::Null,
        |p| p["spec"]["containers"][0]["ports"] = json!([]),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        assert_eq!(querier(json!([]), change), None, "{i}");
    }
}

#[test]
fn only_events_about_thanos_pods_are_read() {
    let event = |name: &str| {
        facts::<MountEvent>(json!({
            "metadata": {"name": "e"}, "reason": "FailedMount",
            "involvedObject": {"kind": "Pod", "name": name, "uid": "u"},
            "message": "MountVolume.SetUp failed for volume \"object-storage\" : secret \"bucket\" not found",
        }))
    };
    let failure = event("thanos-store-x-0").unwrap();
    assert_eq!(failure.pod, "u");
    assert!(failure.message.ends_with("secret \"bucket\" not found"));
    assert_eq!(event("prometheus-k8s-0"), None);
}

/// Only digests of Secrets are kept.
#[test]
fn facts_of_secrets_contain_no_values() {
    const PASSWORD: &str = "c2VjcmV0IHBhc3N3b3Jk";
    let secret = json!({"metadata": {"name": "s"}, "type": "Opaque", "data": {"thanos.yaml": PASSWORD, "other": "eA=="}});
    let read = SecretObject::read(&secret);
    assert!(!format!("{read:?}").contains(PASSWORD));
    let facts = read.into_parts().1;
    let text = format!("{facts:?}");
    assert!(
        !text.contains(PASSWORD) && !text.contains("secret password"),
        "{text}"
    );
    assert_eq!(facts.keys().collect::<Vec<_>>(), ["other", "thanos.yaml"]);
    assert_ne!(facts["other"], facts["thanos.yaml"]);
    let again = SecretObject::read(&secret).into_parts().1;
    assert_eq!(facts, again);
    assert!(
        SecretObject::read(&json!({"metadata": {"name": "empty"}}))
            .into_parts()
            .1
            .is_empty()
    );
}

#[test]
fn pvcs_are_read() {
    let pvc = |spec: Value, status: Value| {
        facts::<PvcObject>(json!({
            "metadata": {"name": "data-thanos-store-x-0", "uid": "u", "labels": {"operator.thanos.io/owner": "x"}},
            "spec": spec, "status": status,
        }))
    };
    let spec = json!({"storageClassName": "fast", "resources": {"requests": {"storage": "10Gi"}}});
    let bound = pvc(
        spec.clone(),
        json!({"phase": "Bound", "capacity": {"storage": "10737418240"}}),
    );
    assert_eq!((bound.owner.as_str(), bound.uid.as_str()), ("x", "u"));
    assert_eq!(bound.requested, Some(10 << 30));
    assert_eq!(bound.capacity, bound.requested);
    assert_eq!(
        (bound.class.as_deref(), bound.bound, bound.pod_failures),
        (Some("fast"), true, None)
    );
    let pending = pvc(json!({"storageClassName": ""}), json!({"phase": "Pending"}));
    assert_eq!(
        (pending.class, pending.bound, pending.capacity),
        (None, false, None)
    );
    let stuck = |status: &str| {
        pvc(
            spec.clone(),
            json!({"phase": "Bound", "conditions": [
                {"type": "FileSystemResizePending", "status": "True", "message": "later"},
                {"type": "ControllerResizeError", "status": status, "message": "quota exceeded"},
            ]}),
        )
    };
    assert_eq!(
        stuck("True").pod_failures.as_deref(),
        Some("quota exceeded")
    );
    assert_eq!(stuck("False").pod_failures, None);
}

#[test]
fn storage_classes_are_read() {
    let class = |annotations: Value, grows: Value| {
        facts::<ClassObject>(
            json!({"metadata": {"name": "c", "annotations": annotations}, "allowVolumeExpansion": grows}),
        )
    };
    let default = class(
        json!({"storageclass.kubernetes.io/is-default-class": "true"}),
        json!(true),
    );
    assert!(default.default && default.grows);
    let other = class(
        json!({"storageclass.kubernetes.io/is-default-class": "false"}),
        json!(false),
    );
    assert!(!other.default && !other.grows);
    let bare = facts::<ClassObject>(json!({"metadata": {"name": "c"}}));
    assert!(!bare.default && !bare.grows);
}

/// The API server stores `stringData` as `data`; manifests for `render` may have the former.
#[test]
fn string_data_has_the_digest_of_stored_data() {
    let read = |secret: Value| facts::<SecretObject>(secret);
    let stored = read(json!({"metadata": {"name": "s"}, "data": {"a": "cGxhaW4=", "b": "eA=="}}));
    let manifest = json!({
        "metadata": {"name": "s"}, "data": {"a": "b3Zlcg==", "b": "eA=="}, "stringData": {"a": "plain"},
    });
    assert!(!format!("{:?}", SecretObject::read(&manifest)).contains("plain"));
    assert_eq!(read(manifest), stored);
    let only = read(json!({"metadata": {"name": "s"}, "stringData": {"b": "x"}}));
    assert_eq!(only["b"], stored["b"]);
}
