use serde::Deserialize;
use serde_json::{from_str, json};

use super::*;
use kube_facts::testing::{labels, selector};

#[test]
fn every_field_of_a_prometheus_rule_is_read() {
    let object = json!({
        "metadata": {"name": "r", "namespace": "ns", "uid": "u", "generation": 7,
            "resourceVersion": "9", "labels": {"role": "rules"}, "annotations": {"a": "b"}},
        "spec": {"groups": [{"name": "g", "rules": [{"record": "a:b", "expr": 1}]}]},
        "status": {"bindings": []},
    });
    let expected = RuleFacts {
        uid: "u".to_owned(),
        generation: 7,
        labels: labels(&[("role", "rules")]),
        groups: Some(r#"[{"name":"g","rules":[{"expr":1,"record":"a:b"}]}]"#.into()),
    };
    let thin: RuleObject = from_str(&object.to_string()).unwrap();
    let (metadata, facts) = thin.into_parts();
    assert_eq!(facts, expected);
    assert_eq!(RuleFacts::from_object(&object), expected);
    let expected = ObjectMeta {
        name: Some("r".to_owned()),
        namespace: Some("ns".to_owned()),
        uid: Some("u".to_owned()),
        resource_version: Some("9".to_owned()),
        ..Default::default()
    };
    assert_eq!(metadata, expected);
}

#[test]
fn groups_are_kept_unchanged_or_empty() {
    let groups = |spec| {
        RuleFacts::from_object(&json!({"spec": spec}))
            .groups
            .unwrap()
    };
    for odd in [
        json!({}),
        json!(null),
        json!({"groups": null}),
        json!({"groups": {"name": "g"}}),
        json!({"groups": "g"}),
        json!({"groups": 1.5}),
        json!({"groups": []}),
    ] {
        assert_eq!(&*groups(odd.clone()), "[]", "{odd}");
    }
    let given = json!([null, true, -1, u64::MAX, 1.5, "\u{e9}\n\"", [[]], {"a": {"b": [{}]}}]);
    let text = groups(json!({"groups": given}));
    assert_eq!(*text, given.to_string());
    assert_eq!(from_str::<Value>(&text).unwrap(), given);
}

/// As a watch event, whose object precedes its type.
#[derive(Deserialize)]
#[serde(tag = "type", content = "object")]
enum Event {
    #[serde(rename = "ADDED")]
    Added(RuleObject),
}

#[test]
fn groups_are_read_through_a_buffer() {
    let object = r#"{"metadata": {"uid": "u", "generation": 2},
        "spec": {"groups": [{"name": "g", "limit": 3, "x": 0.5, "y": null, "z": true}]}}"#;
    let expected = r#"[{"limit":3,"name":"g","x":0.5,"y":null,"z":true}]"#;
    for event in [
        format!(r#"{{"object": {object}, "type": "ADDED"}}"#),
        format!(r#"{{"type": "ADDED", "object": {object}}}"#),
    ] {
        let Event::Added(object) = from_str(&event).unwrap();
        let facts = object.into_parts().1;
        assert_eq!(facts.groups.as_deref(), Some(expected));
        assert_eq!((facts.uid.as_str(), facts.generation), ("u", 2));
    }
}

#[test]
fn deep_nesting_does_not_fail() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let object = format!(r#"{{"metadata": {{"uid": "u"}}, "spec": {{"groups": {deep}}}}}"#);
    let facts = from_str::<RuleObject>(&object).unwrap().into_parts().1;
    assert_eq!(facts.uid, "u");
    let kept = format!("{}null{}", "[".repeat(32), "]".repeat(32));
    assert_eq!(facts.groups.as_deref(), Some(kept.as_str()));
}

#[test]
fn versions_differ_with_and_without_stored_groups() {
    let version = |uid: &str, generation: i64| {
        let metadata = json!({"uid": uid, "generation": generation});
        RuleFacts::from_object(&json!({"metadata": metadata, "spec": {"groups": []}}))
    };
    let held = version("u", 1);
    let not_held = held.clone().without_groups();
    assert_eq!(not_held.groups, None);
    assert_ne!(held, not_held);
    assert_eq!(not_held, version("u", 1).without_groups());
    assert_ne!(not_held, version("u", 2).without_groups());
    assert_ne!(not_held, version("v", 1).without_groups());
}

#[test]
fn alertmanager_defaults_equal_prometheus_operators() {
    let expected = AlertmanagerFacts {
        replicas: 1,
        service_name: "alertmanager-operated".to_owned(),
        port_name: "web".to_owned(),
        route_prefix: "/".to_owned(),
        ..Default::default()
    };
    for object in [
        json!({"spec": {}}),
        json!({}),
        json!("odd"),
        json!({"spec": {"replicas": "3", "serviceName": "", "portName": "", "routePrefix": ""}}),
        // It only affects links; the API stays at the root.
        json!({"spec": {"externalUrl": "https://example.com/alertmanager"}}),
        json!({"spec": {"web": {"httpConfig": {}}, "paused": true}}),
    ] {
        assert_eq!(
            AlertmanagerFacts::from_object(&object),
            expected,
            "{object}"
        );
    }
}

#[test]
fn every_field_of_an_alertmanager_is_read() {
    let facts = AlertmanagerFacts::from_object(&json!({
        "metadata": {"labels": {"a": "b"}},
        "spec": {
            "replicas": 3, "serviceName": "mine", "portName": "api", "routePrefix": "am/",
            "externalUrl": "https://example.com/x", "listenLocal": true,
            "web": {"tlsConfig": {"clientAuthType": "RequireAndVerifyClientCert"}},
            "podMetadata": {"labels": {"c": "d"}},
        },
    }));
    let expected = AlertmanagerFacts {
        labels: labels(&[("a", "b")]),
        replicas: 3,
        service_name: "mine".to_owned(),
        port_name: "api".to_owned(),
        route_prefix: "/am".to_owned(),
        listen_local: true,
        web_tls: true,
        web_client_cert: true,
        pod_labels: labels(&[("c", "d")]),
    };
    assert_eq!(facts, expected);
    let of = |tls| {
        let object = json!({"spec": {"web": {"tlsConfig": tls}}});
        let facts = AlertmanagerFacts::from_object(&object);
        (facts.web_tls, facts.web_client_cert)
    };
    assert_eq!(of(json!(null)), (false, false));
    assert_eq!(of(json!({})), (true, false));
    let optional = json!({"clientAuthType": "VerifyClientCertIfGiven"});
    assert_eq!(of(optional), (true, false));
}

#[test]
fn replicas_of_alertmanagers_and_thanos_rulers_are_read() {
    for (given, expected) in [
        (json!(null), 1),
        (json!(0), 0),
        (json!(-1), 0),
        (json!(2), 2),
        (json!(9_999_999_999_i64), u32::MAX),
    ] {
        let object = json!({"spec": {"replicas": given}});
        assert_eq!(AlertmanagerFacts::from_object(&object).replicas, expected);
        assert_eq!(ThanosRulerFacts::from_object(&object).replicas, expected);
    }
}

#[test]
fn thanos_rulers_of_prometheus_operator_are_read() {
    let default = ThanosRulerFacts {
        replicas: 1,
        ..Default::default()
    };
    for object in [json!({}), json!({"spec": {"queryEndpoints": []}})] {
        assert_eq!(ThanosRulerFacts::from_object(&object), default);
    }
    let has_queriers = |spec| ThanosRulerFacts::from_object(&json!({"spec": spec})).has_queriers;
    assert!(has_queriers(
        json!({"queryEndpoints": ["dnssrv+_http._tcp.query"]})
    ));
    assert!(has_queriers(
        json!({"queryConfig": {"name": "s", "key": "k"}})
    ));
    let facts = ThanosRulerFacts::from_object(&json!({
        "metadata": {"labels": {"a": "b"}},
        "spec": {"replicas": 2, "queryEndpoints": ["q"], "ruleSelector": {},
            "ruleNamespaceSelector": {"matchLabels": {"team": "x"}}},
    }));
    let expected = ThanosRulerFacts {
        uid: String::new(),
        labels: labels(&[("a", "b")]),
        replicas: 2,
        has_queriers: true,
        rule_selector: Some(Default::default()),
        rule_namespace_selector: Some(selector(&[("team", "x")])),
    };
    assert_eq!(facts, expected);
}
