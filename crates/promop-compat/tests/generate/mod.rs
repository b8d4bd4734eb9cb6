//! Small random clusters with small vocabularies, so that objects interact often.

#![allow(dead_code)] // Each test file uses a part.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::{Key, Labels, NamespaceFacts, PortFacts};
use promop_compat::model::{
    BackendFacts, ExternalFacts, PodFacts, PrometheusAgentFacts, PrometheusFacts, ServiceFacts,
    ServiceMonitorFacts, SidecarFacts, StatefulSetFacts, TargetNamespaces, TargetPort,
};
use promop_compat::resolve::{ClusterFacts, Request, Selection, WithoutSidecar};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::{self, weighted};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Runner with deterministic cases, so that their coverage can be asserted. `PROPTEST_CASES` sets
/// the number.
pub fn runner(cases: u32) -> TestRunner {
    let given = std::env::var("PROPTEST_CASES").ok();
    let config = Config {
        failure_persistence: None,
        cases: given.and_then(|n| n.parse().ok()).unwrap_or(cases),
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

pub const OWN_LABEL: &str = "operator.thanos.io/owner";
pub const STORE_LABEL: (&str, &str) = ("operator.thanos.io/store-api", "true");
pub const NAMESPACES: [&str; 3] = ["a", "b", "c"];
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A `ClusterFacts` that owns its stores, and a request.
#[derive(Clone, Debug)]
pub struct Case {
    pub service_monitors: BTreeMap<Key, ServiceMonitorFacts>,
    pub services: BTreeMap<Key, ServiceFacts>,
    pub pods: BTreeMap<Key, PodFacts>,
    pub backends: BTreeMap<Key, BackendFacts>,
    pub stateful_sets: BTreeMap<Key, StatefulSetFacts>,
    pub prometheuses: Option<BTreeMap<Key, PrometheusFacts>>,
    pub prometheus_agents: Option<BTreeMap<Key, PrometheusAgentFacts>>,
    pub namespaces: Option<BTreeMap<Key, NamespaceFacts>>,
    pub watched: Option<BTreeSet<String>>,
    pub namespace: String,
    pub selections: Vec<Selection>,
    pub report: bool,
}

impl Case {
    pub fn world(&self) -> ClusterFacts<'_> {
        ClusterFacts {
            service_monitors: &self.service_monitors,
            services: &self.services,
            pods: &self.pods,
            backends: &self.backends,
            stateful_sets: &self.stateful_sets,
            prometheuses: self.prometheuses.as_ref(),
            prometheus_agents: self.prometheus_agents.as_ref(),
            namespaces: self.known(),
            own_label: OWN_LABEL,
            store_label: STORE_LABEL,
        }
    }

    pub fn known(&self) -> Namespaces<'_> {
        Namespaces {
            listed: self.namespaces.as_ref(),
            watched: self.watched.as_ref(),
        }
    }

    pub fn request(&self) -> Request<'_> {
        Request {
            fields: &[],
            namespace: &self.namespace,
            selections: &self.selections,
            without_sidecar: match self.report {
                true => WithoutSidecar::Report,
                false => WithoutSidecar::Bridge,
            },
        }
    }
}

/// True once in `n` times.
fn rarely(n: u32) -> impl Strategy<Value = bool> + Clone {
    (0..n).prop_map(|i| i == 1)
}

fn owned(text: &'static str) -> String {
    text.to_owned()
}

