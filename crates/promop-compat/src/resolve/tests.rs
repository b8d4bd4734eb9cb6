//! One test per rule. Whole worlds are compared with an oracle in `tests/resolution.rs`.

use super::*;
use crate::model::{Labels, NamespaceFacts, PortFacts, SidecarFacts};
use crate::names;
use crate::testing::{key, labels, namespaces, parse, selector};

/// A world that owns its views.
struct Cluster {
    service_monitors: BTreeMap<Key, ServiceMonitorFacts>,
    services: BTreeMap<Key, ServiceFacts>,
    pods: BTreeMap<Key, PodFacts>,
    prometheuses: Option<BTreeMap<Key, PrometheusFacts>>,
    namespaces: Option<BTreeMap<Key, NamespaceFacts>>,
}

impl Cluster {
    /// Prometheus `monitoring/k8s` with two replicas and no sidecar, as kube-prometheus ships it.
    fn kube_prometheus() -> Self {
        let mut cluster = Self {
            service_monitors: BTreeMap::new(),
            services: BTreeMap::new(),
            pods: BTreeMap::new(),
            prometheuses: Some(BTreeMap::new()),
            namespaces: Some(namespaces(&[
                ("apps", &[("team", "apps")]),
                ("monitoring", &[("team", "ops")]),
            ])),
        };
        cluster.prometheus("k8s", prometheus(2));
        cluster.start("k8s", false);
        cluster.service(
            "prometheus-k8s",
            &[("name", "prometheus")],
            &[(names::INSTANCE, "k8s")],
        );
        cluster.monitor(
            "monitoring/prometheus-k8s",
            &[("app", "prometheus")],
            &[("name", "prometheus")],
        );
        cluster
    }

    fn prometheus(&mut self, name: &str, facts: PrometheusFacts) {
        self.prometheuses
            .as_mut()
            .unwrap()
            .insert(key("monitoring", name), facts);
    }

    fn edit(&mut self, name: &str) -> &mut PrometheusFacts {
        self.prometheuses
            .as_mut()
            .unwrap()
            .get_mut(&key("monitoring", name))
            .unwrap()
    }

    /// Creates the pods of a Prometheus.
    fn start(&mut self, name: &str, sidecar: bool) {
        let resource = key("monitoring", name);
        let facts = self.prometheuses.as_ref().unwrap()[&resource].clone();
        for (shard, i) in (0..facts.shards).flat_map(|s| (0..facts.replicas).map(move |i| (s, i))) {
            let pod = names::pod_name(name, shard, i);
            let facts = PodFacts {
                labels: names::pod_labels(&resource, &facts, shard, i),
                hostname: Some(pod.clone()),
                subdomain: Some("prometheus-operated".to_owned()),
                sidecar: sidecar.then(sidecar_facts),
                ports: vec![port(Some("web"), 9090)],
            };
            self.pods.insert(key("monitoring", &pod), facts);
        }
    }

    fn service(
        &mut self,
        name: &str,
        own: &[(&str, &str)],
        selector: &[(&str, &str)],
    ) -> &mut ServiceFacts {
        let facts = ServiceFacts {
            labels: labels(own),
            selector: labels(selector),
            ports: vec![port(Some("web"), 9090)],
            headless: true,
        };
        self.services
            .entry(key("monitoring", name))
            .insert_entry(facts)
            .into_mut()
    }

    fn monitor(
        &mut self,
        path: &str,
        own: &[(&str, &str)],
        services: &[(&str, &str)],
    ) -> &mut ServiceMonitorFacts {
        let (namespace, name) = path.split_once('/').unwrap();
        let facts = ServiceMonitorFacts {
            labels: labels(own),
            selector: selector(services),
            ..Default::default()
        };
        self.service_monitors
            .entry(key(namespace, name))
            .insert_entry(facts)
            .into_mut()
    }

