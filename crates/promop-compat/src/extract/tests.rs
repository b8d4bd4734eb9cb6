use kube_facts::testing::{labels, selector};
use kube_facts::{Key, PortFacts};
use serde_json::{Value, json};

use crate::model::{
    BackendFacts, ExternalFacts, PodFacts, PrometheusAgentFacts, PrometheusFacts, ServiceFacts,
    ServiceMonitorFacts, SidecarFacts, StatefulSetFacts, TargetNamespaces, TargetPort,
};
use crate::names;

fn port(name: Option<&str>, port: u16) -> PortFacts {
    PortFacts {
        name: name.map(str::to_owned),
        port,
    }
}

#[test]
fn prometheus_defaults_equal_prometheus_operators() {
    let expected = PrometheusFacts {
        replicas: 1,
        shards: 1,
        route_prefix: "/".to_owned(),
        replica_label: Some("prometheus_replica".to_owned()),
        has_external_labels: true,
        service_account: "default".to_owned(),
        port_name: "web".to_owned(),
        ..Default::default()
    };
    for object in [
        json!({"spec": {}}),
        json!({}),
        json!({"spec": null}),
        json!("odd"),
    ] {
        assert_eq!(PrometheusFacts::from_object(&object), expected);
    }
    let replicas = |spec| {
        let facts = PrometheusFacts::from_object(&json!({"spec": spec}));
        (facts.replicas, facts.shards)
    };
    assert_eq!(replicas(json!({"replicas": 0, "shards": 0})), (0, 1));
    assert_eq!(replicas(json!({"replicas": -1, "shards": -1})), (1, 1));
    assert_eq!(replicas(json!({"replicas": 3, "shards": 2})), (3, 2));
    assert_eq!(
        replicas(json!({"replicas": 9_999_999_999_i64})),
        (u32::MAX, 1)
    );
}

#[test]
fn every_field_of_a_prometheus_is_read() {
    let facts = PrometheusFacts::from_object(&json!({
        "metadata": {"name": "k8s", "labels": {"a": "b"}},
        "spec": {
            "replicas": 2, "shards": 3, "serviceName": "mine", "listenLocal": true,
            "routePrefix": "prom/", "portName": "api", "serviceAccountName": "sa",
            "serviceDiscoveryRole": "EndpointSlice",
            "thanos": {"grpcListenLocal": true, "grpcServerTlsConfig": {"certFile": "/c"}},
            "web": {"tlsConfig": {"clientAuthType": "RequireAndVerifyClientCert"}},
            "replicaExternalLabelName": "replica", "externalLabels": {"cluster": "x"},
            "serviceMonitorSelector": {},
            "serviceMonitorNamespaceSelector": {"matchLabels": {"team": "x"}},
            "ruleSelector": {"matchLabels": {"role": "rules"}}, "ruleNamespaceSelector": {},
            "podMetadata": {"labels": {"c": "d"}},
            "containers": [{"name": "prometheus", "ports": [{"name": "api", "containerPort": 9999}]}],
            "shardRetentionPolicy": {"whenScaled": "Retain"},
            "arbitraryFSAccessThroughSMs": {"deny": true}, "ignoreNamespaceSelectors": true,
            "scrapeClasses": [{"name": "slow"}, {"name": "fast", "default": true}],
        },
    }));
    assert_eq!(
        facts,
        PrometheusFacts {
            uid: String::new(),
            is_managed: true,
            labels: labels(&[("a", "b")]),
            replicas: 2,
            shards: 3,
            service_name: Some("mine".to_owned()),
            sidecar: Some(SidecarFacts {
                grpc_port: 10901,
                listen_local: true,
                tls: true
            }),
            listen_local: true,
            web_tls: true,
            web_client_cert: true,
            route_prefix: "/prom".to_owned(),
            replica_label: Some("replica".to_owned()),
            has_external_labels: true,
            service_monitor_selector: Some(Default::default()),
            service_monitor_namespace_selector: Some(selector(&[("team", "x")])),
            rule_selector: Some(selector(&[("role", "rules")])),
            rule_namespace_selector: Some(Default::default()),
            service_account: "sa".to_owned(),
            endpoint_slices: true,
            port_name: "api".to_owned(),
            pod_labels: labels(&[("c", "d")]),
            container_ports: vec![port(Some("api"), 9999)],
            retains_shards: true,
            denies_files: true,
            ignores_namespace_selectors: true,
            scrape_classes: vec!["slow".to_owned(), "fast".to_owned()],
        }
    );
}

