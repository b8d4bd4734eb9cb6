//! Foreign pods with the labels of this controller.

use plan_testing::foreign::{are_not_probed_and_change_nothing, pods};
use serde_json::Value;

use crate::case::Case;

/// Pods of each probed kind, named like pods of each shard.
fn all(case: &Case) -> Vec<Value> {
    let cr = case.name();
    let querier = pods("querier", "thanos-query", "query-layer", cr, "10.6.6.2");
    let sets = case.sets.iter().flat_map(|set| {
        let name = format!("{}-7", set.name);
        pods(&name, "thanos-store", "thanos-store", cr, "10.6.6.3")
    });
    querier.into_iter().chain(sets).collect()
}

#[test]
fn foreign_pods_are_not_probed_and_change_nothing() {
    are_not_probed_and_change_nothing::<Case>(all);
}
