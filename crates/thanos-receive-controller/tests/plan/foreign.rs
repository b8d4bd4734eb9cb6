//! Foreign pods with the labels of the operator's pods.

use plan_testing::foreign::{are_not_probed_and_change_nothing, pods};
use serde_json::Value;

use crate::case::Case;

/// Pods of each kind that is probed, with names of members of each hashring.
fn all(case: &Case) -> Vec<Value> {
    let cr = case.cr();
    let receive = |name: &str, component: &str, ip: &str| {
        let component = format!("thanos-receive-{component}");
        pods(name, "thanos-receive", &component, cr, ip)
    };
    let mut all = Vec::from(receive("router", "router", "10.6.6.1"));
    all.extend(pods(
        "querier",
        "thanos-query",
        "query-layer",
        cr,
        "10.6.6.2",
    ));
    for set in &case.sets {
        let name = format!("{}-7", set.name(cr));
        all.extend(receive(&name, "ingester", "10.6.6.3"));
    }
    all
}

#[test]
fn foreign_pods_are_not_probed_and_change_nothing() {
    are_not_probed_and_change_nothing::<Case>(all);
}