    fn world(&self) -> World<'_> {
        World {
            service_monitors: &self.service_monitors,
            services: &self.services,
            pods: &self.pods,
            prometheuses: self.prometheuses.as_ref(),
            namespaces: Namespaces {
                listed: self.namespaces.as_ref(),
                watched: None,
            },
            own_label: OWN,
        }
    }

    /// Resolves a selection by labels in all namespaces.
    fn select(&self, wanted: &[(&str, &str)]) -> Resolution {
        self.resolve(wanted, NamespaceScope::All, WithoutSidecar::Bridge)
    }

    fn resolve(
        &self,
        wanted: &[(&str, &str)],
        scope: NamespaceScope,
        without_sidecar: WithoutSidecar,
    ) -> Resolution {
        let selections = [Selection {
            selector: selector(wanted),
            scope,
        }];
        resolve(
            &self.world(),
            &Request {
                namespace: "monitoring",
                selections: &selections,
                without_sidecar,
            },
        )
    }
}

const OWN: &str = "operator.thanos.io/owner";

fn prometheus(replicas: u32) -> PrometheusFacts {
    PrometheusFacts {
        replicas,
        shards: 1,
        route_prefix: "/".to_owned(),
        replica_label: Some("prometheus_replica".to_owned()),
        has_external_labels: true,
        service_monitor_selector: Some(LabelSelector::default()),
        service_monitor_namespace_selector: Some(LabelSelector::default()),
        ..Default::default()
    }
}

fn sidecar_facts() -> SidecarFacts {
    SidecarFacts {
        grpc_port: 10901,
        ..Default::default()
    }
}

fn port(name: Option<&str>, port: u16) -> PortFacts {
    PortFacts {
        name: name.map(str::to_owned),
        port,
    }
}

fn addresses(resolution: &Resolution) -> Vec<&str> {
    resolution
        .endpoints
        .iter()
        .map(|e| e.address.as_str())
        .collect()
}

fn urls(resolution: &Resolution) -> Vec<&str> {
    resolution
        .endpoints
        .iter()
        .filter_map(|e| Some(e.bridge.as_ref()?.url.as_str()))
        .collect()
}

fn reasons(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|f| format!("{} {}", f.reason, f.subject))
        .collect()
}

const PROMETHEUS: &[(&str, &str)] = &[("app", "prometheus")];

#[test]
fn an_untouched_kube_prometheus_is_bridged() {
    let found = Cluster::kube_prometheus().select(PROMETHEUS);
    assert_eq!(
        urls(&found),
        [
            "http://prometheus-k8s-0.prometheus-operated.monitoring.svc:9090/",
            "http://prometheus-k8s-1.prometheus-operated.monitoring.svc:9090/",
        ]
    );
    assert_eq!(
        found.endpoints[1],
        Endpoint {
            address: String::new(),
            via: Via::Bridge,
            chain: Chain {
                service_monitor: key("monitoring", "prometheus-k8s"),
                service: Some(key("monitoring", "prometheus-k8s")),
                prometheus: Some(key("monitoring", "k8s")),
                others: 0,
            },
            pod: Some(key("monitoring", "prometheus-k8s-1")),
            bridge: Some(BridgeTarget {
                url: urls(&found)[1].to_owned(),
                tls: false
            }),
        }
    );
    assert_eq!(found.selected, 1);
    assert_eq!(
        found.prometheuses,
        BTreeSet::from([key("monitoring", "k8s")])
    );
    assert_eq!(
        found.replica_labels,
        BTreeSet::from(["prometheus_replica".to_owned()])
    );
    assert_eq!(
        (found.skipped, found.notes, found.nearest),
        (vec![], vec![], vec![])
    );
}

#[test]
fn the_bridge_url_follows_the_resource() {
    let mut cluster = Cluster::kube_prometheus();
    *cluster.edit("k8s") = PrometheusFacts {
        web_tls: true,
        route_prefix: "/prom".to_owned(),
        port_name: "api".to_owned(),
        ..prometheus(3)
    };
    let pod = cluster
        .pods
        .get_mut(&key("monitoring", "prometheus-k8s-1"))
        .unwrap();
    pod.ports = vec![port(Some("web"), 1), port(Some("api"), 9999)];
    pod.hostname = Some("h".to_owned());
    pod.subdomain = None;
    cluster.edit("k8s").service_name = Some("mine".to_owned());
    let found = cluster.select(PROMETHEUS);
    assert_eq!(
        urls(&found),
        [
            "https://prometheus-k8s-0.prometheus-operated.monitoring.svc:9090/prom",
            "https://h.mine.monitoring.svc:9999/prom",
            "https://prometheus-k8s-2.mine.monitoring.svc:9090/prom",
        ]
    );
    assert!(
        found
            .endpoints
            .iter()
            .all(|e| e.bridge.as_ref().unwrap().tls)
    );
}

