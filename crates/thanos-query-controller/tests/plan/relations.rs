//! What must hold between the objects of any plan.

use promop_compat::model::Labels;
use serde_json::Value;
use thanos_query_controller::plan::{monitors, plan};
use thanos_workload::testing::{Given, problems};

use crate::case::{self, Case, UID};

fn bodies(case: &Case) -> Vec<Value> {
    let plan = plan(&case.observed()).unwrap();
    plan.objects().iter().map(|o| o.body.clone()).collect()
}

/// Also used by the walk over all fields.
pub fn check(name: &str, case: &Case, objects: &[Value]) {
    let spec = case.observed().query.spec.clone();
    let frontend = spec.query_frontend.unwrap_or_default();
    let given = Given {
        names: case.given.iter().cloned().collect(),
        ..Given::by([&spec.common, &frontend.common])
    };
    let problems = problems(objects, UID, &given);
    assert!(problems.is_empty(), "{name}: {problems:#?}");
}

#[test]
fn hold_in_every_case() {
    for (name, case) in case::all() {
        check(&name, &case, &bodies(&case));
    }
}

#[test]
fn equal_inputs_give_equal_bytes() {
    for (name, case) in case::all() {
        let bytes = || serde_json::to_vec(&bodies(&case)).unwrap();
        assert_eq!(bytes(), bytes(), "{name}");
    }
}

#[test]
fn the_status_knows_the_service_monitors_of_the_plan() {
    let mut compared = 0;
    for (name, case) in case::all() {
        let planned: Vec<(String, Labels)> = bodies(&case)
            .iter()
            .filter(|o| o["kind"] == "ServiceMonitor")
            .map(|o| {
                let labels = serde_json::from_value(o["metadata"]["labels"].clone()).unwrap();
                let name = o["metadata"]["name"].as_str().unwrap();
                (name.to_owned(), labels)
            })
            .collect();
        if !planned.is_empty() {
            assert_eq!(monitors(&case.observed()), planned, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 1, "only {compared} plans have ServiceMonitors");
}

/// The checks themselves find what they are for.
#[test]
fn checks_find_mistakes() {
    let (_, case) = case::all()
        .into_iter()
        .find(|(n, _)| n == "everything")
        .unwrap();
    let good = bodies(&case);
    let broken = |kind: &str, change: &dyn Fn(&mut Value)| {
        let mut objects = good.clone();
        change(objects.iter_mut().find(|o| o["kind"] == kind).unwrap());
        let given = Given {
            names: case.given.iter().cloned().collect(),
            own_security: true,
            own_affinity: true,
            ..Default::default()
        };
        assert!(!problems(&objects, UID, &given).is_empty(), "{kind}");
    };
    broken("Service", &|o| o["spec"]["selector"]["x"] = "y".into());
    broken("Service", &|o| {
        o["spec"]["ports"][0]["targetPort"] = "none".into()
    });
    broken("Service", &|o| {
        o["metadata"]["ownerReferences"] = Value::Null
    });
    broken("Service", &|o| o["metadata"]["name"] = "a.b".into());
    broken("ConfigMap", &|o| o["metadata"]["name"] = "other".into());
    broken("ServiceAccount", &|o| {
        o["metadata"]["name"] = "other".into()
    });
    broken("PodDisruptionBudget", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into()
    });
    broken("Deployment", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into()
    });
    broken("Deployment", &|o| {
        o["spec"]["template"]["spec"]["volumes"][0]["name"] = "other".into();
    });
    broken("ServiceMonitor", &|o| {
        o["spec"]["endpoints"][0]["port"] = "other".into()
    });
    broken("ServiceMonitor", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into()
    });
}
