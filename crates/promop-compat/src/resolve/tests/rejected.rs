//! ServiceMonitors that Prometheus Operator rejects or restricts.

use super::*;

/// ServiceMonitor `apps/shop` that selects a Service in its namespace and one in another.
fn shop(edit: impl Fn(&mut ServiceMonitorFacts)) -> Cluster {
    let mut cluster = Cluster::kube_prometheus();
    cluster.application("apps/shop", &[("app", "shop")]);
    let shop = cluster.services[&key("apps", "shop")].clone();
    cluster.services.insert(key("zoo", "shop"), shop);
    let monitor = cluster.service_monitors.get_mut(&key("apps", "shop"));
    edit(monitor.unwrap());
    cluster
}

fn select(cluster: &Cluster) -> Resolution {
    cluster.select(&[("app", "shop")])
}

fn file(monitor: &mut ServiceMonitorFacts) {
    monitor.file_field = Some("spec.endpoints[0].bearerTokenFile".to_owned());
}

#[test]
fn denied_file_is_reported_with_its_field() {
    let mut cluster = shop(file);
    assert_eq!(select(&cluster).endpoints.len(), 2, "it is allowed");
    cluster.edit("k8s").denies_files = true;
    let found = select(&cluster);
    assert_eq!(found.endpoints, []);
    assert_eq!(
        reasons(&found.skipped),
        ["ServiceMonitorRejected ServiceMonitor apps/shop"]
    );
    let message = &found.skipped[0].message;
    for part in ["monitoring/k8s", "spec.endpoints[0].bearerTokenFile"] {
        assert!(message.contains(part), "{message}");
    }
    // If it targets the Prometheus itself, its scrapers are irrelevant.
    let monitor = cluster.monitor(
        "monitoring/prometheus-k8s",
        PROMETHEUS,
        &[("name", "prometheus")],
    );
    file(monitor);
    assert_eq!(cluster.select(PROMETHEUS).endpoints.len(), 2);
    assert_eq!(cluster.select(PROMETHEUS).notes, []);
}

#[test]
fn partial_rejection_is_a_note_besides_the_endpoints() {
    let mut cluster = shop(file);
    cluster.edit("k8s").denies_files = true;
    cluster.prometheus("lax", prometheus(1));
    let found = select(&cluster);
    assert_eq!(found.endpoints.len(), 1);
    assert_eq!(found.skipped, []);
    assert_eq!(
        reasons(&found.notes),
        ["ServiceMonitorRejected ServiceMonitor apps/shop"]
    );
}

#[test]
fn missing_scrape_class_is_reported() {
    let mut cluster = shop(|monitor| monitor.scrape_class = Some("slow".to_owned()));
    let found = select(&cluster);
    assert_eq!(
        reasons(&found.skipped),
        ["ServiceMonitorRejected ServiceMonitor apps/shop"]
    );
    let message = &found.skipped[0].message;
    assert!(message.contains("spec.scrapeClass"), "{message}");
    cluster.edit("k8s").scrape_classes = vec!["fast".to_owned(), "slow".to_owned()];
    let found = select(&cluster);
    assert_eq!((found.endpoints.len(), found.skipped), (2, vec![]));
}

#[test]
fn ignored_namespace_selector_is_reported() {
    let anywhere = |monitor: &mut ServiceMonitorFacts| monitor.namespaces = TargetNamespaces::Any;
    let mut cluster = shop(anywhere);
    assert_eq!(select(&cluster).notes, []);
    cluster.edit("k8s").ignores_namespace_selectors = true;
    let found = select(&cluster);
    assert_eq!(found.endpoints.len(), 2);
    let narrowed = ["NamespaceSelectorIgnored ServiceMonitor apps/shop"];
    assert_eq!(reasons(&found.notes), narrowed);
    assert!(found.notes[0].message.contains("spec.namespaceSelector"));

    // No Service remains in its own namespace.
    cluster.services.remove(&key("apps", "shop"));
    let found = select(&cluster);
    assert_eq!(
        (found.endpoints.len(), reasons(&found.skipped)),
        (0, narrowed.map(String::from).to_vec())
    );
    let elsewhere = TargetNamespaces::Names(vec!["zoo".to_owned()]);
    let monitor = cluster.service_monitors.get_mut(&key("apps", "shop"));
    monitor.unwrap().namespaces = elsewhere;
    assert_eq!(reasons(&select(&cluster).skipped), narrowed);

    // If it selects nothing outside, nothing is lost.
    let mut cluster = shop(anywhere);
    cluster.edit("k8s").ignores_namespace_selectors = true;
    cluster.services.remove(&key("zoo", "shop"));
    let found = select(&cluster);
    assert_eq!((found.endpoints.len(), found.notes), (2, vec![]));
}