#[test]
fn a_sidecar_is_addressed_pod_by_pod() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").sidecar = Some(sidecar_facts());
    cluster.start("k8s", true);
    cluster
        .pods
        .get_mut(&key("monitoring", "prometheus-k8s-1"))
        .unwrap()
        .sidecar = Some(SidecarFacts {
        grpc_port: 11901,
        ..Default::default()
    });
    let found = cluster.select(PROMETHEUS);
    assert_eq!(
        addresses(&found),
        [
            "dns+prometheus-k8s-0.prometheus-operated.monitoring.svc:10901",
            "dns+prometheus-k8s-1.prometheus-operated.monitoring.svc:11901",
        ]
    );
    assert!(
        found
            .endpoints
            .iter()
            .all(|e| e.via == Via::Sidecar && e.bridge.is_none())
    );
}

#[test]
fn a_restart_changes_nothing() {
    for sidecar in [false, true] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.edit("k8s").sidecar = sidecar.then(sidecar_facts);
        cluster.start("k8s", sidecar);
        let before = cluster.select(PROMETHEUS);
        assert_eq!(before.endpoints.len(), 2);
        cluster.pods.remove(&key("monitoring", "prometheus-k8s-0"));
        assert_eq!(cluster.select(PROMETHEUS), before);
        cluster.pods.clear();
        assert_eq!(cluster.select(PROMETHEUS), before);
    }
}

#[test]
fn while_a_sidecar_rolls_out_the_pods_decide() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").sidecar = Some(sidecar_facts());
    cluster
        .pods
        .get_mut(&key("monitoring", "prometheus-k8s-1"))
        .unwrap()
        .sidecar = Some(sidecar_facts());
    let found = cluster.select(PROMETHEUS);
    assert_eq!(
        found.endpoints.iter().map(|e| e.via).collect::<Vec<_>>(),
        [Via::Bridge, Via::Sidecar]
    );
    // Scaled down: the pod that is still there still has data.
    cluster.edit("k8s").replicas = 1;
    assert_eq!(cluster.select(PROMETHEUS).endpoints.len(), 2);
}

#[test]
fn two_prometheuses_that_share_the_governing_service_stay_apart() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.prometheus("other", prometheus(1));
    cluster.start("other", true);
    cluster.service("by-shard", &[("name", "shard")], &[(names::SHARD, "1")]);
    assert_eq!(
        cluster.select(PROMETHEUS).prometheuses,
        BTreeSet::from([key("monitoring", "k8s")])
    );
    cluster.service(
        "prometheus-operated",
        &[(names::OPERATED, "true")],
        &[(names::NAME, "prometheus")],
    );
    cluster.monitor(
        "monitoring/both",
        &[("app", "both")],
        &[(names::OPERATED, "true")],
    );
    assert_eq!(cluster.select(&[("app", "both")]).endpoints.len(), 3);
    // Both Services and both ServiceMonitors: each pod once.
    let found = cluster.resolve(&[], NamespaceScope::All, WithoutSidecar::Bridge);
    assert_eq!(found.endpoints.len(), 3);
    let others: Vec<usize> = found.endpoints.iter().map(|e| e.chain.others).collect();
    assert_eq!(others, [1, 1, 0]);
    assert_eq!(
        found.endpoints[0].chain.service_monitor,
        key("monitoring", "both")
    );
}

#[test]
fn a_service_that_names_a_shard_reaches_that_shard() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").shards = 3;
    cluster.start("k8s", true);
    cluster
        .pods
        .remove(&key("monitoring", "prometheus-k8s-shard-1-0"));
    cluster.service(
        "prometheus-k8s",
        &[("name", "prometheus")],
        &[(names::SHARD, "1"), (names::NAME, "prometheus")],
    );
    let found = cluster.select(PROMETHEUS);
    let pods: Vec<String> = found
        .endpoints
        .iter()
        .map(|e| e.pod.clone().unwrap().name)
        .collect();
    assert_eq!(
        pods,
        ["prometheus-k8s-shard-1-0", "prometheus-k8s-shard-1-1"]
    );
}

