//! What must hold between the objects of any plan.

use promop_compat::model::Labels;
use serde_json::{Value, json};
use thanos_store_controller::plan::monitors;
use thanos_workload::testing::{Given, problems};

use crate::case::{self, Case, UID, bodies};

/// Also used by the walk over all fields.
pub fn check(name: &str, case: &Case, objects: &[Value]) {
    let spec = case.store().spec;
    let mut names = case.given.clone();
    names.push("bucket".to_owned());
    let given = Given {
        names: names.into_iter().collect(),
        ..Given::by([&spec.common])
    };
    // The pods of these run on, from an earlier plan.
    let old = case.seen().observed.reshard.map(|r| r.old);
    let old = old.unwrap_or_default();
    let of_old = |o: &&Value| old.iter().any(|name| o["metadata"]["name"] == json!(name));
    let of_now: Vec<Value> = objects
        .iter()
        .filter(|o| o["kind"] != "Service" || !of_old(o))
        .cloned()
        .collect();
    let problems = problems(&of_now, UID, &given);
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

/// The Service of an old shard goes on selecting the pods that were made when it was a new one.
#[test]
fn services_of_old_shards_stay_as_they_are() {
    use thanos_store_controller::plan::names::{counted_shard, shard, store};
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
            let service = |case: &Case, name: &str| {
                let plan = case::plan(case).unwrap();
                plan.find("Service", name).unwrap().body.clone()
            };
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
            assert_eq!(monitors(&case.store()), planned, "{name}");
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
    let broken = |kind: &str, words: &str, change: &dyn Fn(&mut Value)| {
        let mut objects = good.clone();
        change(objects.iter_mut().find(|o| o["kind"] == kind).unwrap());
        let given = Given {
            names: case
                .given
                .iter()
                .cloned()
                .chain(["bucket".to_owned()])
                .collect(),
            own_security: true,
            own_affinity: true,
            ..Default::default()
        };
        let found = problems(&objects, UID, &given);
        assert!(found.iter().any(|f| f.contains(words)), "{kind}: {found:?}");
    };
    broken("StatefulSet", "headless", &|o| {
        o["spec"]["serviceName"] = "other".into()
    });
    broken("Service", "headless", &|o| {
        o["spec"]["clusterIP"] = Value::Null
    });
    broken("Service", "headless", &|o| {
        o["spec"]["selector"]["x"] = "y".into()
    });
    broken("StatefulSet", "52", &|o| {
        o["metadata"]["name"] = "a".repeat(53).into()
    });
    broken("StatefulSet", "no volume", &|o| {
        o["spec"]["volumeClaimTemplates"] = json!([]);
    });
    broken("StatefulSet", "not mounted", &|o| {
        o["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] = "other".into();
    });
    broken("StatefulSet", "ever replaced", &|o| {
        o["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = 9.into();
    });
    broken("StatefulSet", "selector", &|o| {
        o["spec"]["selector"]["matchLabels"]["x"] = "y".into();
    });
    broken("ServiceMonitor", "no port", &|o| {
        o["spec"]["endpoints"][0]["port"] = "other".into();
    });
    broken("NetworkPolicy", "selects no pods", &|o| {
        o["spec"]["podSelector"]["matchLabels"]["x"] = "y".into();
    });
}