#[test]
fn prometheus_agents_and_their_pods_are_read() {
    let agent = |spec| PrometheusAgentFacts::from_object(&json!({"spec": spec}));
    let default = PrometheusAgentFacts {
        replicas: 1,
        shards: 1,
        ..Default::default()
    };
    assert_eq!(agent(json!({})), default);
    assert_eq!(agent(json!({"mode": "StatefulSet", "shards": 0})), default);
    let given = json!({"replicas": 3, "shards": 2, "podMetadata": {"labels": {"a": "b"}}});
    let facts = PrometheusAgentFacts {
        replicas: 3,
        shards: 2,
        daemon_set: false,
        pod_labels: labels(&[("a", "b")]),
    };
    assert_eq!(agent(given), facts);

    let key = Key::new("ns", "x");
    let common = [
        ("a", "b"),
        ("app.kubernetes.io/name", "prometheus-agent"),
        ("app.kubernetes.io/managed-by", "prometheus-operator"),
        ("app.kubernetes.io/instance", "x"),
        ("operator.prometheus.io/name", "x"),
    ];
    for (shard, name) in [(0, "prom-agent-x-2"), (1, "prom-agent-x-shard-1-2")] {
        let number = shard.to_string();
        let own = [
            ("operator.prometheus.io/shard", number.as_str()),
            ("statefulset.kubernetes.io/pod-name", name),
            ("apps.kubernetes.io/pod-index", "2"),
        ];
        let (pod, found) = names::agent_pod(&key, &facts, shard, 2);
        assert_eq!(pod, name);
        assert_eq!(found, labels(&[&common[..], &own].concat()));
    }
    let facts = agent(json!({"mode": "DaemonSet", "podMetadata": {"labels": {"a": "b"}}}));
    let expected = ("prom-agent-x".to_owned(), labels(&common));
    assert_eq!(names::agent_pod(&key, &facts, 0, 0), expected);
}

#[test]
fn sidecar_and_tls_of_a_prometheus_are_read() {
    let of = |spec| PrometheusFacts::from_object(&json!({"spec": spec}));
    let sidecar = |thanos| of(json!({"thanos": thanos})).sidecar;
    let plain = SidecarFacts {
        grpc_port: 10901,
        ..Default::default()
    };
    assert_eq!(sidecar(json!({})), Some(plain.clone()));
    assert_eq!(sidecar(json!(null)), None);
    assert_eq!(
        sidecar(json!({"httpListenLocal": true, "grpcServerTlsConfig": {}})),
        Some(plain.clone())
    );
    assert_eq!(
        sidecar(json!({"listenLocal": true})),
        Some(SidecarFacts {
            listen_local: true,
            ..plain
        })
    );

    let web = |web| {
        let facts = of(json!({"web": web}));
        (facts.web_tls, facts.web_client_cert)
    };
    assert_eq!(web(json!({"pageTitle": "x"})), (false, false));
    assert_eq!(web(json!({"tlsConfig": {}})), (true, false));
    for (auth, demanded) in [
        ("NoClientCert", false),
        ("RequestClientCert", false),
        ("VerifyClientCertIfGiven", false),
        ("RequireClientCert", true),
        ("RequireAnyClientCert", true),
        ("RequireAndVerifyClientCert", true),
    ] {
        assert_eq!(
            web(json!({"tlsConfig": {"clientAuthType": auth}})),
            (true, demanded)
        );
    }
}

#[test]
fn external_labels_can_be_switched_off_one_by_one() {
    for (prometheus, replica, external, expected) in [
        (json!(""), json!(""), json!({}), (None, false)),
        (json!(""), json!(""), json!({"a": "b"}), (None, true)),
        (json!("p"), json!(""), json!({}), (None, true)),
        (json!(null), json!(""), json!({}), (None, true)),
        (json!(""), json!("r"), json!({}), (Some("r"), true)),
        (
            json!(""),
            json!(null),
            json!({}),
            (Some("prometheus_replica"), true),
        ),
    ] {
        let facts = PrometheusFacts::from_object(&json!({"spec": {
            "prometheusExternalLabelName": prometheus,
            "replicaExternalLabelName": replica,
            "externalLabels": external,
        }}));
        assert_eq!(
            (facts.replica_label.as_deref(), facts.has_external_labels),
            expected
        );
    }
}

#[test]
fn null_selector_is_unset_and_empty_selector_is_not() {
    for (given, expected) in [
        (json!(null), None),
        (json!({}), Some(Default::default())),
        (
            json!({"matchLabels": {"a": "b"}}),
            Some(selector(&[("a", "b")])),
        ),
    ] {
        let spec = json!({"spec": {"serviceMonitorSelector": given}});
        assert_eq!(
            PrometheusFacts::from_object(&spec).service_monitor_selector,
            expected
        );
    }
}