#[test]
fn an_application_leads_to_the_prometheuses_that_scrape_it() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.monitor("apps/shop", &[("app", "shop")], &[("app", "shop")]);
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(found.endpoints.len(), 2);
    assert_eq!(
        found.endpoints[0].chain,
        Chain {
            service_monitor: key("apps", "shop"),
            service: None,
            prometheus: Some(key("monitoring", "k8s")),
            others: 0,
        }
    );
    // An absent replica of it is reached as well.
    cluster.edit("k8s").replicas = 3;
    assert_eq!(cluster.select(&[("app", "shop")]).endpoints.len(), 3);

    cluster.edit("k8s").service_monitor_namespace_selector = None;
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["NotScraped ServiceMonitor apps/shop"]
    );
    assert!(found.skipped[0].message.contains(
        "Prometheus monitoring/k8s comes nearest: let spec.serviceMonitorNamespaceSelector there select the namespace apps"
    ), "{}", found.skipped[0].message);
    assert!(found.prometheuses.is_empty());

    cluster.edit("k8s").service_monitor_selector =
        Some(selector(&[("app", "shop"), ("team", "x")]));
    cluster.edit("k8s").service_monitor_namespace_selector = Some(LabelSelector::default());
    cluster.prometheus(
        "far",
        PrometheusFacts {
            service_monitor_selector: Some(selector(&[("a", "b"), ("c", "d")])),
            ..prometheus(1)
        },
    );
    let found = cluster.select(&[("app", "shop")]);
    let message = &found.skipped[0].message;
    assert!(
        message.ends_with("Prometheus monitoring/k8s comes nearest: give it the labels team=x"),
        "{message}"
    );

    for name in ["k8s", "far"] {
        cluster.edit(name).service_monitor_selector = None;
    }
    let found = cluster.select(&[("app", "shop")]);
    assert!(
        found.skipped[0]
            .message
            .contains("no Prometheus selects any ServiceMonitor")
    );
}

#[test]
fn what_cannot_be_reached_is_skipped_with_a_reason() {
    type Edit = fn(&mut Cluster);
    let cases: [(Edit, &[&str]); 6] = [
        (
            |c| c.edit("k8s").listen_local = true,
            &["ListenLocal Prometheus monitoring/k8s"],
        ),
        (
            |c| c.edit("k8s").web_client_cert = true,
            &["ClientCertificateRequired Prometheus monitoring/k8s"],
        ),
        (
            |c| c.edit("k8s").has_external_labels = false,
            &["NoExternalLabels Prometheus monitoring/k8s"],
        ),
        (
            |c| c.prometheuses = Some(BTreeMap::new()),
            &[
                "PrometheusGone Pod monitoring/prometheus-k8s-0",
                "PrometheusGone Pod monitoring/prometheus-k8s-1",
            ],
        ),
        (
            |c| c.prometheuses = None,
            &[
                "PrometheusUnreadable Pod monitoring/prometheus-k8s-0",
                "PrometheusUnreadable Pod monitoring/prometheus-k8s-1",
            ],
        ),
        (
            |c| {
                for pod in c.pods.values_mut() {
                    pod.labels
                        .insert(names::NAME.to_owned(), names::PROMETHEUS_AGENT.to_owned());
                    c.prometheuses = Some(BTreeMap::new());
                }
            },
            &[
                "PrometheusAgent Pod monitoring/prometheus-k8s-0",
                "PrometheusAgent Pod monitoring/prometheus-k8s-1",
            ],
        ),
    ];
    for (edit, expected) in cases {
        let mut cluster = Cluster::kube_prometheus();
        edit(&mut cluster);
        let found = cluster.select(PROMETHEUS);
        let reported = reasons(&found.skipped);
        assert!(
            expected.iter().all(|e| reported.iter().any(|r| r == e)),
            "{expected:?} {reported:?}"
        );
        assert_eq!(found.endpoints, []);
    }
}

#[test]
fn sidecars_that_cannot_be_reached_are_skipped_with_a_reason() {
    for (sidecar, reason) in [
        (
            SidecarFacts {
                listen_local: true,
                ..sidecar_facts()
            },
            "SidecarListenLocal",
        ),
        (
            SidecarFacts {
                tls: true,
                ..sidecar_facts()
            },
            "SidecarTLS",
        ),
    ] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.edit("k8s").replicas = 1;
        cluster.pods.clear();
        cluster.edit("k8s").sidecar = Some(sidecar);
        let found = cluster.select(PROMETHEUS);
        assert_eq!(
            reasons(&found.skipped),
            [format!("{reason} Pod monitoring/prometheus-k8s-0")]
        );
        assert_eq!(found.endpoints, []);
    }
}