fn pairs(of: &[(&str, &str)]) -> Labels {
    of.iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// Labels of a small vocabulary.
pub fn labels() -> impl Strategy<Value = Labels> {
    let key = select(vec!["app", "team"]).prop_map(owned);
    btree_map(key, select(vec!["x", "y"]).prop_map(owned), 0..3)
}

/// Selectors for that vocabulary; a few are malformed.
pub fn selectors() -> impl Strategy<Value = LabelSelector> {
    let keys = || select(vec!["app", "team"]).prop_map(owned);
    let values = || vec(select(vec!["x", "y"]).prop_map(owned), 1..3);
    let shapes = prop_oneof![
        6 => (select(vec!["In", "NotIn"]), values().prop_map(Some)),
        6 => (select(vec!["Exists", "DoesNotExist"]), select(vec![None, Some(Vec::new())])),
        1 => (select(vec!["In", "Exists", "NotIn", "Gt"]), option::of(vec(Just(owned("x")), 0..2))),
    ];
    let expression =
        (keys(), shapes).prop_map(|(key, (operator, values))| LabelSelectorRequirement {
            key,
            operator: operator.to_owned(),
            values,
        });
    (
        weighted(0.6, labels()),
        weighted(0.3, vec(expression, 0..3)),
    )
        .prop_map(|(match_labels, match_expressions)| LabelSelector {
            match_labels,
            match_expressions,
        })
}

/// Namespace selectors, a third of them by name.
pub fn namespace_selectors() -> impl Strategy<Value = LabelSelector> {
    let by_name = vec(select(NAMESPACES.to_vec()).prop_map(owned), 1..3).prop_map(|values| {
        let by_name = LabelSelectorRequirement {
            key: NAME_LABEL.to_owned(),
            operator: "In".to_owned(),
            values: Some(values),
        };
        LabelSelector {
            match_expressions: Some(vec![by_name]),
            ..Default::default()
        }
    });
    prop_oneof![2 => selectors(), 1 => by_name, 1 => Just(LabelSelector::default())]
}

fn scopes() -> impl Strategy<Value = NamespaceScope> {
    prop_oneof![
        1 => Just(NamespaceScope::Own),
        2 => Just(NamespaceScope::All),
        2 => namespace_selectors().prop_map(NamespaceScope::Matching),
    ]
}

pub fn namespaces() -> impl Strategy<Value = BTreeMap<Key, NamespaceFacts>> {
    vec(labels(), NAMESPACES.len()).prop_map(|all| {
        NAMESPACES
            .iter()
            .zip(all)
            .map(|(name, mut labels)| {
                labels.insert(NAME_LABEL.to_owned(), (*name).to_owned());
                (Key::new("", *name), NamespaceFacts { labels })
            })
            .collect()
    })
}

pub fn keyed<T>(
    names: &[&'static str],
    of: impl Strategy<Value = T>,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = BTreeMap<Key, T>>
where
    T: std::fmt::Debug,
{
    let key = (select(NAMESPACES.to_vec()), select(names.to_vec()));
    btree_map(key.prop_map(|(ns, name)| Key::new(ns, name)), of, count)
}

fn service_monitor() -> impl Strategy<Value = ServiceMonitorFacts> {
    let namespaces = prop_oneof![
        4 => Just(TargetNamespaces::Own),
        1 => Just(TargetNamespaces::Any),
        1 => vec(select(NAMESPACES.to_vec()).prop_map(owned), 1..4).prop_map(TargetNamespaces::Names),
    ];
    let refused = (
        weighted(0.15, Just(owned("spec.endpoints[0].bearerTokenFile"))),
        weighted(0.15, select(vec!["slow", "fast"]).prop_map(owned)),
    );
    (labels(), selectors(), namespaces, refused).prop_map(
        |(labels, selector, namespaces, refused)| ServiceMonitorFacts {
            labels,
            selector,
            namespaces,
            file_field: refused.0,
            scrape_class: refused.1,
        },
    )
}

fn service() -> impl Strategy<Value = ServiceFacts> {
    let of_pods = select(vec![pairs(&[("app", "x")]), pairs(&[("team", "y")])]);
    let selector = select(vec![
        pairs(&[]),
        pairs(&[
            ("app", "x"),
            ("statefulset.kubernetes.io/pod-name", "other-1"),
        ]),
        pairs(&[("app.kubernetes.io/name", "prometheus")]),
        pairs(&[
            ("app.kubernetes.io/name", "prometheus"),
            ("app.kubernetes.io/instance", "p"),
        ]),
        pairs(&[("app.kubernetes.io/instance", "q")]),
        pairs(&[
            ("operator.prometheus.io/name", "p"),
            ("operator.prometheus.io/shard", "1"),
        ]),
        pairs(&[("operator.prometheus.io/shard", "0")]),
        pairs(&[("app.kubernetes.io/managed-by", "prometheus-operator")]),
        pairs(&[("app.kubernetes.io/name", "prometheus-agent")]),
        pairs(&[("prometheus", "q"), ("team", "x")]),
        pairs(&[("statefulset.kubernetes.io/pod-name", "prometheus-p-0")]),
        pairs(&[("apps.kubernetes.io/pod-index", "1"), ("prometheus", "p")]),
    ]);
    let port = select(vec![
        PortFacts {
            name: Some(owned("web")),
            port: 9090,
        },
        PortFacts {
            name: Some(owned("grpc")),
            port: 10901,
        },
        PortFacts {
            name: Some(owned("grpc")),
            port: 9095,
        },
        PortFacts {
            name: Some(owned("store")),
            port: 10901,
        },
        PortFacts {
            name: None,
            port: 10901,
        },
        PortFacts {
            name: None,
            port: 80,
        },
    ]);
    let target = select(vec![
        TargetPort::Name(owned("grpc")),
        TargetPort::Name(owned("store")),
        TargetPort::Number(10901),
        TargetPort::Number(8080),
    ]);
    // Not every name with this prefix belongs to Thanos.
    let program = select(vec![
        ("app.kubernetes.io/name", "thanos"),
        ("app.kubernetes.io/name", "thanos-store"),
        ("app.kubernetes.io/name", "thanosaurus"),
        ("app.kubernetes.io/name", "loki"),
        ("app.kubernetes.io/part-of", "thanos"),
        ("app.kubernetes.io/part-of", "tempo"),
        STORE_LABEL,
        (STORE_LABEL.0, "false"),
    ]);
    (
        (labels(), weighted(0.8, program)),
        prop_oneof![1 => selector, 1 => of_pods],
        (vec(port, 0..3), vec(target, 0..3)),
        any::<bool>(),
        (rarely(8), rarely(8)),
        weighted(0.15, select(vec!["x.example.com", ""]).prop_map(owned)),
    )
        .prop_map(|(labels, selector, ports, headless, flags, external)| {
            let ((ports, targets), (ours, operated)) = (ports, flags);
            let (mut labels, program) = labels;
            labels.extend(program.map(|(key, value)| (owned(key), owned(value))));
            if ours {
                labels.insert(OWN_LABEL.to_owned(), owned("query"));
            }
            if operated {
                labels.insert(owned("operated-prometheus"), owned("true"));
            }
            if let Some(name) = external {
                return ServiceFacts {
                    labels,
                    external: Some(ExternalFacts { name, ports }),
                    ..Default::default()
                };
            }
            ServiceFacts {
                labels,
                selector,
                ports,
                targets,
                headless,
                external: None,
            }
        })
}

fn sidecar() -> impl Strategy<Value = SidecarFacts> {
    (select(vec![10901, 10901, 11901]), rarely(8), rarely(8)).prop_map(
        |(grpc_port, listen_local, tls)| SidecarFacts {
            grpc_port,
            listen_local,
            tls,
        },
    )
}

fn prometheus() -> impl Strategy<Value = PrometheusFacts> {
    let size = (0..3_u32, 1..3_u32);
    let flags = (rarely(8), rarely(4), rarely(8), rarely(8));
    let more = (rarely(3), rarely(4), any::<bool>(), any::<bool>());
    let texts = (
        weighted(0.3, Just(owned("mine"))),
        select(vec!["/", "/prom"]),
        option::of(select(vec!["replica", "prometheus_replica"]).prop_map(owned)),
        select(vec!["", "web", "api"]),
    );
    let selectors = (
        weighted(0.8, selectors()),
        weighted(0.7, namespace_selectors()),
        labels(),
    );
    let merged = (option::of(sidecar()), container_ports());
    (size, flags, more, texts, selectors, merged).prop_map(
        |(size, flags, more, texts, selectors, (sidecar, container_ports))| PrometheusFacts {
            denies_files: more.0,
            ignores_namespace_selectors: more.1,
            retains_shards: more.2,
            scrape_classes: if more.3 {
                vec![owned("slow")]
            } else {
                Vec::new()
            },
            container_ports,
            replicas: size.0,
            shards: size.1,
            service_name: texts.0,
            sidecar,
            listen_local: flags.0,
            web_tls: flags.1,
            web_client_cert: flags.2,
            route_prefix: texts.1.to_owned(),
            replica_label: texts.2,
            has_external_labels: !flags.3,
            service_monitor_selector: selectors.0,
            service_monitor_namespace_selector: selectors.1,
            port_name: texts.3.to_owned(),
            pod_labels: selectors.2,
            ..Default::default()
        },
    )
}

/// Pod of `name`, existing or not. It may belong to a deleted resource, be older than the resource,
/// or be scaled away.
fn pod() -> impl Strategy<Value = PodFacts> {
    (
        labels(),
        option::of(sidecar()),
        container_ports(),
        rarely(6),
        rarely(6),
        rarely(8),
    )
        .prop_map(|(mut labels, sidecar, ports, bare, foreign, unnamed)| {
            if !foreign {
                labels.insert(
                    owned("app.kubernetes.io/managed-by"),
                    owned("prometheus-operator"),
                );
            }
            PodFacts {
                labels,
                hostname: (!unnamed).then(|| owned("hostname")),
                subdomain: (!bare).then(|| owned("subdomain")),
                sidecar,
                ports,
            }
        })
}

fn prometheus_agent() -> impl Strategy<Value = PrometheusAgentFacts> {
    (0..3_u32, 1..3_u32, any::<bool>(), labels()).prop_map(
        |(replicas, shards, daemon_set, pod_labels)| PrometheusAgentFacts {
            replicas,
            shards,
            daemon_set,
            pod_labels,
        },
    )
}

fn container_ports() -> impl Strategy<Value = Vec<PortFacts>> {
    let port = |name, port| PortFacts {
        name: Some(owned(name)),
        port,
    };
    vec(select(vec![port("web", 9090), port("api", 9999)]), 0..3)
}

/// Ports of pods behind Services.
fn served_ports() -> impl Strategy<Value = Vec<PortFacts>> {
    let port = |name: Option<&'static str>, port| PortFacts {
        name: name.map(owned),
        port,
    };
    let all = vec![
        port(Some("grpc"), 10901),
        port(None, 10901),
        port(Some("store"), 10901),
        port(Some("http"), 8080),
    ];
    vec(select(all), 0..2)
}

fn backend() -> impl Strategy<Value = BackendFacts> {
    (labels(), served_ports()).prop_map(|(labels, ports)| BackendFacts { labels, ports })
}

/// StatefulSets of Prometheuses, shards, agents and others.
fn stateful_sets() -> impl Strategy<Value = BTreeMap<Key, StatefulSetFacts>> {
    const NAMES: [&str; 6] = [
        "prometheus-p",
        "prometheus-p-shard-1",
        "prometheus-p-shard-2",
        "prometheus-q",
        "prom-agent-p",
        "other",
    ];
    let set =
        (0..3_u32, pod(), served_ports()).prop_map(|(replicas, pod, ports)| StatefulSetFacts {
            replicas,
            pod: PodFacts {
                hostname: None,
                ..pod
            },
            ports,
        });
    keyed(&NAMES, set, 0..9).prop_map(|mut all| {
        for (key, set) in &mut all {
            let (app, rest) = match key.name.split_once('-') {
                Some(("prometheus", rest)) => ("prometheus", rest),
                Some(("prom", rest)) => ("prometheus-agent", rest.trim_start_matches("agent-")),
                _ => continue,
            };
            let (name, shard) = rest.split_once("-shard-").unwrap_or((rest, "0"));
            set.pod.labels.extend(pairs(&[
                ("app.kubernetes.io/name", app),
                ("app.kubernetes.io/instance", name),
                ("operator.prometheus.io/name", name),
                ("operator.prometheus.io/shard", shard),
                ("prometheus", name),
            ]));
        }
        all
    })
}

fn pods() -> impl Strategy<Value = BTreeMap<Key, PodFacts>> {
    let place = (
        select(NAMESPACES.to_vec()),
        select(vec!["p", "q"]),
        0..2_u32,
        0..3_u32,
    );
    btree_map((place, rarely(8)), pod(), 0..12).prop_map(|all| {
        all.into_iter()
            .map(|(((namespace, name, shard, ordinal), agent), mut facts)| {
                let prefix = if agent { "prom-agent" } else { "prometheus" };
                let set = match shard {
                    0 => format!("{prefix}-{name}"),
                    _ => format!("{prefix}-{name}-shard-{shard}"),
                };
                let pod = format!("{set}-{ordinal}");
                let app = if agent {
                    "prometheus-agent"
                } else {
                    "prometheus"
                };
                for (label, value) in [
                    ("app.kubernetes.io/name", app),
                    ("app.kubernetes.io/instance", name),
                    ("operator.prometheus.io/name", name),
                    ("operator.prometheus.io/shard", &shard.to_string()),
                    ("prometheus", name),
                    ("statefulset.kubernetes.io/pod-name", &pod),
                    ("apps.kubernetes.io/pod-index", &ordinal.to_string()),
                ] {
                    facts.labels.insert(label.to_owned(), value.to_owned());
                }
                facts.hostname = facts.hostname.map(|_| pod.clone());
                facts.subdomain = facts.subdomain.map(|_| owned("prometheus-operated"));
                (Key::new(namespace, pod), facts)
            })
            .collect()
    })
}

pub fn cases() -> impl Strategy<Value = Case> {
    let prometheuses = weighted(0.9, keyed(&["p", "q"], prometheus(), 0..4));
    let agents = weighted(0.4, keyed(&["p", "q"], prometheus_agent(), 0..3));
    let selection =
        (selectors(), scopes()).prop_map(|(selector, scope)| Selection { selector, scope });
    let watched = weighted(
        0.1,
        btree_set(select(NAMESPACES.to_vec()).prop_map(owned), 1..3),
    );
    let objects = (
        keyed(&["m1", "m2", "m3", "m4"], service_monitor(), 0..8),
        keyed(&["s1", "s2", "s3", "s4"], service(), 2..12),
        pods(),
        keyed(&["b1", "b2", "b3"], backend(), 0..9),
        stateful_sets(),
        (prometheuses, agents),
    );
    let request = (select(NAMESPACES.to_vec()), vec(selection, 1..3), rarely(5));
    (objects, weighted(0.8, namespaces()), watched, request).prop_map(
        |(objects, namespaces, watched, request)| Case {
            service_monitors: objects.0,
            services: objects.1,
            pods: objects.2,
            backends: objects.3,
            stateful_sets: objects.4,
            prometheuses: objects.5.0,
            prometheus_agents: objects.5.1,
            namespaces,
            watched,
            namespace: request.0.to_owned(),
            selections: request.1,
            report: request.2,
        },
    )
}
