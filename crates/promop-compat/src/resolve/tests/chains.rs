//! Which of several chains to an endpoint is listed.

use super::*;

#[test]
fn chain_that_targets_a_prometheus_is_preferred_over_scraped_ones() {
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
    // Of those that target it, the first.
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