#[test]
fn without_bridges_the_lack_of_a_sidecar_is_reported() {
    let cluster = Cluster::kube_prometheus();
    let found = cluster.resolve(PROMETHEUS, NamespaceScope::All, WithoutSidecar::Report);
    assert_eq!(
        reasons(&found.skipped),
        [
            "NoSidecar Pod monitoring/prometheus-k8s-0",
            "NoSidecar Pod monitoring/prometheus-k8s-1",
        ]
    );
    assert_eq!(found.endpoints, []);
    assert_eq!(found.prometheuses.len(), 1);
}

#[test]
fn sidecars_need_no_resource() {
    for prometheuses in [None, Some(BTreeMap::new())] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.start("k8s", true);
        cluster.prometheuses = prometheuses;
        let found = cluster.select(PROMETHEUS);
        assert_eq!(found.endpoints.len(), 2);
        assert_eq!(found.endpoints[0].chain.prometheus, None);
        assert!(found.prometheuses.is_empty());
        assert_eq!(found.skipped, []);
    }
}

#[test]
fn a_sidecar_without_external_labels_is_listed_with_a_note() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.start("k8s", true);
    cluster.edit("k8s").has_external_labels = false;
    let found = cluster.select(PROMETHEUS);
    assert_eq!(found.endpoints.len(), 2);
    assert_eq!(
        reasons(&found.notes),
        ["NoExternalLabels Prometheus monitoring/k8s"]
    );
    assert_eq!(found.skipped, []);
}

#[test]
fn a_service_whose_prometheus_is_gone_says_so() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.pods.clear();
    cluster.prometheuses = Some(BTreeMap::new());
    for (selector, own) in [
        (
            &[(names::NAME, "prometheus"), (names::INSTANCE, "k8s")][..],
            &[("name", "prometheus")][..],
        ),
        (&[(names::RESOURCE, "k8s")], &[("name", "prometheus")]),
        (&[(names::SHARD, "0")], &[("name", "prometheus")]),
        (
            &[(names::MANAGED_BY, "prometheus-operator")],
            &[("name", "prometheus")],
        ),
        (
            &[(names::NAME, "prometheus")],
            &[("name", "prometheus"), (names::OPERATED, "true")],
        ),
    ] {
        cluster.service("prometheus-k8s", own, selector);
        let found = cluster.select(PROMETHEUS);
        let reported = reasons(&found.skipped);
        assert!(
            reported.contains(&"PrometheusGone Service monitoring/prometheus-k8s".to_owned()),
            "{reported:?}"
        );
        assert_eq!(found.endpoints, []);
    }
    cluster.prometheuses = None;
    let reported = reasons(&cluster.select(PROMETHEUS).skipped);
    assert_eq!(
        reported,
        [
            "PrometheusUnreadable ServiceMonitor monitoring/prometheus-k8s",
            "PrometheusUnreadable Service monitoring/prometheus-k8s",
        ]
    );
}

#[test]
fn a_service_that_serves_the_store_api_itself() {
    for (ports, headless, expected) in [
        (
            vec![port(Some("http"), 1), port(Some("grpc"), 2)],
            true,
            Some("dnssrv+_grpc._tcp.store.monitoring.svc"),
        ),
        (
            vec![port(Some("api"), 10901), port(Some("grpc"), 2)],
            true,
            Some("dnssrv+_grpc._tcp.store.monitoring.svc"),
        ),
        (
            vec![port(Some("store"), 10901)],
            true,
            Some("dnssrv+_store._tcp.store.monitoring.svc"),
        ),
        (
            vec![port(None, 10901)],
            false,
            Some("dns+store.monitoring.svc:10901"),
        ),
        (
            vec![port(None, 9090), port(Some("http"), 10902)],
            true,
            None,
        ),
    ] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.prometheuses = Some(BTreeMap::new());
        *cluster.service("store", &[("name", "store")], &[]) = ServiceFacts {
            labels: labels(&[("name", "store")]),
            ports,
            headless,
            ..Default::default()
        };
        cluster.monitor(
            "monitoring/store",
            &[("app", "store")],
            &[("name", "store")],
        );
        let found = cluster.select(&[("app", "store")]);
        assert_eq!(addresses(&found), expected.into_iter().collect::<Vec<_>>());
        if let Some(address) = expected {
            assert_eq!(
                found.endpoints[0],
                Endpoint {
                    address: address.to_owned(),
                    via: Via::Service,
                    chain: Chain {
                        service_monitor: key("monitoring", "store"),
                        service: Some(key("monitoring", "store")),
                        prometheus: None,
                        others: 0,
                    },
                    pod: None,
                    bridge: None,
                }
            );
            assert_eq!(found.notes.is_empty(), headless);
            assert_eq!(found.skipped, []);
        }
    }
}

