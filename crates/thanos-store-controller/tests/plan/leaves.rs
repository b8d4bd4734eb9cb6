//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores it.

use plan_testing::leaves::{Leaf, Leaves, fill, fill_section};
use serde_json::{Value, json};

use crate::case::Case;

const LEAVES: Leaves<'_, Case> = Leaves {
    more_than: 500,
    without_effect: &[
        // Whether there is a plan at all.
        "spec.paused",
        // Compactors have such a flag, stores have none.
        "spec.blockConfig.blockFilesConcurrency",
        // There is one way to divide.
        "spec.shardingStrategy.type",
        // Opens ways to what is discovered, and a store discovers nothing.
        "spec.networkPolicy.openDiscovered",
    ],
    case,
};

fn case(leaf: &Leaf, value: Option<&Value>) -> Case {
    let mut world = json!({"serviceMonitors": true, "given": ["sample", "other", "fixed"]});
    // How pods are replaced shows when they are.
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
fn every_leaf_has_an_effect() {
    LEAVES.have_an_effect();
}

#[test]
fn relations_hold_for_every_leaf() {
    LEAVES.keep_relations();
}

#[test]
fn credentials_of_urls_are_not_repeated() {
    LEAVES.do_not_repeat_credentials(&["arguments of spec.additionalContainers[].args[]"]);
}
