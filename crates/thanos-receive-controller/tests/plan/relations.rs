//! What must hold between the objects of any plan.

use operator_runtime::{Onto, Plan};
use promop_compat::model::Labels;
use serde_json::{Map, Value, json};
use thanos_receive_controller::plan::{INGESTER, ROUTER, monitors, names, plan};
use thanos_workload::testing::{Given, problems};

use crate::case::{self, Case, UID, bodies};

const NAME: &str = "app.kubernetes.io/name";
const COMPONENT: &str = "app.kubernetes.io/component";
const INSTANCE: &str = "app.kubernetes.io/instance";

fn given(case: &Case) -> Given {
    let spec = case.receive().spec;
    let rings = thanos_receive_controller::wanted::hashrings(&spec);
    let commons = rings.iter().map(|ring| &ring.common);
    Given {
        names: case.given.iter().cloned().collect(),
        ..Given::by(commons.chain([&spec.router_spec.common]))
    }
}

/// Also used by the walk over all fields.
pub fn check(name: &str, case: &Case, plan: &Plan) {
    let objects = bodies(plan);
    // Before the first hashring, the Services and budgets of routers wait for them.
    let routers = kind(&objects, "Deployment").next().is_some();
    let waits = |o: &Value| {
        let of_router = o["metadata"]["labels"][COMPONENT] == ROUTER;
        of_router && o["kind"] != "ConfigMap" && o["kind"] != "ServiceAccount"
    };
    let running: Vec<Value> = objects
        .iter()
        .filter(|o| routers || !waits(o))
        .cloned()
        .collect();
    let mut problems = problems(&running, UID, &given(case));
    problems.extend(own_problems(case, plan, &objects));
    assert!(problems.is_empty(), "{name}: {problems:#?}");
}

fn kind<'a>(objects: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |o| o["kind"] == kind)
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().map(Map::iter).into_iter().flatten();
    let mut selector = selector.peekable();
    selector.peek().is_some() && selector.all(|(key, value)| labels.get(key) == Some(value))
}

/// What must hold of the plan of a ThanosReceive.
fn own_problems(case: &Case, plan: &Plan, objects: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wrong = |is: bool, what: String| problems.extend(is.then_some(what));

    // Nothing is done before what is decided is stored, onto what it was decided from.
    let recorded = case.record.is_some() || case.former.is_some();
    for (i, planned) in plan.objects().iter().enumerate() {
        let onto = match (i, recorded) {
            (0, true) => Onto::Version("7".to_owned()),
            (0, false) => Onto::Nothing,
            _ => Onto::Any,
        };
        wrong(
            planned.onto != onto,
            format!("{} onto {:?}", planned.key, planned.onto),
        );
        let is_record = planned.key.kind == "ConfigMap";
        wrong(
            is_record != (i == 0),
            format!("{} is number {i}", planned.key),
        );
    }

    // Whom routers send to exists: its StatefulSet is planned, or kept as it is.
    for (set, member) in addresses(&objects[0]) {
        let key = operator_runtime::ObjectKey {
            group: "apps".to_owned(),
            kind: "StatefulSet".to_owned(),
            name: set.clone(),
        };
        let planned = plan.find("StatefulSet", &set);
        let there = planned.map(|o| o.body["spec"]["replicas"].as_i64() > Some(member));
        wrong(
            !there.unwrap_or_else(|| plan.leaves(&key)),
            format!("routers send to {set}-{member}, which does not exist"),
        );
    }

    let workloads = || {
        objects
            .iter()
            .filter(|o| o["spec"].get("template").is_some())
    };
    for set in kind(objects, "StatefulSet") {
        let kept = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
        let retention = &set["spec"]["persistentVolumeClaimRetentionPolicy"];
        wrong(
            *retention != kept,
            format!("Kubernetes deletes volumes: {retention}"),
        );
    }
    for one in workloads() {
        let labels = &one["spec"]["template"]["metadata"]["labels"];
        let selecting =
            workloads().filter(|o| selects(&o["spec"]["selector"]["matchLabels"], labels));
        let name = &one["metadata"]["name"];
        wrong(
            selecting.count() != 1,
            format!("several select the pods of {name}"),
        );
        let services = kind(objects, "Service").filter(|s| selects(&s["spec"]["selector"], labels));
        let scraped = services.filter(|s| s["metadata"]["labels"][NAME] == "thanos");
        wrong(scraped.count() != 1, format!("{name} is not scraped once"));
    }

    // The routers are one job, and the ingesters of all hashrings another.
    for (component, name) in [
        (ROUTER, names::router(case.cr())),
        (INGESTER, names::ingesters(case.cr())),
    ] {
        let Some(monitor) = plan.find("ServiceMonitor", &name) else {
            continue;
        };
        let select = &monitor.body["spec"]["selector"]["matchLabels"];
        for service in kind(objects, "Service") {
            let labels = &service["metadata"]["labels"];
            let is_of_job = labels[COMPONENT] == component;
            wrong(
                selects(select, labels) != is_of_job,
                format!("the monitor {name} and {}", service["metadata"]["name"]),
            );
            wrong(
                is_of_job && labels[INSTANCE] != json!(name),
                format!("{} is another job", service["metadata"]["name"]),
            );
        }
    }
    problems
}