#[test]
fn services_with_pods_of_prometheus_operator_or_of_ours_are_no_store_api() {
    let grpc = vec![port(Some("grpc"), 10901)];
    let mut cluster = Cluster::kube_prometheus();
    cluster
        .services
        .get_mut(&key("monitoring", "prometheus-k8s"))
        .unwrap()
        .ports = grpc.clone();
    cluster.start("k8s", true);
    let found = cluster.select(PROMETHEUS);
    assert!(
        found.endpoints.iter().all(|e| e.via == Via::Sidecar),
        "{found:?}"
    );

    let mut own = ServiceFacts {
        labels: labels(&[("name", "own"), (OWN, "query")]),
        ports: grpc,
        ..Default::default()
    };
    own.selector = labels(&[(names::INSTANCE, "k8s")]);
    cluster.services.insert(key("monitoring", "own"), own);
    cluster.monitor("monitoring/own", &[("app", "own")], &[("name", "own")]);
    let found = cluster.select(&[("app", "own")]);
    assert!(
        found
            .endpoints
            .iter()
            .all(|e| e.chain.service.is_none() && e.via == Via::Sidecar),
        "{found:?}"
    );
    assert_eq!(found.endpoints.len(), 2);
}

#[test]
fn the_namespaces_of_a_service_monitor_are_honoured() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.edit("k8s").service_monitor_selector = None;
    for (namespaces, expected) in [
        (TargetNamespaces::Own, 0),
        (TargetNamespaces::Any, 2),
        (
            TargetNamespaces::Names(vec![
                "monitoring".to_owned(),
                "apps".to_owned(),
                "monitoring".to_owned(),
            ]),
            2,
        ),
        (TargetNamespaces::Names(vec!["apps".to_owned()]), 0),
    ] {
        cluster
            .monitor(
                "apps/remote",
                &[("app", "remote")],
                &[("name", "prometheus")],
            )
            .namespaces = namespaces;
        let found = cluster.select(&[("app", "remote")]);
        assert_eq!(found.endpoints.len(), expected);
        assert_eq!(found.skipped.len(), usize::from(expected == 0));
    }
}

#[test]
fn malformed_selectors_select_nothing_and_are_named() {
    let bad: LabelSelector = parse(r#"{"matchExpressions": [{"key": "a", "operator": "NotIn"}]}"#);
    let mut cluster = Cluster::kube_prometheus();
    let request = |selection: Selection| {
        resolve(
            &cluster.world(),
            &Request {
                namespace: "monitoring",
                selections: &[selection],
                without_sidecar: WithoutSidecar::Bridge,
            },
        )
    };
    let found = request(Selection {
        selector: bad.clone(),
        scope: NamespaceScope::All,
    });
    assert_eq!(reasons(&found.skipped), ["InvalidSelector selection 0"]);
    assert!(
        found.skipped[0]
            .message
            .starts_with("selector.matchExpressions[0].values: ")
    );
    assert_eq!(found.selected, 0);
    let found = request(Selection {
        scope: NamespaceScope::Matching(bad.clone()),
        ..Default::default()
    });
    assert!(
        found.skipped[0]
            .message
            .starts_with("namespaceSelector.matchExpressions[0].values: ")
    );

    cluster.monitor("apps/shop", &[("app", "shop")], &[("app", "shop")]);
    cluster.edit("k8s").service_monitor_selector = Some(bad.clone());
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        [
            "InvalidSelector Prometheus monitoring/k8s",
            "NotScraped ServiceMonitor apps/shop",
        ]
    );
    cluster.edit("k8s").service_monitor_selector = Some(LabelSelector::default());
    cluster.edit("k8s").service_monitor_namespace_selector = Some(bad.clone());
    let found = cluster.select(&[("app", "shop")]);
    assert!(
        found.skipped[0]
            .message
            .starts_with("spec.serviceMonitorNamespaceSelector.matchExpressions[0]")
    );

    cluster
        .monitor("apps/shop", &[("app", "shop")], &[])
        .selector = bad;
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["InvalidSelector ServiceMonitor apps/shop"]
    );
}

