//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores it.

use plan_testing::leaves::{Leaf, Leaves, fill, fill_section};
use serde_json::{Value, json};

use crate::case::Case;

const LEAVES: Leaves<'_, Case> = Leaves {
    more_than: 1000,
    // Fields that act before the plan (discovery, pause). They are tested with the code that reads
    // them.
    without_effect: &[
        "spec.customStoreLabelSelector",
        "spec.storeNamespaceSelector",
        "spec.serviceMonitorSelector",
        "spec.serviceMonitorNamespaceSelector",
        "spec.serviceDiscovery",
        "spec.paused",
    ],
    case,
};

/// Facts for every field to act on.
fn world() -> Value {
    json!({
        "serviceMonitors": true,
        "sidecars": ["dns+prometheus-a-0.prometheus-operated.monitoring.svc:10901"],
        "bridges": [{"pod": "monitoring/prometheus-k8s-0", "url": "http://x:9090/"}],
        "learned": ["member"],
        "queryApis": [
            {"name": "a", "labels": {"other": "other"}},
            {"name": "b", "labels": {"sample": "sample"}},
            {"name": "c", "labels": {"sample": "other"}},
        ],
        "openings": [{
            "metadata": {"name": "open"},
            "spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}},
        }],
        "given": ["sample", "other", "fixed", ""],
    })
}

fn case(leaf: &Leaf, value: Option<&Value>) -> Case {
    const FRONTEND: &str = "spec.queryFrontend.";
    let mut spec = leaf.spec(value);
    fill_section(leaf, "spec.", &mut spec);
    if let Some(field) = leaf.path.strip_prefix(FRONTEND) {
        let section = &mut spec["queryFrontend"];
        fill_section(leaf, FRONTEND, section);
        if field.contains("externalCacheConfig") {
            let cache = &mut section["queryRangeResponseCacheConfig"]["externalCacheConfig"];
            fill(cache, &["name"]);
        }
        if field == "queryLabelSelector.matchExpressions[].key" {
            let selector = &mut section["queryLabelSelector"];
            selector["matchExpressions"][0]["operator"] = json!("Exists");
        }
    }
    let mut case = world();
    case["spec"] = spec;
    plan_testing::Case::read(&case)
}

#[test]
fn every_leaf_changes_the_plan() {
    LEAVES.have_an_effect();
}

#[test]
fn relations_hold_for_every_leaf() {
    LEAVES.keep_relations();
}

#[test]
fn credentials_in_urls_are_not_repeated_in_errors() {
    LEAVES.do_not_repeat_credentials(&[
        "arguments of spec.additionalContainers[].args[]",
        "arguments of spec.queryFrontend.additionalContainers[].args[]",
        "arguments of spec.replicaLabels[]",
        "arguments of spec.webConfig.prefixHeader",
    ]);
}