#[test]
fn malformed_selector_selects_nothing() {
    for odd in [
        json!({"matchLabels": {"a": 1}}),
        json!({"matchExpressions": ["x"]}),
        json!({"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": 1}]}),
    ] {
        let facts = ServiceMonitorFacts::from_object(&json!({"spec": {"selector": odd}}));
        assert!(
            kube_facts::selector::validate(&facts.selector).is_err(),
            "{odd}"
        );
        assert!(
            !kube_facts::selector::matches(&facts.selector, &labels(&[("a", "1")])),
            "{odd}"
        );
    }
}

#[test]
fn service_monitors_are_read() {
    let of = |desired| {
        let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "namespaceSelector": desired});
        ServiceMonitorFacts::from_object(&json!({"metadata": {"labels": {"l": "v"}}, "spec": spec}))
    };
    let names = || vec!["x".to_owned()];
    for (given, expected) in [
        (json!(null), TargetNamespaces::Own),
        (json!({}), TargetNamespaces::Own),
        (json!({"matchNames": []}), TargetNamespaces::Own),
        (
            json!({"matchNames": ["x"]}),
            TargetNamespaces::Names(names()),
        ),
        (
            json!({"any": false, "matchNames": ["x"]}),
            TargetNamespaces::Names(names()),
        ),
        (
            json!({"any": true, "matchNames": ["x"]}),
            TargetNamespaces::Any,
        ),
    ] {
        assert_eq!(
            of(given),
            ServiceMonitorFacts {
                labels: labels(&[("l", "v")]),
                selector: selector(&[("a", "b")]),
                namespaces: expected,
                ..Default::default()
            }
        );
    }
}

#[test]
fn services_are_read() {
    let facts = ServiceFacts::from_object(&json!({
        "metadata": {"labels": {"l": "v"}},
        "spec": {"clusterIP": "None", "selector": {"a": "b"}, "ports": [
            {"name": "grpc", "port": 10901, "targetPort": "grpc"},
            {"port": 80, "protocol": "TCP", "name": ""},
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "huge", "port": 70000},
            {"name": "none"},
        ]},
    }));
    assert_eq!(
        facts,
        ServiceFacts {
            labels: labels(&[("l", "v")]),
            selector: labels(&[("a", "b")]),
            ports: vec![port(Some("grpc"), 10901), port(None, 80)],
            targets: vec![TargetPort::Name("grpc".to_owned()), TargetPort::Number(80)],
            headless: true,
            ..Default::default()
        }
    );
    let alias = ServiceFacts::from_object(&json!({"spec": {
        "type": "ExternalName", "externalName": "x.io", "selector": {"a": "b"},
        "ports": [{"name": "grpc", "port": 10901}],
    }}));
    let expected = ServiceFacts {
        external: Some(ExternalFacts {
            name: "x.io".to_owned(),
            ports: vec![port(Some("grpc"), 10901)],
        }),
        ..Default::default()
    };
    assert_eq!(alias, expected);
    assert!(!ServiceFacts::from_object(&json!({"spec": {"clusterIP": "10.0.0.1"}})).headless);
}

#[test]
fn pods_are_read() {
    let facts = PodFacts::from_object(&json!({
        "metadata": {"name": "p", "labels": {"l": "v"}},
        "spec": {"hostname": "p", "subdomain": "s", "containers": [
            {"name": "prometheus", "ports": [{"name": "web", "containerPort": 9090}, {"containerPort": 1}]},
            {"name": "thanos-sidecar", "args": ["sidecar", "--grpc-address=:10901"],
             "ports": [{"name": "http", "containerPort": 10902}, {"name": "grpc", "containerPort": 11901}]},
        ]},
    }));
    assert_eq!(
        facts,
        PodFacts {
            labels: labels(&[("l", "v")]),
            hostname: Some("p".to_owned()),
            subdomain: Some("s".to_owned()),
            sidecar: Some(SidecarFacts {
                grpc_port: 10901,
                ..Default::default()
            }),
            ports: vec![
                port(Some("web"), 9090),
                port(Some("http"), 10902),
                port(Some("grpc"), 11901)
            ],
        }
    );
    let without =
        json!({"spec": {"containers": [{"name": "prometheus", "args": ["--grpc-address=:1"]}]}});
    assert_eq!(PodFacts::from_object(&without).sidecar, None);
}

