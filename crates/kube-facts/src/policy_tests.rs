use super::*;
use crate::testing::{key, labels, namespaces, selector};
use serde_json::json;

/// The NetworkPolicy of Prometheus in kube-prometheus, shortened.
fn kube_prometheus() -> PolicyFacts {
    PolicyFacts::from_object(&json!({"metadata": {"name": "prometheus-k8s"}, "spec": {
        "podSelector": {"matchLabels": {"app": "prometheus"}},
        "policyTypes": ["Egress", "Ingress"],
        "egress": [{}],
        "ingress": [
            {"from": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
             "ports": [{"port": 9090, "protocol": "TCP"}, {"port": 8080, "protocol": "TCP"}]},
            {"from": [{"podSelector": {"matchLabels": {"app": "grafana"}}}],
             "ports": [{"port": 9090, "protocol": "TCP"}]},
        ],
    }}))
}

struct Case {
    policies: BTreeMap<Key, PolicyFacts>,
    from: (&'static str, Labels),
    to: (&'static str, Labels),
}

impl Case {
    fn new(policies: &[(&str, PolicyFacts)]) -> Self {
        let policies = policies.iter().map(|(path, facts)| {
            let (namespace, name) = path.split_once('/').unwrap();
            (key(namespace, name), facts.clone())
        });
        Self {
            policies: policies.collect(),
            from: ("monitoring", labels(&[("app", "bridge")])),
            to: ("monitoring", labels(&[("app", "prometheus")])),
        }
    }

    fn connectivity(&self, port: u16) -> Connectivity {
        let listed = namespaces(&[
            ("monitoring", &[("team", "ops")]),
            ("apps", &[("team", "apps")]),
        ]);
        self.connectivity_in(
            &Namespaces {
                listed: Some(&listed),
                watched: None,
            },
            port,
        )
    }

    fn connectivity_in(&self, known: &Namespaces<'_>, port: u16) -> Connectivity {
        let ports = [PortFacts {
            name: Some("web".to_owned()),
            port: 9090,
        }];
        let from = Peer {
            namespace: self.from.0,
            labels: &self.from.1,
            ports: &[],
        };
        let to = Peer {
            namespace: self.to.0,
            labels: &self.to.1,
            ports: &ports,
        };
        connectivity(&self.policies, known, &from, &to, port)
    }
}

const ALLOWED: Connectivity = Connectivity::Allowed { assumed: false };
const ASSUMED: Connectivity = Connectivity::Allowed { assumed: true };

fn blocked(ingress_by: &[&str], egress_by: &[&str]) -> Connectivity {
    let keys = |names: &[&str]| names.iter().map(|name| key("monitoring", name)).collect();
    Connectivity::Blocked {
        ingress_by: keys(ingress_by),
        egress_by: keys(egress_by),
    }
}

fn ingress(rules: serde_json::Value) -> PolicyFacts {
    PolicyFacts::from_object(&json!({"spec": {"podSelector": {}, "ingress": rules}}))
}

#[test]
fn without_policies_everything_is_allowed() {
    assert_eq!(Case::new(&[]).connectivity(9090), ALLOWED);
    let elsewhere = [("apps/closed", ingress(json!([])))];
    assert_eq!(Case::new(&elsewhere).connectivity(9090), ALLOWED);
}

#[test]
fn policy_of_kube_prometheus_allows_only_its_peers() {
    let mut case = Case::new(&[("monitoring/prometheus-k8s", kube_prometheus())]);
    assert_eq!(case.connectivity(9090), blocked(&["prometheus-k8s"], &[]));
    case.from.1 = labels(&[("app", "grafana")]);
    assert_eq!(case.connectivity(9090), ALLOWED);
    assert_eq!(case.connectivity(8080), blocked(&["prometheus-k8s"], &[]));
    assert_eq!(case.connectivity(10901), blocked(&["prometheus-k8s"], &[]));
    case.from.0 = "apps";
    assert_eq!(case.connectivity(9090), blocked(&["prometheus-k8s"], &[]));
    // The policy does not select these pods.
    case.to.1 = labels(&[("app", "other")]);
    assert_eq!(case.connectivity(9090), ALLOWED);
}

#[test]
fn policies_are_additive() {
    let open = ingress(json!([{"from": [{"podSelector": {"matchLabels": {"app": "bridge"}}}]}]));
    let case = Case::new(&[
        ("monitoring/a", ingress(json!([]))),
        ("monitoring/b", kube_prometheus()),
    ]);
    assert_eq!(case.connectivity(9090), blocked(&["a", "b"], &[]));
    let case = Case::new(&[
        ("monitoring/a", ingress(json!([]))),
        ("monitoring/open", open),
    ]);
    assert_eq!(case.connectivity(9090), ALLOWED);
}

#[test]
fn ingress_and_egress_must_both_allow() {
    let closed = PolicyFacts {
        ingress: None,
        egress: Some(vec![]),
        ..Default::default()
    };
    let case = Case::new(&[("monitoring/out", closed.clone())]);
    assert_eq!(case.connectivity(9090), blocked(&[], &["out"]));
    let case = Case::new(&[
        ("monitoring/in", ingress(json!([]))),
        ("monitoring/out", closed),
    ]);
    assert_eq!(case.connectivity(9090), blocked(&["in"], &["out"]));
}

#[test]
fn policy_types_default_from_the_rules() {
    let types = |spec| {
        let facts = PolicyFacts::from_object(&json!({"spec": spec}));
        (facts.ingress.is_some(), facts.egress.is_some())
    };
    assert_eq!(types(json!({"podSelector": {}})), (true, false));
    assert_eq!(types(json!({"egress": []})), (true, false));
    assert_eq!(types(json!({"egress": [{}]})), (true, true));
    assert_eq!(types(json!({"policyTypes": ["Egress"]})), (false, true));
    assert_eq!(
        types(json!({"policyTypes": ["Ingress"], "egress": [{}]})),
        (true, false)
    );
}

#[test]
fn peers_combine_namespace_and_pod_selectors() {
    let team = json!({"matchLabels": {"team": "ops"}});
    let app = json!({"matchLabels": {"app": "bridge"}});
    let other = json!({"matchLabels": {"app": "other"}});
    for (peers, expected) in [
        (json!([{"namespaceSelector": team}]), true),
        (json!([{"namespaceSelector": {}}]), true),
        (
            json!([{"namespaceSelector": {"matchLabels": {"team": "x"}}}]),
            false,
        ),
        (
            json!([{"namespaceSelector": team, "podSelector": app}]),
            true,
        ),
        (
            json!([{"namespaceSelector": team, "podSelector": other}]),
            false,
        ),
        (json!([{"podSelector": {}}]), true),
        (json!([{"podSelector": other}, {"podSelector": app}]), true),
        (json!([{}]), false),
        (json!([]), true),
    ] {
        let case = Case::new(&[("monitoring/x", ingress(json!([{"from": peers}])))]);
        let expected = if expected {
            ALLOWED
        } else {
            blocked(&["x"], &[])
        };
        assert_eq!(case.connectivity(9090), expected, "{peers}");
    }
}

#[test]
fn ports_match_numbers_ranges_and_names() {
    for (ports, allowed) in [
        (json!([]), true),
        (json!([{"port": 9090}]), true),
        (json!([{"port": 9091}]), false),
        (json!([{"port": 9000, "endPort": 9090}]), true),
        (json!([{"port": 9000, "endPort": 9089}]), false),
        (json!([{"port": "web"}]), true),
        (json!([{"port": "grpc"}]), false),
        (json!([{"protocol": "TCP"}]), true),
        (json!([{"protocol": "UDP"}]), false),
        (json!([{"protocol": "UDP", "port": 9090}]), false),
        (json!([{"port": 9091}, {"port": 9090}]), true),
    ] {
        let case = Case::new(&[("monitoring/x", ingress(json!([{"ports": ports}])))]);
        let expected = if allowed {
            ALLOWED
        } else {
            blocked(&["x"], &[])
        };
        assert_eq!(case.connectivity(9090), expected, "{ports}");
    }
    // The name is declared for another port.
    let case = Case::new(&[(
        "monitoring/x",
        ingress(json!([{"ports": [{"port": "web"}]}])),
    )]);
    assert_eq!(case.connectivity(10901), blocked(&["x"], &[]));
}

#[test]
fn unknown_peers_are_assumed_to_be_allowed() {
    let block = json!({"ipBlock": {"cidr": "10.0.0.0/8"}});
    let case = Case::new(&[("monitoring/x", ingress(json!([{"from": [block]}])))]);
    assert_eq!(case.connectivity(9090), ASSUMED);
    let app = json!({"podSelector": {"matchLabels": {"app": "bridge"}}});
    let case = Case::new(&[("monitoring/x", ingress(json!([{"from": [block, app]}])))]);
    assert_eq!(case.connectivity(9090), ALLOWED);

    let by_label = json!({"namespaceSelector": {"matchLabels": {"team": "x"}}});
    let case = Case::new(&[("monitoring/x", ingress(json!([{"from": [by_label]}])))]);
    assert_eq!(case.connectivity_in(&Namespaces::default(), 9090), ASSUMED);
    let watched = std::collections::BTreeSet::new();
    let limited = Namespaces {
        listed: None,
        watched: Some(&watched),
    };
    assert_eq!(case.connectivity_in(&limited, 9090), ASSUMED);
}

#[test]
fn opening_policies_allow_only_the_connection() {
    let closed = PolicyFacts {
        ingress: Some(vec![]),
        egress: Some(vec![]),
        ..Default::default()
    };
    for namespace in ["monitoring", "apps"] {
        let mut case = Case::new(&[("monitoring/x", closed.clone()), ("apps/x", closed.clone())]);
        case.from.0 = namespace;
        let from_labels = case.from.1.clone();
        let from = Peer {
            namespace,
            labels: &from_labels,
            ports: &[],
        };
        let to_labels = case.to.1.clone();
        let to = Peer {
            namespace: "monitoring",
            labels: &to_labels,
            ports: &[],
        };
        for policy in [
            opening_policy("in", &from, &to, 9090),
            opening_egress_policy("out", &from, &to, 9090),
        ] {
            let facts = PolicyFacts::from_object(&serde_json::to_value(&policy).unwrap());
            let metadata = policy.metadata;
            case.policies.insert(
                key(&metadata.namespace.unwrap(), &metadata.name.unwrap()),
                facts,
            );
        }
        let listed = crate::testing::namespaces(&[
            ("monitoring", &[(NAME_LABEL, "monitoring")]),
            ("apps", &[(NAME_LABEL, "apps")]),
        ]);
        let known = Namespaces {
            listed: Some(&listed),
            watched: None,
        };
        assert_eq!(case.connectivity_in(&known, 9090), ALLOWED);
        assert_ne!(case.connectivity_in(&known, 9091), ALLOWED);
        case.from.0 = if namespace == "apps" {
            "monitoring"
        } else {
            "apps"
        };
        assert_ne!(case.connectivity_in(&known, 9090), ALLOWED);
        case.from = (namespace, labels(&[("app", "other")]));
        assert_ne!(case.connectivity_in(&known, 9090), ALLOWED);
    }
}

#[test]
fn opening_policy_is_minimal() {
    let from_labels = labels(&[("app", "bridge")]);
    let to_labels = labels(&[("app", "prometheus")]);
    let from = Peer {
        namespace: "apps",
        labels: &from_labels,
        ports: &[],
    };
    let to = Peer {
        namespace: "monitoring",
        labels: &to_labels,
        ports: &[],
    };
    let policy = opening_policy("open", &from, &to, 9090);
    assert_eq!(
        policy.spec.unwrap().pod_selector,
        Some(selector(&[("app", "prometheus")]))
    );
    let written = serde_json::to_value(opening_policy("open", &from, &to, 9090)).unwrap();
    assert_eq!(
        written,
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "open", "namespace": "monitoring"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "prometheus"}},
                "policyTypes": ["Ingress"],
                "ingress": [{
                    "from": [{
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "apps"}},
                        "podSelector": {"matchLabels": {"app": "bridge"}},
                    }],
                    "ports": [{"port": 9090, "protocol": "TCP"}],
                }],
            },
        })
    );
}