#[test]
fn namespace_selectors_that_cannot_be_evaluated_are_reported() {
    let by_label = selector(&[("team", "ops")]);
    let mut cluster = Cluster::kube_prometheus();
    cluster.namespaces = None;
    let found = cluster.resolve(
        &[],
        NamespaceScope::Matching(by_label.clone()),
        WithoutSidecar::Bridge,
    );
    assert_eq!(
        reasons(&found.skipped),
        ["UnevaluableNamespaceSelector selection 0"]
    );
    assert_eq!((found.selected, found.nearest), (0, vec![]));

    cluster.monitor("apps/shop", &[("app", "shop")], &[("app", "shop")]);
    cluster.edit("k8s").service_monitor_namespace_selector = Some(by_label);
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["UnevaluableNamespaceSelector Prometheus monitoring/k8s"]
    );
    // It does not matter where the labels of the ServiceMonitor decide alone.
    cluster.edit("k8s").service_monitor_selector = Some(selector(&[("app", "other")]));
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["NotScraped ServiceMonitor apps/shop"]
    );
}

#[test]
fn two_selections_are_a_union() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.monitor("apps/shop", &[("app", "shop")], &[("app", "shop")]);
    let selections = [
        Selection {
            selector: selector(PROMETHEUS),
            scope: NamespaceScope::Own,
        },
        Selection {
            selector: selector(&[("app", "shop")]),
            scope: NamespaceScope::Matching(selector(&[("team", "apps")])),
        },
    ];
    let resolve = |selections| {
        let request = Request {
            namespace: "monitoring",
            selections,
            without_sidecar: WithoutSidecar::Bridge,
        };
        resolve(&cluster.world(), &request).selected
    };
    assert_eq!(resolve(&selections), 2);
    assert_eq!(resolve(&selections[..1]), 1);
    assert_eq!(resolve(&selections[1..]), 1);
    assert_eq!(resolve(&[]), 0);
}

#[test]
fn nothing_selected_names_the_nearest() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.service_monitors.clear();
    cluster.monitor("apps/z", &[("app", "x"), ("team", "y")], &[]);
    cluster.monitor("apps/near", &[("app", "x")], &[]);
    cluster.monitor("monitoring/half", &[("app", "x"), ("team", "other")], &[]);
    cluster.monitor("monitoring/none", &[], &[]);
    cluster.monitor("monitoring/none2", &[], &[]);
    let found = cluster.resolve(
        &[("app", "x"), ("team", "y")],
        NamespaceScope::Own,
        WithoutSidecar::Bridge,
    );
    assert_eq!(found.selected, 0);
    let keys: Vec<String> = found.nearest.iter().map(|c| c.key.to_string()).collect();
    assert_eq!(keys, ["apps/z", "monitoring/half", "monitoring/none"]);
    assert_eq!(
        found.nearest[0],
        Candidate {
            key: key("apps", "z"),
            labels: labels(&[("app", "x"), ("team", "y")]),
            matched: vec!["app=x".to_owned(), "team=y".to_owned()],
            missing: vec![],
            in_scope: false,
            would_match_elsewhere: true,
        }
    );
    assert_eq!(found.nearest[1].matched, ["app=x"]);
    assert_eq!(found.nearest[1].missing, ["team=y"]);
    assert!(found.nearest[1].in_scope && !found.nearest[1].would_match_elsewhere);
}

