//! Invariants between the objects of any plan.

use plan_testing::Case as _;
use plan_testing::objects::UID;
use plan_testing::relations::{self, Checks};
use serde_json::{Value, json};
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

/// The Service of an old shard still selects the pods that were created when it was a new one.
#[test]
fn services_of_old_shards_stay_unchanged() {
    use thanos_store_controller::names::{counted_shard, shard, store};
    for cr in [
        "main",
        "a-name-that-is-longer-than-any-name-of-a-pod-may-be",
    ] {
        let plain: Vec<String> = (0..12).map(|i| shard(cr, i)).collect();
        let counted: Vec<String> = (0..2).map(|i| counted_shard(cr, i, 2)).collect();
        for old in [vec![store(cr)], plain, counted] {
            let sets = old
                .iter()
                .map(|name| json!({"name": name, "shards": old.len()}));
            let case = |shards: usize| Case {
                name: Some(cr.to_owned()),
                spec: json!({"shardingStrategy": {"shards": shards}}),
                sets: serde_json::from_value(sets.clone().collect()).unwrap(),
                ..Default::default()
            };
            let service = |case: &Case, name: &str| case.object("Service", name);
            for name in &old {
                assert_eq!(
                    service(&case(old.len()), name),
                    service(&case(5), name),
                    "{name}"
                );
            }
        }
    }
}

/// The checks themselves detect mistakes.
#[test]
fn relation_checks_detect_mistakes() {
    let case = Case::named("everything");
    let given = case.given_names(Given {
        own_security: true,
        own_affinity: true,
        ..Given::default()
    });
    let checks = Checks {
        good: case.bodies(),
        problems: &|objects| problems(objects, UID, &given),
    };
    assert_eq!(problems(&checks.good, UID, &given), Vec::<String>::new());
    checks.find("StatefulSet", "headless", &|o| {
        o["spec"]["serviceName"] = "other".into()
    });
    checks.find("Service", "headless", &|o| {
        o["spec"]["clusterIP"] = Value::Null
    });
    checks.find("Service", "headless", &|o| {
        o["spec"]["selector"]["x"] = "y".into()
    });
    checks.find("StatefulSet", "52", &|o| {
        o["metadata"]["name"] = "a".repeat(53).into()
    });
    checks.find("StatefulSet", "no volume", &|o| {
        o["spec"]["volumeClaimTemplates"] = json!([]);
    });
    checks.find("StatefulSet", "not mounted", &|o| {
        o["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] = "other".into();
    });
    checks.find("StatefulSet", "replaces none", &|o| {
        o["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = 9.into();
    });
    checks.find("StatefulSet", "selector", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into();
    });
    checks.find("ServiceMonitor", "no port", &|o| {
        o["spec"]["endpoints"][0]["port"] = "other".into();
    });
    checks.find("NetworkPolicy", "selects no pods", &|o| {
        o["spec"]["podSelector"]["matchLabels"]["x"] = "y".into();
    });
}