/// Ports of pods behind Services: declared by containers, and in arguments of Thanos.
#[test]
fn backends_and_stateful_sets_are_read() {
    let thanos = |container: Value| {
        let pod = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}});
        BackendFacts::from_object(&pod).ports
    };
    let declared =
        json!([{"name": "grpc", "containerPort": 10901}, {"containerPort": 53, "protocol": "UDP"}]);
    for (container, expected) in [
        (json!({"ports": declared}), vec![port(Some("grpc"), 10901)]),
        (
            json!({"ports": declared, "args": ["store"]}),
            vec![port(Some("grpc"), 10901)],
        ),
        (json!({"args": ["store"]}), vec![port(None, 10901)]),
        (
            json!({"args": ["query", "--grpc-address=:9"]}),
            vec![port(None, 9)],
        ),
        (
            json!({"command": ["/bin/thanos", "receive"]}),
            vec![port(None, 10901)],
        ),
        (
            json!({"command": ["/bin/thanos"], "args": ["rule", "--grpc-address", "[::]:7"]}),
            vec![port(None, 7)],
        ),
        (json!({"args": ["compact"]}), vec![]),
        (json!({"args": ["--grpc-address=:9"]}), vec![]),
        (json!({"command": ["sh", "-c", "thanos store"]}), vec![]),
    ] {
        assert_eq!(thanos(container.clone()), expected, "{container}");
    }
    let spec = json!({
        "containers": [{"ports": [{"containerPort": 1}]}],
        "initContainers": [
            {"restartPolicy": "Always", "ports": [{"containerPort": 2}]},
            {"ports": [{"containerPort": 3}]},
        ],
    });
    let pod = BackendFacts::from_object(&json!({"spec": spec}));
    assert_eq!(pod.ports, [port(None, 2), port(None, 1)]);

    let sidecar = json!({"name": "thanos-sidecar", "args": ["sidecar", "--grpc-server-tls-cert=/c"],
        "ports": [{"name": "grpc", "containerPort": 10901}]});
    let set =
        StatefulSetFacts::from_object(&json!({"metadata": {"labels": {"of": "set"}}, "spec": {
            "replicas": 3, "serviceName": "s",
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [sidecar]}},
        }}));
    let ports = vec![port(Some("grpc"), 10901)];
    let expected = StatefulSetFacts {
        replicas: 3,
        pod: PodFacts {
            labels: labels(&[("a", "b")]),
            subdomain: Some("s".to_owned()),
            sidecar: Some(SidecarFacts {
                grpc_port: 10901,
                listen_local: false,
                tls: true,
            }),
            ports: ports.clone(),
            ..Default::default()
        },
        ports,
    };
    assert_eq!(set, expected);
    assert_eq!(StatefulSetFacts::from_object(&json!({})).replicas, 1);
}

/// Prometheus Operator merges `spec.containers` over the generated containers.
#[test]
fn containers_of_a_prometheus_change_its_sidecar() {
    let read = |spec: Value| PrometheusFacts::from_object(&json!({"spec": spec}));
    let sidecar = |grpc_port, listen_local, tls| {
        Some(SidecarFacts {
            grpc_port,
            listen_local,
            tls,
        })
    };
    let container = |more: Value| {
        let mut container = json!({"name": "thanos-sidecar"});
        container
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!([{"name": "prometheus"}, container])
    };
    let local = json!({"listenLocal": true});
    let tls = json!([
        "sidecar",
        "--grpc-address=:10901",
        "--grpc-server-tls-cert=/c"
    ]);
    let port = json!([{"name": "grpc", "containerPort": 11901}]);
    let extra = |name: &str| json!({"additionalArgs": [{"name": name, "value": "/c"}]});
    for (spec, expected) in [
        (json!({"thanos": {}}), sidecar(10901, false, false)),
        (
            json!({"thanos": {}, "containers": container(json!({"args": tls}))}),
            sidecar(10901, false, true),
        ),
        (
            json!({"thanos": local, "containers": container(json!({"args": tls}))}),
            sidecar(10901, false, true),
        ),
        (
            json!({"thanos": local, "containers": container(json!({"image": "x"}))}),
            sidecar(10901, true, false),
        ),
        (
            json!({"thanos": local, "containers": container(json!({"ports": port}))}),
            sidecar(11901, true, false),
        ),
        (
            json!({"thanos": {}, "containers": [{"name": "other", "args": tls}]}),
            sidecar(10901, false, false),
        ),
        (
            json!({"thanos": extra("grpc-server-tls-cert")}),
            sidecar(10901, false, true),
        ),
        (
            json!({"thanos": extra("log.level")}),
            sidecar(10901, false, false),
        ),
        (
            json!({"containers": container(json!({"args": tls, "ports": port}))}),
            sidecar(10901, false, true),
        ),
        (json!({"containers": [{"name": "prometheus"}]}), None),
    ] {
        assert_eq!(read(spec.clone()).sidecar, expected, "{spec}");
    }
}