#[test]
fn only_changes_that_can_matter_wake() {
    let cluster = Cluster::kube_prometheus();
    let world = cluster.world();
    let selections = [Selection {
        selector: selector(PROMETHEUS),
        scope: NamespaceScope::Own,
    }];
    let request = Request {
        namespace: "monitoring",
        selections: &selections,
        without_sidecar: WithoutSidecar::Bridge,
    };
    let with = |pairs| ServiceMonitorFacts {
        labels: labels(pairs),
        ..Default::default()
    };
    let (yes, no) = (with(PROMETHEUS), with(&[("app", "x")]));
    for (namespace, old, new, expected) in [
        ("monitoring", None, Some(&yes), true),
        ("monitoring", Some(&yes), Some(&no), true),
        ("monitoring", Some(&yes), None, true),
        ("monitoring", Some(&no), Some(&no), false),
        ("apps", None, Some(&yes), false),
    ] {
        let changed = key(namespace, "x");
        assert_eq!(
            affects(&world.namespaces, &request, &changed, old, new),
            expected
        );
    }
    let invalid = [Selection {
        scope: NamespaceScope::Matching(selector(&[("-", "")])),
        selector: LabelSelector::default(),
    }];
    let malformed = Request {
        selections: &invalid,
        ..request
    };
    assert!(!affects(
        &world.namespaces,
        &malformed,
        &key("monitoring", "x"),
        None,
        Some(&yes)
    ));

    let service = |selector, ports| ServiceFacts {
        selector: labels(selector),
        ports,
        ..Default::default()
    };
    let application = service(&[("app", "x")], vec![port(Some("http"), 80)]);
    let store = service(&[("app", "x")], vec![port(Some("grpc"), 80)]);
    let to_prometheus = service(&[(names::INSTANCE, "k8s")], vec![]);
    let affects_service =
        |namespace, old, new| affects_services(&world, &key(namespace, "s"), old, new);
    assert!(!affects_service(
        "monitoring",
        Some(&application),
        Some(&application)
    ));
    assert!(affects_service("apps", None, Some(&store)));
    assert!(affects_service("apps", Some(&store), Some(&application)));
    assert!(affects_service("monitoring", None, Some(&to_prometheus)));
    assert!(!affects_service("apps", None, Some(&to_prometheus)));

    let pod = cluster.pods.values().next().unwrap();
    assert!(affects_pods(None, Some(pod)));
    assert!(affects_pods(Some(pod), None));
    let alertmanager = PodFacts {
        labels: labels(&[
            (names::MANAGED_BY, "prometheus-operator"),
            (names::NAME, "alertmanager"),
        ]),
        ..Default::default()
    };
    assert!(!affects_pods(Some(&alertmanager), Some(&alertmanager)));
    let foreign = PodFacts {
        labels: labels(&[(names::NAME, "prometheus")]),
        ..Default::default()
    };
    assert!(!affects_pods(None, Some(&foreign)));

    assert!(!affects_namespaces(&world, &request));
    let by_label = [Selection {
        scope: NamespaceScope::Matching(selector(&[("a", "b")])),
        ..Default::default()
    }];
    assert!(affects_namespaces(
        &world,
        &Request {
            selections: &by_label,
            ..request
        }
    ));
    let mut narrow = Cluster::kube_prometheus();
    narrow.edit("k8s").service_monitor_namespace_selector = Some(selector(&[("a", "b")]));
    assert!(affects_namespaces(&narrow.world(), &request));
}

#[test]
fn a_resource_that_claims_billions_of_replicas_does_no_harm() {
    let mut cluster = Cluster::kube_prometheus();
    *cluster.edit("k8s") = PrometheusFacts {
        shards: u32::MAX,
        ..prometheus(u32::MAX)
    };
    assert_eq!(cluster.select(PROMETHEUS).endpoints.len(), 1000);
}

#[test]
fn labels_of_the_resource_cannot_hide_the_pods_it_makes() {
    let facts = PrometheusFacts {
        pod_labels: Labels::from([
            ("team".to_owned(), "x".to_owned()),
            (names::NAME.to_owned(), "y".to_owned()),
        ]),
        ..prometheus(1)
    };
    let found = names::pod_labels(&key("ns", "a"), &facts, 2, 3);
    assert_eq!(
        found,
        labels(&[
            ("team", "x"),
            (names::NAME, "prometheus"),
            (names::INSTANCE, "a"),
            (names::MANAGED_BY, "prometheus-operator"),
            (names::RESOURCE, "a"),
            ("prometheus", "a"),
            (names::SHARD, "2"),
            (
                "statefulset.kubernetes.io/pod-name",
                "prometheus-a-shard-2-3"
            ),
            ("apps.kubernetes.io/pod-index", "3"),
        ])
    );
}
