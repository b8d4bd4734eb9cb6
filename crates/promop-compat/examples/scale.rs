//! Prints what selection and resolution cost at scale. Run with
//! `cargo run --release -p promop-compat --example scale`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::selector;
use kube_facts::{Key, Labels, NamespaceFacts, PortFacts};
use promop_compat::model::{
    BackendFacts, PodFacts, PrometheusFacts, ServiceFacts, ServiceMonitorFacts, TargetNamespaces,
};
use promop_compat::names;
use promop_compat::resolve::{
    ClusterFacts, Request, Selection, WithoutSidecar, affects_backends, affects_services,
    is_affected_by, resolve,
};

const NAMESPACES: usize = 100;
const SERVICE_MONITORS: usize = 10_000;
const SERVICES: usize = 2_000;
const PODS_PER_SERVICE: usize = 10;
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

fn port(name: &str, port: u16) -> PortFacts {
    PortFacts {
        name: Some(name.to_owned()),
        port,
    }
}

/// Ten Prometheuses of two replicas; a Service and a ServiceMonitor for each; applications.
fn main() {
    let mut service_monitors = BTreeMap::new();
    let mut services = BTreeMap::new();
    let mut pods = BTreeMap::new();
    let mut backends = BTreeMap::new();
    let stateful_sets = BTreeMap::new();
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
        let own = labels(&[("app.kubernetes.io/name", "app"), ("number", &number)]);
        let facts = ServiceFacts {
            labels: own,
            selector: match of_prometheus {
                true => labels(&[(names::NAME, names::PROMETHEUS)]),
                false => labels(&[("app", &number)]),
            },
            // One in twenty serves the StoreAPI.
            ports: vec![match i % 20 {
                19 => port("grpc", 10901),
                _ => port("http", 80),
            }],
            headless: true,
            ..Default::default()
        };
        for replica in 0..PODS_PER_SERVICE {
            let backend = BackendFacts {
                labels: labels(&[("app", &number), ("release", "x"), ("version", "1")]),
                ports: facts.ports.clone(),
            };
            let name = format!("s-{i}-{replica}");
            backends.insert(Key::new(format!("ns-{}", i % NAMESPACES), name), backend);
        }
        services.insert(
            Key::new(format!("ns-{}", i % NAMESPACES), format!("s-{i}")),
            facts,
        );
    }
    for i in 0..SERVICE_MONITORS {
        let number = match i % 50 {
            49 => "none".to_owned(),
            _ => (i % SERVICES).to_string(),
        };
        let group = (i / 100).to_string();
        let labels = labels(&[
            ("app.kubernetes.io/name", "app"),
            ("app.kubernetes.io/part-of", "shop"),
            ("group", &group),
            ("release", "prometheus"),
        ]);
        let facts = ServiceMonitorFacts {
            labels,
            selector: with_labels(&[("number", &number)]),
            // One in a hundred selects all namespaces, and one in fifty selects nothing.
            namespaces: match i % 100 {
                50 => TargetNamespaces::Any,
                _ => TargetNamespaces::Own,
            },
            ..Default::default()
        };
        service_monitors.insert(
            Key::new(format!("ns-{}", i % NAMESPACES), format!("m-{i}")),
            facts,
        );
    }

    let world = ClusterFacts {
        service_monitors: &service_monitors,
        services: &services,
        pods: &pods,
        backends: &backends,
        stateful_sets: &stateful_sets,
        prometheuses: Some(&prometheuses),
        prometheus_agents: None,
        namespaces: Namespaces {
            listed: Some(&namespaces),
            watched: None,
        },
        own_label: "operator.thanos.io/owner",
        store_label: ("operator.thanos.io/store-api", "true"),
    };
    let selection = |pairs: &[(&str, &str)], scope| {
        [Selection {
            selector: with_labels(pairs),
            scope,
        }]
    };

    let Some((key, facts)) = service_monitors.iter().nth(5_000) else {
        return;
    };
    time("one match of a selector", 1_000_000, || {
        selector::matches(black_box(&facts.selector), black_box(&facts.labels))
    });

    let others: Vec<_> = (0..REQUESTS)
        .map(|i| selection(&[("group", &format!("none-{i}"))], NamespaceScope::All))
        .collect();
    time(
        "one ServiceMonitor event, 100 requests that do not select it",
        10_000,
        || {
            let new = Some(black_box(facts));
            let affected = others
                .iter()
                .filter(|s| is_affected_by(&world.namespaces, &request(*s), key, new, new));
            affected.count()
        },
    );
    let Some((service, changed)) = services.iter().nth(1_000) else {
        return;
    };
    let [none, hundred] = ["none", "7"].map(|g| selection(&[("group", g)], NamespaceScope::All));
    time("one Service event that affects no query", 100_000, || {
        let request = request(&none);
        affects_services(&world, &request, service, Some(changed), Some(changed))
    });
    time("a new Service that affects no request", 1_000, || {
        affects_services(&world, &request(&none), service, None, Some(changed))
    });
    let Some((pod, facts)) = backends.iter().nth(10_000) else {
        return;
    };
    time("a new pod that affects no request", 10_000, || {
        affects_backends(&world, pod, None, Some(facts))
    });

    let all = selection(&[], NamespaceScope::All);
    let own = selection(&[], NamespaceScope::Own);
    for (what, selections) in [
        ("resolve, 100 of 10,000 ServiceMonitors selected", &hundred),
        ("resolve, none selected (nearest)", &none),
        ("resolve, those of the own namespace", &own),
        ("resolve, all 10,000 selected", &all),
    ] {
        let found = resolve(&world, &request(selections));
        time(what, 50, || {
            resolve(black_box(&world), &request(selections))
        });
        println!(
            "              {} selected, {} endpoints",
            found.selected,
            found.endpoints.len()
        );
    }
}

fn request(selections: &[Selection]) -> Request<'_> {
    Request {
        fields: &[],
        namespace: "ns-0",
        selections,
        without_sidecar: WithoutSidecar::Bridge,
    }
}

/// Prints the CPU time of one call of `work`, the best of some rounds of calls.
fn time<T>(what: &str, calls: u32, mut work: impl FnMut() -> T) {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let before = cpu_time();
        for _ in 0..calls {
            black_box(work());
        }
        best = best.min((cpu_time() - before) / calls);
    }
    println!("{best:>12.1?}  {what}");
}

/// The CPU time of this thread so far. Wall-clock time would measure the neighbours as well.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}
