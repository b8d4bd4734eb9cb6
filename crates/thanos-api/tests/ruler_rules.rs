//! The rules of a ThanosRuler's schema: what is refused, and with which words.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::LazyLock;

use kube::CustomResourceExt;
use kube::core::cel::{ValidationErrors, Validator};
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosRuler;

// Making the definition takes longer than all checks.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let crd = serde_json::to_value(ThanosRuler::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
});

/// Through the type, as a stored resource comes.
fn ruler(spec: &Value) -> Value {
    let ruler: ThanosRuler = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosRuler",
        "metadata": {"name": "x", "namespace": "y"},
        "spec": spec,
    }))
    .unwrap();
    serde_json::to_value(ruler).unwrap()
}

fn validate(spec: &Value, old: Option<&Value>) -> Result<(), ValidationErrors> {
    let old = old.map(ruler);
    Validator::new().validate(&SCHEMA, &ruler(spec), old.as_ref())
}

fn accepted(spec: Value) {
    let result = validate(&spec, None);
    assert!(result.is_ok(), "{spec}: {result:?}");
}

/// The message names the field, and says what to do.
fn reported(result: Result<(), ValidationErrors>, spec: &Value, field: &str, words: &str) {
    match result {
        Ok(()) => panic!("{spec} was accepted"),
        Err(errors) => {
            let text = errors.to_string();
            assert!(text.contains(field), "{text} does not name {field}");
            assert!(text.contains(words), "{text} does not say {words}");
        }
    }
}

fn refused(spec: Value, field: &str, words: &str) {
    reported(validate(&spec, None), &spec, field, words);
}

fn stateful(fields: &Value) -> Value {
    json!({"rulerMode": {"type": "Stateful", "stateful": fields}})
}

#[test]
fn nothing_has_to_be_said() {
    accepted(json!({}));
    accepted(json!({"ruleSelector": {}, "ruleNamespaceSelector": {}}));
    accepted(json!({"rulerMode": {}}));
    accepted(json!({"rulerMode": {"type": "Stateless"}}));
    accepted(json!({"ruleTenancyConfig": {}, "alertmanagers": {}, "storage": {}}));
    accepted(json!({"alertmanagerURL": null, "ruleSelector": null, "evaluationInterval": null}));
}

/// As the Go operator documents it, and as its API server stores it with that operator's defaults.
#[test]
fn manifests_of_the_go_operator_are_accepted() {
    let stated = json!({
        "alertmanagerURL": "http://alertmanager.example.com:9093",
        "evaluationInterval": "1m",
        "imagePullPolicy": "IfNotPresent",
        "logFormat": "logfmt",
        "queryLabelSelector": {"matchLabels": {
            "app.kubernetes.io/part-of": "thanos", "operator.thanos.io/query-api": "true",
        }},
        "replicas": 1,
        "ruleConfigSelector": {"matchLabels": {"operator.thanos.io/prometheus-rule": "true"}},
        "rulerMode": {
            "type": "Stateful",
            "stateful": {
                "externalLabels": {"rule_replica": "$(NAME)"},
                "objectStorageConfig": {"name": "thanos-object-storage", "key": "thanos.yaml"},
                "retention": "2h",
            },
        },
        "storage": {"size": "1Gi"},
    });
    accepted(stated.clone());
    let mut stored = stated.as_object().unwrap().clone();
    let defaults = json!({
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        "podDisruptionBudgetConfig": {"enable": true},
        "podManagementPolicy": "OrderedReady",
    });
    stored.extend(defaults.as_object().unwrap().clone());
    accepted(Value::Object(stored.clone()));
    let selector = json!({"matchLabels": {
        "app.kubernetes.io/part-of": "thanos", "operator.thanos.io/remote-write-api": "true",
    }});
    let stateless = json!({"type": "Stateless", "stateless": {"labelSelector": selector}});
    stored.insert("rulerMode".to_owned(), stateless);
    accepted(Value::Object(stored));
}

/// One URL, and each of several, follow one rule.
#[test]
fn urls_of_alertmanagers() {
    for good in [
        "http://alertmanager.example.com:9093",
        "https://alertmanager.example.com",
        "http://alertmanager:9093",
        "http://alertmanager-operated.monitoring.svc:9093/prefix/",
        "dns+http://alertmanager-operated:9093",
        "dnssrv+http://_web._tcp.alertmanager-operated.monitoring.svc",
        "dnssrvnoa+https://_web._tcp.alertmanager-operated.monitoring.svc/a/b",
        "http://10.0.0.1:9093",
        "http://[::1]:9093",
        "http://[fe80::1%25eth0]:9093",
    ] {
        accepted(json!({"alertmanagerURL": good}));
        accepted(json!({"alertmanagers": {"urls": [good]}}));
    }
    for bad in [
        "alertmanager:9093",
        "//alertmanager:9093",
        "ftp://alertmanager",
        "http://",
        "http:///prefix",
        "http:// alertmanager",
        "http://alertmanager /",
        "http://user:word@alertmanager",
        "http://user:word/x@alertmanager",
        "http://user:9093/word@alertmanager",
        "http://user%3Aword%40alertmanager",
        "http://alertmanager?x=y",
        "http://alertmanager/#x",
        "srv+http://alertmanager",
        "dns+dnssrv+http://alertmanager",
        "dns+alertmanager:9093",
        "+http://alertmanager",
        "http://alertmanager\nhttp://other",
    ] {
        refused(
            json!({"alertmanagerURL": bad}),
            "alertmanagerURL",
            "such as http://alertmanager.example.com",
        );
        refused(
            json!({"alertmanagers": {"urls": ["http://good", bad]}}),
            "urls",
            "dnssrv+http://_web._tcp",
        );
    }
    accepted(json!({"alertmanagerURL": ""}));
    refused(json!({"alertmanagers": {"urls": [""]}}), "urls", "such as");
}

