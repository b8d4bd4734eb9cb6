//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores it.

use plan_testing::leaves::{Leaf, Leaves, fill, fill_section};
use serde_json::{Value, json};

use crate::case::Case;

const LEAVES: Leaves<'_, Case> = Leaves {
    more_than: 500,
    without_effect: &[
        // Suspends the plan.
        "spec.paused",
        // Only compactors have such a flag.
        "spec.blockConfig.blockFilesConcurrency",
        // There is only one type of sharding.
        "spec.shardingStrategy.type",
        // Opens discovered pods, and a store discovers none.
        "spec.networkPolicy.openDiscovered",
    ],
    case,
};

fn case(leaf: &Leaf, value: Option<&Value>) -> Case {
    let mut world = json!({"serviceMonitors": true, "given": ["sample", "other", "fixed"]});
    // Pod replacement shows only while pods are replaced.
    if leaf.path == "spec.maxSurge" {
        world["sets"] = json!([{"name": "thanos-store-main", "hash": "older"}]);
    }
    let mut spec = leaf.spec(value);
    fill_section(leaf, "spec.", &mut spec);
    for cache in ["indexCacheConfig", "cachingBucketConfig"] {
        if leaf.path.contains(&format!("{cache}.externalCacheConfig")) {
            fill(&mut spec[cache]["externalCacheConfig"], &["name", "key"]);
        }
    }
    fill(&mut spec["objectStorageConfig"], &["name", "key"]);
    world["spec"] = spec;
    plan_testing::Case::read(&world)
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
    LEAVES.do_not_repeat_credentials(&["arguments of spec.additionalContainers[].args[]"]);
}
