//! Invariants of the objects of any plan.

use plan_testing::Case as _;
use plan_testing::relations::{self, Checks};
use serde_json::json;
use thanos_receive_controller::names;
use thanos_receive_controller::plan::plan;

use crate::case::Case;
use crate::case::problems::{INSTANCE, NAME, addresses, own_problems};

#[test]
fn invariants_hold_in_every_case() {
    relations::hold_in_every_case::<Case>();
    let mut checked = 0;
    for (_, case) in Case::all() {
        checked += addresses(&case.bodies()[0]).len();
    }
    assert!(checked > 20, "only {checked} addresses were checked");
}

#[test]
fn equal_inputs_give_equal_bytes() {
    relations::equal_inputs_give_equal_bytes::<Case>();
}

/// A stored record is decoded unchanged, and is not stored again.
#[test]
fn stored_record_is_decoded_unchanged() {
    for (name, case) in Case::all() {
        let observed = case.seen().plan_inputs;
        let stored = Case {
            record: Some(observed.next.clone()),
            legacy: None,
            ..case
        };
        let files = &stored.bodies()[0]["data"];
        let next = stored.seen().plan_inputs;
        let read = files[names::RECORD_FILE].as_str().unwrap();
        let read: thanos_receive_controller::hashring::Record = serde_json::from_str(read).unwrap();
        assert_eq!(read, next.next, "{name}");
        assert!(plan(&next).is_ok(), "{name}");
    }
}

#[test]
fn the_status_knows_the_service_monitors_of_the_plan() {
    relations::the_status_knows_the_service_monitors_of_the_plan::<Case>();
}

/// The checks of a ThanosReceive find mistakes; the shared checks are tested with the stores.
#[test]
fn checks_find_mistakes() {
    let case = Case::named("everything");
    let plan = case.plan().unwrap();
    let checks = Checks {
        good: case.bodies(),
        problems: &|objects| own_problems(&case, &plan, objects),
    };
    assert_eq!((checks.problems)(&checks.good), Vec::<String>::new());
    checks.find("ConfigMap", "does not exist", &|o| {
        let files = o["data"][names::HASHRINGS_FILE].as_str().unwrap();
        o["data"][names::HASHRINGS_FILE] = json!(files.replace("-0.thanos", "-9.thanos"));
    });
    checks.find("StatefulSet", "deletes volumes", &|o| {
        o["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] = json!("Delete");
    });
    checks.find("Deployment", "several select", &|o| {
        let name = json!({NAME: "thanos-receive"});
        o["spec"]["selector"]["matchLabels"] = name;
    });
    checks.find("Service", "not scraped once", &|o| {
        o["metadata"]["labels"][NAME] = json!("thanos-receive");
    });
    checks.find("Service", "the monitor", &|o| {
        o["metadata"]["labels"]["operator.thanos.io/owner"] = json!("other");
    });
    checks.find("Service", "another job", &|o| {
        o["metadata"]["labels"][INSTANCE] = json!("other");
    });
}