#[test]
fn fields_for_rejection_by_prometheus_operator_are_read() {
    let field = |endpoints: Value| {
        let object = json!({"spec": {"endpoints": endpoints}});
        ServiceMonitorFacts::from_object(&object).file_field
    };
    for (endpoints, expected) in [
        (
            json!([{"bearerTokenFile": "/t"}]),
            Some("spec.endpoints[0].bearerTokenFile"),
        ),
        (
            json!([{}, {"tlsConfig": {"caFile": "/c"}}]),
            Some("spec.endpoints[1].tlsConfig.caFile"),
        ),
        (
            json!([{"tlsConfig": {"certFile": "/c"}}]),
            Some("spec.endpoints[0].tlsConfig.certFile"),
        ),
        (
            json!([{"tlsConfig": {"keyFile": "/c"}}]),
            Some("spec.endpoints[0].tlsConfig.keyFile"),
        ),
        (
            json!([{"bearerTokenFile": "", "tlsConfig": {"caFile": "", "ca": {}}}]),
            None,
        ),
        (
            json!([{"authorization": {"credentials": {"name": "s"}}}]),
            None,
        ),
    ] {
        assert_eq!(field(endpoints).as_deref(), expected);
    }
    let class = |class: &str| {
        ServiceMonitorFacts::from_object(&json!({"spec": {"scrapeClass": class}})).scrape_class
    };
    assert_eq!((class("slow").as_deref(), class("")), (Some("slow"), None));
    let policy = |when: &str| {
        let spec = json!({"shardRetentionPolicy": {"whenScaled": when}});
        PrometheusFacts::from_object(&json!({"spec": spec})).retains_shards
    };
    assert_eq!((policy("Retain"), policy("Delete")), (true, false));
}

#[test]
fn sidecar_flags_are_read() {
    for (args, listen_local, tls) in [
        (&["sidecar"][..], false, false),
        (&["--grpc-address=:10901"], false, false),
        (&["--grpc-address=0.0.0.0:10901"], false, false),
        (&["--grpc-address=10.0.0.1:10901"], false, false),
        (&["--grpc-address=127.0.0.1:10901"], true, false),
        (&["--grpc-address=127.0.0.2:10901"], true, false),
        (&["--grpc-address=localhost:10901"], true, false),
        (&["--grpc-address=[::1]:10901"], true, false),
        (&["--grpc-address=[::]:10901"], false, false),
        (&["--grpc-address", "127.0.0.1:10901"], true, false),
        (&["--grpc-address"], false, false),
        (
            &["--grpc-address-x=127.0.0.1:1", "--grpc-address=:10901"],
            false,
            false,
        ),
        (&["--http-address=127.0.0.1:10902"], false, false),
        (
            &["--grpc-server-tls-cert=/c", "--grpc-server-tls-key=/k"],
            false,
            true,
        ),
        (&["--grpc-server-tls-cert="], false, false),
        (&["--grpc-server-tls-cert", "/c"], false, true),
    ] {
        let pod = json!({"spec": {"containers": [{"name": "thanos-sidecar", "args": args}]}});
        let expected = SidecarFacts {
            grpc_port: 10901,
            listen_local,
            tls,
        };
        assert_eq!(
            PodFacts::from_object(&pod).sidecar,
            Some(expected),
            "{args:?}"
        );
    }
}

#[test]
fn a_sidecar_listens_where_its_arguments_say() {
    let port_of = |container: Value| {
        let facts = PrometheusFacts::from_object(&json!({
            "spec": {"thanos": {}, "containers": [container]},
        }));
        facts.sidecar.map(|sidecar| sidecar.grpc_port)
    };
    let declared = json!([{"name": "grpc", "containerPort": 20901}]);
    for (more, port) in [
        (json!({}), 10901),
        (json!({"ports": declared}), 20901),
        (json!({"args": ["sidecar", "--grpc-address=:30901"]}), 30901),
        (
            json!({"args": ["sidecar", "--grpc-address", "[::]:30901"], "ports": declared}),
            30901,
        ),
        (json!({"args": ["sidecar"], "ports": declared}), 20901),
    ] {
        let mut container = json!({"name": "thanos-sidecar"});
        let fields = more.as_object().cloned().unwrap();
        container.as_object_mut().unwrap().extend(fields);
        assert_eq!(port_of(container), Some(port), "{more}");
    }
}
