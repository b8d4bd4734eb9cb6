//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores it.

use kube::CustomResourceExt;
use serde_json::{Value, json};
use thanos_api::v1alpha1::{ThanosStore, ThanosStoreSpec};
use thanos_workload::testing::credentials;
use thanos_workload::testing::sample::{Leaf, leaves};

use crate::case::{self, Case};
use crate::relations;

/// Without an effect on the plan, each for a reason.
const NOT_OF_THE_PLAN: [&str; 4] = [
    // Whether there is a plan at all.
    "spec.paused",
    // Compactors have such a flag, stores have none.
    "spec.blockConfig.blockFilesConcurrency",
    // There is one way to divide.
    "spec.shardingStrategy.type",
    // Opens ways to what is discovered, and a store discovers nothing.
    "spec.networkPolicy.openDiscovered",
];

/// Something of everything that the leaf may act on.
fn world(leaf: &Leaf) -> Case {
    let mut world = json!({"serviceMonitors": true});
    // How pods are replaced shows when they are.
    if leaf.path == "spec.maxSurge" {
        world["sets"] = json!([{"name": "thanos-store-main", "hash": "older"}]);
    }
    serde_json::from_value(world).unwrap()
}

/// What must be there for the leaf to be of any use: a volume to mount, a second pod to protect.
fn around(leaf: &Leaf, mut spec: Value) -> Value {
    if leaf.path.contains("additionalVolumeMounts") {
        spec["additionalVolumes"] = json!([
            {"name": "sample", "emptyDir": {}}, {"name": "other", "emptyDir": {}},
        ]);
    }
    if leaf.path.contains("podDisruptionBudgetConfig") {
        spec["replicas"] = json!(2);
    }
    if leaf.path.contains("additionalServicePorts")
        && spec["additionalServicePorts"][0].get("name").is_none()
    {
        spec["additionalServicePorts"][0]["name"] = json!("fixed");
    }
    for cache in ["indexCacheConfig", "cachingBucketConfig"] {
        if leaf.path.contains(&format!("{cache}.externalCacheConfig")) {
            let key = &mut spec[cache]["externalCacheConfig"];
            for field in ["name", "key"] {
                if key.get(field).is_none() {
                    key[field] = json!("fixed");
                }
            }
        }
    }
    for field in ["name", "key"] {
        if spec["objectStorageConfig"].get(field).is_none() {
            spec["objectStorageConfig"][field] = json!("fixed");
        }
    }
    if leaf.path.ends_with("scrapeTimeout") {
        spec["serviceMonitor"]["interval"] = json!("1h");
    }
    spec
}

fn planned(leaf: &Leaf, value: Option<&Value>) -> Result<Vec<Value>, String> {
    let case = Case {
        spec: around(leaf, leaf.spec(value)),
        ..world(leaf)
    };
    let plan = case::plan(&case).map_err(|e| format!("{}: {e}", leaf.path))?;
    Ok(plan.objects().iter().map(|o| o.body.clone()).collect())
}

fn all() -> Vec<Leaf> {
    let crd = serde_json::to_value(ThanosStore::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    leaves(schema)
}

#[test]
fn every_leaf_has_an_effect() {
    let leaves = all();
    assert!(leaves.len() > 500, "{}", leaves.len());
    let (mut dead, mut alive) = (Vec::new(), Vec::new());
    for leaf in &leaves {
        // A required leaf cannot be unset; then two values must differ.
        let without = planned(leaf, None).ok();
        let mut with = Vec::new();
        for value in &leaf.values {
            match planned(leaf, Some(value)) {
                Ok(plan) => with.push(plan),
                Err(refused) => assert!(leaf.values.len() > 1, "{refused}"),
            }
        }
        let changes = match &without {
            Some(without) => with.iter().any(|plan| plan != without),
            None => with.iter().any(|plan| plan != &with[0]),
        };
        match NOT_OF_THE_PLAN.contains(&leaf.path.as_str()) {
            true if changes => alive.push(&leaf.path),
            false if !changes => dead.push(&leaf.path),
            _ => {}
        }
        assert_eq!(
            without,
            planned(leaf, None).ok(),
            "{}: unset again",
            leaf.path
        );
    }
    assert!(dead.is_empty(), "{} without effect: {dead:#?}", dead.len());
    assert!(alive.is_empty(), "they have an effect: {alive:?}");
}

/// The relations hold whatever is set.
#[test]
fn relations_hold_for_every_leaf() {
    for leaf in all() {
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
                given: ["sample", "other", "fixed"].map(str::to_owned).to_vec(),
                ..world(&leaf)
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
    let found = credentials::places(&all(), |leaf, url| {
        let mut spec = around(leaf, leaf.spec(Some(url)));
        if spec.get("objectStorageConfig").is_none() {
            spec["objectStorageConfig"] = json!({"key": "fixed"});
        }
        serde_json::from_value::<ThanosStoreSpec>(spec).ok()?;
        Some(planned(leaf, Some(url)))
    });
    let free = ["arguments of spec.additionalContainers[].args[]"];
    assert_eq!(found, free.map(str::to_owned).into());
}
