//! ServiceMonitors that select no Service, or more than one kind of them.

use super::*;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

/// Finding about the ServiceMonitor `monitoring/x`, the only one.
fn finding(cluster: &Cluster) -> String {
    let found = cluster.select(&[("app", "x")]);
    assert_eq!(found.endpoints, [], "nothing is followed");
    assert_eq!(
        reasons(&found.skipped),
        ["SelectsNoService ServiceMonitor monitoring/x"]
    );
    found.skipped[0].message.clone()
}

/// Its namespace has a Prometheus that scrapes every ServiceMonitor.
#[test]
fn service_monitor_without_service_is_not_resolved_to_its_scraper() {
    let mut cluster = Cluster::kube_prometheus();
    let desired = [("instance", "b"), ("name", "prometheus")];
    cluster.monitor("monitoring/x", &[("app", "x")], &desired);
    let message = finding(&cluster);
    assert!(
        message.contains("Service monitoring/prometheus-k8s, which lacks instance=b;"),
        "{message}"
    );
    let overwritten = [("instance", "argo-b"), ("name", "prometheus")];
    cluster.service("prometheus-k8s", &overwritten, &[(names::INSTANCE, "k8s")]);
    let message = finding(&cluster);
    assert!(
        message.contains("lacks instance=b (it has instance=argo-b)"),
        "{message}"
    );
    // A label with only a common prefix is not the nearest.
    cluster.service("prometheus-k8s", &[("instances", "b")], &[]);
    let message = finding(&cluster);
    assert!(message.contains("create the Service"), "{message}");
}

#[test]
fn service_in_another_namespace_is_reported() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.application("apps/shop", &[]);
    cluster.monitor("monitoring/x", &[("app", "x")], &[("app", "shop")]);
    let message = finding(&cluster);
    assert!(
        message.contains("Service apps/shop would match"),
        "{message}"
    );
    let own = TargetNamespaces::Names(vec!["zoo".to_owned()]);
    cluster
        .monitor("monitoring/x", &[("app", "x")], &[("app", "shop")])
        .namespaces = own;
    assert_eq!(finding(&cluster), message);
}

#[test]
fn ignored_namespace_selector_is_no_remedy() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.application("apps/shop", &[]);
    cluster.monitor("monitoring/x", &[("app", "x")], &[("app", "shop")]);
    assert!(finding(&cluster).contains("spec.namespaceSelector.matchNames"));
    cluster.edit("k8s").ignores_namespace_selectors = true;
    let message = finding(&cluster);
    assert!(
        message.contains("create a ServiceMonitor in namespace apps")
            && message.contains("Prometheus monitoring/k8s ignores"),
        "{message}"
    );
    assert!(!message.contains("matchNames"), "{message}");
}

#[test]
fn excluded_label_is_reported() {
    let mut cluster = Cluster::kube_prometheus();
    let monitor = cluster.monitor("monitoring/x", &[("app", "x")], &[("name", "prometheus")]);
    monitor.selector.match_expressions = Some(vec![LabelSelectorRequirement {
        key: "name".to_owned(),
        operator: "DoesNotExist".to_owned(),
        values: None,
    }]);
    cluster.service("prometheus-k8s", &[("name", "prometheus")], &[]);
    let message = finding(&cluster);
    assert!(
        message.contains("which must not have name=prometheus;"),
        "{message}"
    );
}

#[test]
fn external_name_service_has_nothing_to_scrape() {
    let mut cluster = Cluster::kube_prometheus();
    let alias = ServiceFacts {
        labels: labels(&[("app", "alias")]),
        external: Some(crate::model::ExternalFacts::default()),
        ..Default::default()
    };
    cluster.services.insert(key("monitoring", "alias"), alias);
    cluster.monitor("monitoring/x", &[("app", "x")], &[("app", "alias")]);
    let message = finding(&cluster);
    assert!(message.contains("type ExternalName"), "{message}");
}

#[test]
fn empty_selector_in_an_empty_namespace_reports_no_service() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.services.clear();
    cluster.application("apps/shop", &[]);
    cluster.monitor("monitoring/x", &[("app", "x")], &[]);
    let message = finding(&cluster);
    assert!(!message.contains("shop"), "{message}");
}

/// Each evaluates every Service, and the status lists only some.
#[test]
fn nearest_service_is_computed_for_a_bounded_number_of_service_monitors() {
    let mut cluster = Cluster::kube_prometheus();
    for i in 0..30 {
        let desired = [("instance", "b"), ("name", "prometheus")];
        cluster.monitor(&format!("monitoring/x-{i:02}"), &[("app", "x")], &desired);
    }
    let found = cluster.select(&[("app", "x")]);
    assert_eq!(found.skipped.len(), 30);
    let named = found
        .skipped
        .iter()
        .filter(|f| f.message.contains("closest"));
    assert_eq!(named.count(), 20);
}

#[test]
fn catch_all_resolves_to_its_target_and_its_scraper() {
    let mut cluster = Cluster::kube_prometheus();
    let mesh = PrometheusFacts {
        service_monitor_selector: Some(selector(&[("app", "x")])),
        ..prometheus(1)
    };
    cluster.prometheus("mesh", mesh);
    cluster.start("mesh", true);
    cluster.edit("k8s").service_monitor_selector = None;
    cluster.application("monitoring/shop", &[]);
    let select = |cluster: &mut Cluster| {
        cluster.monitor("monitoring/x", &[("app", "x")], &[]);
        cluster.select(&[("app", "x")])
    };
    let found = select(&mut cluster);
    let pods: Vec<String> = found
        .endpoints
        .iter()
        .map(|e| e.pod.as_ref().map_or_else(String::new, |p| p.name.clone()))
        .collect();
    assert_eq!(
        pods,
        ["prometheus-k8s-0", "prometheus-k8s-1", "prometheus-mesh-0"]
    );
    assert_eq!(found.skipped, []);
    let chain = &found.endpoints[2].chain;
    assert_eq!(chain.service, None, "it is the one that scrapes");
    // Without an application, the scraper of the Prometheus stores none of its series.
    cluster.services.remove(&key("monitoring", "shop"));
    assert_eq!(select(&mut cluster).endpoints.len(), 2);
}
