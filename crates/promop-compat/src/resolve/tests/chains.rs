//! Which of several chains to an endpoint is named.

use super::*;

#[test]
fn the_chain_that_points_at_a_prometheus_is_named_before_those_it_scrapes() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.application("apps/shop", &[]);
    cluster.application("zoo/shop", &[]);
    let chain = |cluster: &Cluster| cluster.select(&[]).endpoints[0].chain.clone();
    let direct = |name| Chain {
        service_monitor: key("monitoring", name),
        service: Some(key("monitoring", "prometheus-k8s")),
        prometheus: Some(key("monitoring", "k8s")),
        others: 2,
    };
    assert_eq!(chain(&cluster), direct("prometheus-k8s"));
    // Of those that point at it, the first.
    cluster.monitor("monitoring/a-twin", &[], &[("name", "prometheus")]);
    let twin = direct("a-twin");
    assert_eq!(chain(&cluster), Chain { others: 3, ..twin });

    cluster.service_monitors.retain(|key, _| key.name == "shop");
    let scraped = Chain {
        service_monitor: key("apps", "shop"),
        service: None,
        prometheus: Some(key("monitoring", "k8s")),
        others: 1,
    };
    assert_eq!(chain(&cluster), scraped);
}
