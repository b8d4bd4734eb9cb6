//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores it.

use kube::CustomResourceExt;
use serde_json::{Value, json};
use thanos_api::v1alpha1::{ThanosQuery, ThanosQuerySpec};
use thanos_query_controller::plan::plan;
use thanos_workload::testing::credentials;
use thanos_workload::testing::sample::{Leaf, leaves};

use crate::case::Case;
use crate::relations;

/// What decides before the plan is made: discovery, and whether there is a plan at all. Their
/// effect is tested with the code that reads them.
const NOT_OF_THE_PLAN: [&str; 6] = [
    "spec.customStoreLabelSelector",
    "spec.storeNamespaceSelector",
    "spec.serviceMonitorSelector",
    "spec.serviceMonitorNamespaceSelector",
    "spec.serviceDiscovery",
    "spec.paused",
];

/// Something of everything that a field may act on.
fn world() -> Case {
    serde_json::from_value(json!({
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
        "given": ["sample", "other"],
    }))
    .unwrap()
}

/// What must be there for the leaf to be of any use: a volume to mount, a second pod to protect.
fn around(leaf: &Leaf, mut spec: Value) -> Value {
    let section = match leaf.path.strip_prefix("spec.queryFrontend.") {
        Some(_) => &mut spec["queryFrontend"],
        None => &mut spec,
    };
    if leaf.path.contains("additionalVolumeMounts") {
        section["additionalVolumes"] = json!([
            {"name": "sample", "emptyDir": {}}, {"name": "other", "emptyDir": {}},
        ]);
    }
    if leaf.path.contains("podDisruptionBudgetConfig") {
        section["replicas"] = json!(2);
    }
    if leaf.path.contains("additionalServicePorts")
        && section["additionalServicePorts"][0].get("name").is_none()
    {
        section["additionalServicePorts"][0]["name"] = json!("fixed");
    }
    if leaf.path.contains("externalCacheConfig") {
        let cache = &mut section["queryRangeResponseCacheConfig"]["externalCacheConfig"];
        if cache.get("name").is_none() {
            cache["name"] = json!("fixed");
        }
    }
    if leaf
        .path
        .ends_with("queryLabelSelector.matchExpressions[].key")
    {
        let selector = &mut section["queryLabelSelector"];
        selector["matchExpressions"][0]["operator"] = json!("Exists");
    }
    if leaf.path.ends_with("scrapeTimeout") {
        spec["serviceMonitor"]["interval"] = json!("1h");
    }
    spec
}

fn planned(leaf: &Leaf, value: Option<&Value>) -> Result<Vec<Value>, String> {
    let case = Case {
        spec: around(leaf, leaf.spec(value)),
        ..world()
    };
    let plan = plan(&case.observed()).map_err(|e| format!("{}: {e}", leaf.path))?;
    Ok(plan.objects().iter().map(|o| o.body.clone()).collect())
}

#[test]
fn every_leaf_has_an_effect() {
    let crd = serde_json::to_value(ThanosQuery::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let leaves = leaves(schema);
    assert!(leaves.len() > 1000, "{}", leaves.len());
    let mut dead = Vec::new();
    for leaf in &leaves {
        if NOT_OF_THE_PLAN.iter().any(|p| leaf.path.starts_with(p)) {
            continue;
        }
        // A required leaf cannot be unset; then two values must differ.
        let without = planned(leaf, None).ok();
        let mut with = Vec::new();
        for value in &leaf.values {
            match planned(leaf, Some(value)) {
                Ok(plan) => with.push(plan),
                Err(refused) => assert!(leaf.values.len() > 1, "{refused}"),
            }
        }
        let distinct = with
            .iter()
            .any(|plan| Some(plan) != without.as_ref() || plan != &with[0]);
        let changes = match &without {
            Some(without) => with.iter().any(|plan| plan != without),
            None => with.iter().any(|plan| plan != &with[0]),
        };
        if !changes || !distinct {
            dead.push(leaf.path.clone());
        }
        assert_eq!(
            without,
            planned(leaf, None).ok(),
            "{}: unset again",
            leaf.path
        );
    }
    assert!(dead.is_empty(), "{} without effect: {dead:#?}", dead.len());
}

/// The relations hold whatever is set.
#[test]
fn relations_hold_for_every_leaf() {
    let crd = serde_json::to_value(ThanosQuery::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    for leaf in leaves(schema) {
        // What these hold is the user's business.
        let embedded = [
            "additionalContainers[]",
            "additionalVolumes[]",
            "additionalServicePorts[].targetPort",
            ".affinity.",
        ];
        if embedded.iter().any(|e| leaf.path.contains(e)) {
            continue;
        }
        for value in &leaf.values {
            let case = Case {
                spec: around(&leaf, leaf.spec(Some(value))),
                given: ["sample", "other", "fixed", ""].map(str::to_owned).to_vec(),
                ..world()
            };
            if let Ok(objects) = planned(&leaf, Some(value)) {
                relations::check(&leaf.path, &case, &objects);
            }
        }
    }
}

/// A URL with credentials is rejected, and they are not repeated, wherever a URL is meant. The rest is
/// what users write as they want it.
#[test]
fn credentials_of_urls_are_not_repeated() {
    let crd = serde_json::to_value(ThanosQuery::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let found = credentials::places(&leaves(schema), |leaf, url| {
        let spec = around(leaf, leaf.spec(Some(url)));
        serde_json::from_value::<ThanosQuerySpec>(spec).ok()?;
        Some(planned(leaf, Some(url)))
    });
    let free = [
        "arguments of spec.additionalContainers[].args[]",
        "arguments of spec.queryFrontend.additionalContainers[].args[]",
        "arguments of spec.replicaLabels[]",
        "arguments of spec.webConfig.prefixHeader",
    ];
    assert_eq!(found, free.map(str::to_owned).into());
}