#[test]
fn alertmanagers_are_named_in_one_way() {
    let several = json!({"urls": ["http://a"]});
    refused(
        json!({"alertmanagerURL": "http://b", "alertmanagers": several}),
        "alertmanagerURL",
        "alertmanagers.urls accepts URLs as well",
    );
    accepted(json!({"alertmanagers": several}));
    accepted(json!({"alertmanagers": {"selector": {}, "namespaceSelector": {}, "urls": []}}));
    refused(
        json!({"alertmanagers": {"tlsConfig": {"serverName": "https://am"}}}),
        "serverName",
        "host name",
    );
    refused(
        json!({"alertmanagers": {"tlsConfig": {"ca": {"key": "k"}}}}),
        "ca",
        "name and key are required",
    );
}

#[test]
fn names_of_labels() {
    for good in ["team", "_x", "A1"] {
        accepted(json!({"alertLabelDrop": [good]}));
        accepted(json!({"ruleTenancyConfig": {"enforcedTenantIdentifier": good}}));
        accepted(stateful(&json!({"externalLabels": {good: "x"}})));
    }
    for bad in ["1x", "a-b", "a b", "ä"] {
        refused(
            json!({"alertLabelDrop": ["good", bad]}),
            "alertLabelDrop",
            "label name",
        );
        refused(
            json!({"ruleTenancyConfig": {"enforcedTenantIdentifier": bad}}),
            "enforcedTenantIdentifier",
            "label name",
        );
        refused(
            stateful(&json!({"externalLabels": {"good": "x", bad: "x"}})),
            "externalLabels",
            "label names",
        );
    }
    let specifier = |key: &str| json!({"ruleTenancyConfig": {"tenantSpecifierLabel": key}});
    accepted(specifier("operator.thanos.io/tenant"));
    accepted(specifier("team"));
    for bad in ["a/b/c", "/a", "-a", "Example.com/a", "a b"] {
        refused(specifier(bad), "tenantSpecifierLabel", "key of a label");
    }
}

#[test]
fn durations_and_sizes() {
    accepted(json!({"evaluationInterval": "1m30s"}));
    refused(
        json!({"evaluationInterval": "soon"}),
        "evaluationInterval",
        "such as 90s",
    );
    accepted(stateful(&json!({"retention": "1y2d"})));
    refused(
        stateful(&json!({"retention": "1M"})),
        "retention",
        "whole numbers",
    );
    accepted(json!({"storage": {"size": "1.5Ti", "storageClass": "fast.ssd"}}));
    refused(
        json!({"storage": {"size": "lots"}}),
        "size",
        "amount of bytes",
    );
    refused(
        json!({"storage": {"storageClass": "Fast"}}),
        "storageClass",
        "name of a StorageClass",
    );
}

#[test]
fn where_results_go() {
    refused(
        stateful(&json!({"objectStorageConfig": {"name": "", "key": "k"}})),
        "objectStorageConfig",
        "name and key are required",
    );
    accepted(json!({"alertQueryURL": "https://query.example.com/thanos"}));
    refused(
        json!({"alertQueryURL": "query.example.com"}),
        "alertQueryURL",
        "must be a URL",
    );
    refused(
        json!({"additionalArgs": ["for-grace-period=1m"]}),
        "additionalArgs",
        "two dashes",
    );
}

/// Bounds and choices are the schema's, which the API server checks before the rules.
#[test]
fn numbers_and_choices() {
    let spec = &SCHEMA["properties"]["spec"]["properties"];
    assert_eq!(spec["replicas"]["minimum"].as_f64(), Some(1.0));
    assert_eq!(
        spec["mode"]["enum"],
        json!(["Active", "Shadow", "ShadowOverlapping"])
    );
    assert_eq!(
        spec["rulerMode"]["properties"]["type"]["enum"],
        json!(["Stateful", "Stateless"])
    );
}

fn change(old: Value, new: Value) -> Result<(), ValidationErrors> {
    validate(&new, Some(&old))
}

#[test]
fn volumes_never_shrink() {
    let size = |size: &str| json!({"storage": {"size": size}});
    for (old, new) in [
        (size("10Gi"), size("20Gi")),
        (size("10Gi"), size("10240Mi")),
        (size("10Gi"), json!({})),
        (json!({}), size("1Ti")),
        (json!({"storage": {}}), json!({})),
        (json!({}), json!({"replicas": 3})),
    ] {
        let result = change(old.clone(), new.clone());
        assert!(result.is_ok(), "{old} to {new}: {result:?}");
    }
    for (old, new) in [
        (size("20Gi"), size("10Gi")),
        (size("20Gi"), json!({})),
        (json!({}), size("9Gi")),
        (json!({}), size("10G")),
    ] {
        let result = change(old, new.clone());
        reported(result, &new, "storage.size", "create a new ThanosRuler");
    }
}

#[test]
fn volumes_never_move() {
    let class = |class: &str| json!({"storage": {"storageClass": class}});
    for (old, new) in [(class("a"), class("a")), (class(""), json!({}))] {
        let result = change(old.clone(), new.clone());
        assert!(result.is_ok(), "{old} to {new}: {result:?}");
    }
    for (old, new) in [
        (class("a"), class("b")),
        (class("a"), json!({})),
        (json!({}), class("a")),
    ] {
        let result = change(old, new.clone());
        reported(
            result,
            &new,
            "storage.storageClass",
            "create a new ThanosRuler",
        );
    }
}
