//! Prints what selection and resolution cost at scale. Run with
//! `cargo run --release -p promop-compat --example scale`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use promop_compat::model::{
    Key, Labels, NamespaceFacts, PodFacts, PortFacts, PrometheusFacts, ServiceFacts,
    ServiceMonitorFacts,
};
use promop_compat::namespaces::{NamespaceScope, Namespaces};
use promop_compat::resolve::{
    Request, Selection, WithoutSidecar, World, affects, affects_services, resolve,
};
use promop_compat::{names, selector};

const NAMESPACES: usize = 100;
const SERVICE_MONITORS: usize = 10_000;
const SERVICES: usize = 2_000;
const REQUESTS: usize = 100;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn with_labels(pairs: &[(&str, &str)]) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels(pairs)),
        ..Default::default()
    }
}

/// Ten Prometheuses of two replicas; a Service and a ServiceMonitor for each; applications.
fn main() {
    let mut service_monitors = BTreeMap::new();
    let mut services = BTreeMap::new();
    let mut pods = BTreeMap::new();
    let mut prometheuses = BTreeMap::new();
    let mut namespaces = BTreeMap::new();
    for i in 0..NAMESPACES {
        let facts = NamespaceFacts {
            labels: labels(&[("team", "x")]),
        };
        namespaces.insert(Key::new("", format!("ns-{i}")), facts);
    }
    for i in 0..10 {
        let key = Key::new(format!("ns-{i}"), "k8s");
        let facts = PrometheusFacts {
            replicas: 2,
            shards: 1,
            route_prefix: "/".to_owned(),
            has_external_labels: true,
            service_monitor_selector: Some(LabelSelector::default()),
            service_monitor_namespace_selector: Some(with_labels(&[("team", "x")])),
            ..Default::default()
        };
        for ordinal in 0..2 {
            let name = names::pod_name("k8s", 0, ordinal);
            let pod = PodFacts {
                labels: names::pod_labels(&key, &facts, 0, ordinal),
                hostname: Some(name.clone()),
                subdomain: Some(names::GOVERNING_SERVICE.to_owned()),
                ..Default::default()
            };
            pods.insert(Key::new(key.namespace.as_str(), name), pod);
        }
        prometheuses.insert(key, facts);
    }
    for i in 0..SERVICES {
        let number = i.to_string();
        let of_prometheus = i < 10;
        let facts = ServiceFacts {
            labels: labels(&[("app.kubernetes.io/name", "app"), ("number", &number)]),
            selector: match of_prometheus {
                true => labels(&[(names::NAME, names::PROMETHEUS)]),
                false => labels(&[("app", &number)]),
            },
            // One in twenty has a port named grpc.
            ports: vec![PortFacts {
                name: Some(if i % 20 == 19 { "grpc" } else { "http" }.to_owned()),
                port: 80,
            }],
            headless: true,
        };
        services.insert(
            Key::new(format!("ns-{}", i % NAMESPACES), format!("s-{i}")),
            facts,
        );
    }
    for i in 0..SERVICE_MONITORS {
        let (number, group) = ((i % SERVICES).to_string(), (i / 100).to_string());
        let facts = ServiceMonitorFacts {
            labels: labels(&[
                ("app.kubernetes.io/name", "app"),
                ("app.kubernetes.io/part-of", "shop"),
                ("group", &group),
                ("release", "prometheus"),
            ]),
            selector: with_labels(&[("number", &number)]),
            ..Default::default()
        };
        service_monitors.insert(
            Key::new(format!("ns-{}", i % NAMESPACES), format!("m-{i}")),
            facts,
        );
    }

    let world = World {
        service_monitors: &service_monitors,
        services: &services,
        pods: &pods,
        prometheuses: Some(&prometheuses),
        namespaces: Namespaces {
            listed: Some(&namespaces),
            watched: None,
        },
        own_label: "operator.thanos.io/owner",
    };
    let selection = |pairs: &[(&str, &str)], scope| {
        [Selection {
            selector: with_labels(pairs),
            scope,
        }]
    };
    let request = |selections| Request {
        namespace: "ns-0",
        selections,
        without_sidecar: WithoutSidecar::Bridge,
    };

    let Some((key, facts)) = service_monitors.iter().nth(5_000) else {
        return;
    };
    time("one match of a selector", 1_000_000, || {
        let wanted = facts.selector.clone();
        let started = Instant::now();
        for _ in 0..1_000_000 {
            black_box(selector::matches(
                black_box(&wanted),
                black_box(&facts.labels),
            ));
        }
        started
    });

    let others: Vec<_> = (0..REQUESTS)
        .map(|i| selection(&[("group", &format!("none-{i}"))], NamespaceScope::All))
        .collect();
    time(
        "one ServiceMonitor event, 100 requests that do not select it",
        10_000,
        || {
            let started = Instant::now();
            for _ in 0..10_000 {
                for selections in &others {
                    let new = Some(black_box(facts));
                    black_box(affects(
                        &world.namespaces,
                        &request(selections),
                        key,
                        new,
                        new,
                    ));
                }
            }
            started
        },
    );
    let Some((service, changed)) = services.iter().nth(1_000) else {
        return;
    };
    time("one Service event that concerns nobody", 10_000, || {
        let started = Instant::now();
        for _ in 0..10_000 {
            black_box(affects_services(
                &world,
                service,
                Some(changed),
                Some(changed),
            ));
        }
        started
    });

    let hundred = selection(&[("group", "7")], NamespaceScope::All);
    let all = selection(&[], NamespaceScope::All);
    let own = selection(&[], NamespaceScope::Own);
    let none = selection(&[("group", "none")], NamespaceScope::All);
    for (what, selections) in [
        ("resolve, 100 of 10,000 ServiceMonitors selected", &hundred),
        ("resolve, none selected (nearest)", &none),
        ("resolve, those of the own namespace", &own),
        ("resolve, all 10,000 selected", &all),
    ] {
        let found = resolve(&world, &request(selections));
        println!(
            "  ({} selected, {} endpoints, {} skipped)",
            found.selected,
            found.endpoints.len(),
            found.skipped.len()
        );
        time(what, 50, || {
            let started = Instant::now();
            for _ in 0..50 {
                black_box(resolve(black_box(&world), &request(selections)));
            }
            started
        });
    }
}

/// Runs `work` three times, which says when it started, and prints the best time of one round.
fn time(what: &str, rounds: u32, mut work: impl FnMut() -> Instant) {
    let best = (0..3)
        .map(|_| work().elapsed() / rounds)
        .min()
        .unwrap_or_default();
    println!("{best:>12.1?}  {what}");
}
