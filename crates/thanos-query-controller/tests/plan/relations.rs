//! Invariants between the objects of any plan.

use plan_testing::Case as _;
use plan_testing::objects::UID;
use plan_testing::relations::{self, Checks};
use serde_json::Value;
use thanos_workload::testing::{Given, problems};

use crate::case::Case;

#[test]
fn relations_hold_for_every_case() {
    relations::hold_in_every_case::<Case>();
}

#[test]
fn equal_inputs_give_equal_bytes() {
    relations::equal_inputs_give_equal_bytes::<Case>();
}

#[test]
fn the_status_knows_the_service_monitors_of_the_plan() {
    relations::the_status_knows_the_service_monitors_of_the_plan::<Case>();
}

/// The checks themselves detect mistakes.
#[test]
fn relation_checks_detect_mistakes() {
    let case = Case::named("everything");
    let given = Given {
        names: case.given.iter().cloned().collect(),
        own_security: true,
        own_affinity: true,
        ..Given::default()
    };
    let checks = Checks {
        good: case.bodies(),
        problems: &|objects| problems(objects, UID, &given),
    };
    assert_eq!((checks.problems)(&checks.good), Vec::<String>::new());
    let find = |kind: &str, mistake: &dyn Fn(&mut Value)| checks.find(kind, "", mistake);
    find("Service", &|o| o["spec"]["selector"]["x"] = "y".into());
    find("Service", &|o| {
        o["spec"]["ports"][0]["targetPort"] = "none".into()
    });
    find("Service", &|o| {
        o["metadata"]["ownerReferences"] = Value::Null
    });
    find("Service", &|o| o["metadata"]["name"] = "a.b".into());
    find("ConfigMap", &|o| o["metadata"]["name"] = "other".into());
    find("ServiceAccount", &|o| {
        o["metadata"]["name"] = "other".into()
    });
    find("PodDisruptionBudget", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into()
    });
    find("Deployment", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into()
    });
    find("Deployment", &|o| {
        o["spec"]["template"]["spec"]["volumes"][0]["name"] = "other".into();
    });
    find("ServiceMonitor", &|o| {
        o["spec"]["endpoints"][0]["port"] = "other".into()
    });
    find("ServiceMonitor", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into()
    });
}