/// StatefulSet and number of each member that routers send to.
fn addresses(config_map: &Value) -> Vec<(String, i64)> {
    let text = config_map["data"][names::HASHRINGS_FILE].as_str().unwrap();
    let rings: Vec<Value> = serde_json::from_str(text).unwrap();
    let endpoints = rings
        .iter()
        .flat_map(|ring| ring["endpoints"].as_array().unwrap());
    let address = |endpoint: &Value| {
        let address = endpoint["address"].as_str().unwrap();
        let (pod, rest) = address.split_once('.').unwrap();
        let (set, number) = pod.rsplit_once('-').unwrap();
        assert_eq!(rest, format!("{set}.monitoring.svc:10901"));
        (set.to_owned(), number.parse().unwrap())
    };
    endpoints.map(address).collect()
}

#[test]
fn hold_in_every_case() {
    let mut sent = 0;
    for (name, case) in case::all() {
        let plan = case.plan().unwrap();
        check(&name, &case, &plan);
        sent += addresses(&plan.objects()[0].body).len();
    }
    assert!(sent > 20, "only {sent} addresses were checked");
}

#[test]
fn equal_inputs_give_equal_bytes() {
    for (name, case) in case::all() {
        let bytes = || serde_json::to_vec(&case.bodies()).unwrap();
        assert_eq!(bytes(), bytes(), "{name}");
    }
}

/// What is recorded is the same again when it is read, and nothing is recorded twice.
#[test]
fn a_record_that_is_stored_comes_back() {
    for (name, case) in case::all() {
        let observed = case.seen().observed;
        let stored = Case {
            record: Some(observed.next.clone()),
            former: None,
            ..case
        };
        let files = &stored.bodies()[0]["data"];
        let again = stored.seen().observed;
        let read = files[names::RECORD_FILE].as_str().unwrap();
        let read: thanos_receive_controller::hashring::Record = serde_json::from_str(read).unwrap();
        assert_eq!(read, again.next, "{name}");
        assert!(plan(&again).is_ok(), "{name}");
    }
}

#[test]
fn the_status_knows_the_service_monitors_of_the_plan() {
    let mut compared = 0;
    for (name, case) in case::all() {
        let planned: Vec<(String, Labels)> = kind(&case.bodies(), "ServiceMonitor")
            .map(|o| {
                let labels = serde_json::from_value(o["metadata"]["labels"].clone()).unwrap();
                let name = o["metadata"]["name"].as_str().unwrap();
                (name.to_owned(), labels)
            })
            .collect();
        if !planned.is_empty() {
            assert_eq!(monitors(&case.receive()), planned, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 1, "only {compared} plans have ServiceMonitors");
}

/// The checks of this file find what they are for; the shared ones are tested with the stores.
#[test]
fn checks_find_mistakes() {
    let case = case::named("everything");
    let plan = case.plan().unwrap();
    let good = bodies(&plan);
    assert_eq!(own_problems(&case, &plan, &good), Vec::<String>::new());
    let broken = |kind: &str, words: &str, change: &dyn Fn(&mut Value)| {
        let mut objects = good.clone();
        change(objects.iter_mut().find(|o| o["kind"] == kind).unwrap());
        let found = own_problems(&case, &plan, &objects);
        assert!(found.iter().any(|f| f.contains(words)), "{kind}: {found:?}");
    };
    broken("ConfigMap", "does not exist", &|o| {
        let files = o["data"][names::HASHRINGS_FILE].as_str().unwrap();
        o["data"][names::HASHRINGS_FILE] = json!(files.replace("-0.thanos", "-9.thanos"));
    });
    broken("StatefulSet", "deletes volumes", &|o| {
        o["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] = json!("Delete");
    });
    broken("Deployment", "several select", &|o| {
        let name = json!({NAME: "thanos-receive"});
        o["spec"]["selector"]["matchLabels"] = name;
    });
    broken("Service", "not scraped once", &|o| {
        o["metadata"]["labels"][NAME] = json!("thanos-receive");
    });
    broken("Service", "the monitor", &|o| {
        o["metadata"]["labels"]["operator.thanos.io/owner"] = json!("other");
    });
    broken("Service", "another job", &|o| {
        o["metadata"]["labels"][INSTANCE] = json!("other");
    });
}
