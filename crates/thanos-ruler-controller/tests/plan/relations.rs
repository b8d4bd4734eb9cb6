//! Invariants between the objects of any plan.

use plan_testing::Case as _;
use plan_testing::relations::{self, Checks};
use serde_json::{Value, json};

use crate::case::Case;
use crate::case::problems::{MOST, NAME};

#[test]
fn hold_in_every_case() {
    relations::hold_in_every_case::<Case>();
}

#[test]
fn equal_inputs_give_equal_bytes() {
    relations::equal_inputs_give_equal_bytes::<Case>();
    for (name, case) in Case::all() {
        let mut reversed = case.clone();
        reversed.objects.reverse();
        reversed.queriers.reverse();
        reversed.routers.reverse();
        let bytes = |case: &Case| serde_json::to_vec(&case.bodies()).unwrap();
        assert_eq!(
            bytes(&case),
            bytes(&reversed),
            "{name}: the order in which objects come"
        );
    }
}

#[test]
fn the_status_knows_the_service_monitors_of_the_plan() {
    relations::the_status_knows_the_service_monitors_of_the_plan::<Case>();
}

/// Tests the checks of a ThanosRuler, and the shared ones of projected volumes and second containers.
#[test]
fn checks_find_mistakes() {
    let case = Case::named("everything");
    let plan = case.plan().unwrap();
    let checks = Checks {
        good: case.bodies(),
        problems: &|objects| case.problems_of(&plan, objects),
    };
    assert_eq!((checks.problems)(&checks.good), Vec::<String>::new());
    let argument = |of: usize, from: &'static str, to: &'static str| {
        move |o: &mut Value| {
            let args = &mut o["spec"]["template"]["spec"]["containers"][of]["args"];
            let text = args.to_string();
            assert!(text.contains(from), "no {from} in {text}");
            *args = serde_json::from_str(&text.replace(from, to)).unwrap();
        }
    };
    checks.find("Service", "take", &|o| {
        o["metadata"]["name"] = json!("thanos-ruler-main");
    });
    checks.find("ConfigMap", "select", &|o| {
        o["metadata"]["labels"]["thanos-ruler-name"] = json!("main");
    });
    checks.find("StatefulSet", "select", &|o| {
        o["spec"]["template"]["metadata"]["labels"][NAME] = json!("thanos-ruler");
    });
    checks.find("ConfigMap", "bytes", &|o| {
        o["data"]["x"] = json!("x".repeat(MOST));
    });
    checks.find("Service", "not scraped once", &|o| {
        o["metadata"]["labels"][NAME] = json!("thanos-rule");
    });
    checks.find("Service", "announces", &|o| {
        o["metadata"]["labels"]["operator.thanos.io/replica-label"] = json!("other");
    });
    for (of, from, to, expected) in [
        (0, "alert.label-drop=pod", "alert.label-drop=x", "differ in"),
        (0, "=thanos_rule=", "=other=", "name their ThanosRuler"),
        (
            0,
            "alert.label-drop=cluster",
            "alert.label-drop=thanos_shadow",
            "are sent",
        ),
        (
            0,
            "/etc/thanos/rules/*.yaml",
            "/etc/rules/*.yaml",
            "watches",
        ),
        (
            0,
            "config/query.yaml",
            "config/other.yaml",
            "does not exist",
        ),
        (1, "/rules/-/reload", "/-/reload", "another address"),
    ] {
        checks.find("StatefulSet", expected, &argument(of, from, to));
    }
    checks.find("StatefulSet", "other files", &|o| {
        let mount = "/spec/template/spec/containers/1/volumeMounts/0/name";
        *o.pointer_mut(mount).unwrap() = json!("config");
    });
    checks.find(
        "StatefulSet",
        "refers to an object that does not exist",
        &|o| {
            let source = "/spec/template/spec/volumes/0/projected/sources/0/configMap";
            *o.pointer_mut(source).unwrap() = json!({"name": "other"});
        },
    );
    checks.find("StatefulSet", "readOnlyRootFilesystem", &|o| {
        let security = "/spec/template/spec/containers/1/securityContext";
        *o.pointer_mut(security).unwrap() = json!({});
    });
    checks.find("StatefulSet", "is not mounted", &|o| {
        let sources = "/spec/template/spec/volumes/0/projected/sources";
        *o.pointer_mut(sources).unwrap() = json!([]);
    });
}
