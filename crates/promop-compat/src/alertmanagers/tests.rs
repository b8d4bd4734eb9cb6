use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::{Value, json};

use super::*;
use kube_facts::testing::{key, labels, selector};

fn alertmanagers(of: &[(&str, Value)]) -> BTreeMap<Key, AlertmanagerFacts> {
    let all = of.iter().map(|(path, spec)| {
        let (namespace, name) = path.split_once('/').unwrap();
        let object = json!({"metadata": {"labels": {"name": name}}, "spec": spec});
        (
            key(namespace, name),
            AlertmanagerFacts::from_object(&object),
        )
    });
    all.collect()
}

fn everywhere(of: &[(&str, Value)]) -> Alertmanagers {
    let all = LabelSelector::default();
    let selectors = Selectors {
        own: "x",
        objects: Some(&all),
        namespaces: Some(&all),
    };
    resolve(&alertmanagers(of), &Namespaces::default(), &selectors)
}

fn written(found: &Alertmanagers) -> Vec<String> {
    let groups = found.groups.iter();
    let one = |group: &Group| {
        let addresses: Vec<_> = group.targets.iter().map(Target::address).collect();
        format!(
            "{} {} {}",
            group.transport.scheme(),
            group.transport.path_prefix,
            addresses.join(" ")
        )
    };
    groups.map(one).collect()
}

#[test]
fn each_pod_is_a_target() {
    let found = everywhere(&[("monitoring/main", json!({"replicas": 2}))]);
    assert_eq!(
        written(&found),
        [
            "http / alertmanager-main-0.alertmanager-operated.monitoring.svc:9093 \
          alertmanager-main-1.alertmanager-operated.monitoring.svc:9093"
        ]
    );
    assert_eq!((found.selected, found.skipped.len()), (1, 0));
    assert_eq!(
        found.groups[0].targets[1].alertmanager,
        key("monitoring", "main")
    );
    assert_eq!(found.groups[0].targets[1].ordinal, 1);
}

#[test]
fn targets_are_grouped_by_transport() {
    let tls = json!({"web": {"tlsConfig": {}}, "routePrefix": "/am/"});
    let found = everywhere(&[
        ("a/plain", json!({})),
        ("b/tls", tls),
        (
            "c/prefix",
            json!({"routePrefix": "am", "externalUrl": "http://x/y"}),
        ),
        ("d/named", json!({"serviceName": "own", "portName": "api"})),
    ]);
    assert_eq!(
        written(&found),
        [
            "http / alertmanager-plain-0.alertmanager-operated.a.svc:9093 \
             alertmanager-named-0.own.d.svc:9093",
            "http /am alertmanager-prefix-0.alertmanager-operated.c.svc:9093",
            "https /am alertmanager-tls-0.alertmanager-operated.b.svc:9093",
        ]
    );
}

#[test]
fn unreachable_alertmanagers_are_reported() {
    let client = json!({"web": {"tlsConfig": {"clientAuthType": "RequireAnyClientCert"}}});
    let found = everywhere(&[
        ("a/none", json!({"replicas": 0})),
        ("b/local", json!({"listenLocal": true})),
        ("c/cert", client),
    ]);
    assert_eq!(found.groups, []);
    assert_eq!(found.selected, 3);
    let why: Vec<_> = found
        .skipped
        .iter()
        .map(|s| format!("{} {}", s.alertmanager, s.reason))
        .collect();
    assert_eq!(
        why,
        [
            "a/none NoReplicas",
            "b/local ListenLocal",
            "c/cert ClientCertificateRequired"
        ]
    );
    assert!(found.skipped.iter().all(|s| s.message.contains("spec.")));
}

#[test]
fn billions_of_replicas_are_bounded() {
    let found = everywhere(&[("a/huge", json!({"replicas": 4_000_000_000_u32}))]);
    assert_eq!(found.groups[0].targets.len(), 100);
    assert_eq!(found.skipped[0].reason, Reason::TooManyReplicas);
    let found = everywhere(&[("a/large", json!({"replicas": 100}))]);
    assert_eq!(
        (found.groups[0].targets.len(), found.skipped.len()),
        (100, 0)
    );
}

#[test]
fn selection_follows_prometheus_operator() {
    let all = alertmanagers(&[("a/one", json!({})), ("b/two", json!({}))]);
    let resolve = |selectors: &Selectors<'_>| resolve(&all, &Namespaces::default(), selectors);
    let own = resolve(&Selectors::all_of("b"));
    assert_eq!(own.selected, 1);
    assert_eq!(own.groups[0].targets[0].alertmanager, key("b", "two"));
    assert_eq!(resolve(&Selectors::all_of("c")).selected, 0);

    let one = selector(&[("name", "one")]);
    let elsewhere = resolve(&Selectors {
        own: "b",
        objects: Some(&one),
        namespaces: None,
    });
    assert_eq!((elsewhere.selected, elsewhere.groups.len()), (0, 0));
    assert_eq!(elsewhere.nearest[0].key, key("a", "one"));
    assert!(elsewhere.nearest[0].would_match_elsewhere);

    let unevaluable = resolve(&Selectors {
        namespaces: Some(&one),
        ..Selectors::all_of("b")
    });
    assert_eq!(unevaluable.unusable, Some(Unusable::Unevaluable));
    let null = resolve(&Selectors {
        objects: None,
        ..Selectors::all_of("b")
    });
    assert_eq!(null, Alertmanagers::default());
}

#[test]
fn pod_labels_contain_those_of_the_stateful_set() {
    let facts = AlertmanagerFacts {
        pod_labels: labels(&[("c", "d"), ("alertmanager", "overwritten")]),
        ..Default::default()
    };
    let own = [
        ("alertmanager", "main"),
        ("app.kubernetes.io/instance", "main"),
        ("app.kubernetes.io/managed-by", "prometheus-operator"),
        ("app.kubernetes.io/name", "alertmanager"),
    ];
    assert_eq!(names::alertmanager_labels("main"), labels(&own));
    let mut expected = labels(&own);
    expected.extend(labels(&[
        ("c", "d"),
        ("apps.kubernetes.io/pod-index", "1"),
        ("statefulset.kubernetes.io/pod-name", "alertmanager-main-1"),
    ]));
    let found = names::alertmanager_pod_labels(&key("a", "main"), &facts, 1);
    assert_eq!(found, expected);
}
