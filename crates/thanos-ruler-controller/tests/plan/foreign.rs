//! Pods of other owners with the labels of rulers and queriers.

use plan_testing::foreign::{are_not_probed_and_change_nothing, pods};
use serde_json::Value;

use crate::case::Case;

/// Pods of each probed kind, and of queriers, whose arguments set the path of queries.
fn all(case: &Case) -> Vec<Value> {
    let (name, program) = ("thanos-rule-main-7", "thanos-rule");
    let mut all = Vec::from(pods(name, program, program, case.cr(), "10.6.6.3"));
    let owners = case.queriers.iter().map(|querier| querier.name.as_str());
    for owner in owners.chain(["other"]) {
        let name = format!("zz-querier-{owner}");
        let querier = pods(&name, "thanos-query", "query-layer", owner, "10.6.6.2");
        all.extend(querier);
    }
    all
}

#[test]
fn pods_of_others_are_not_probed_and_change_nothing() {
    are_not_probed_and_change_nothing::<Case>(all);
}
