//! Invariants of the plan of a ThanosReceive, besides those of any plan.

use operator_runtime::{Plan, Precondition};
use plan_testing::observe::stateful_set_key;
use plan_testing::relations::{of_kind, selects};
use plan_testing::stable::services_of;
use serde_json::{Value, json};
use thanos_receive_controller::names::{self, INGESTER, ROUTER};

use super::Case;

pub const NAME: &str = "app.kubernetes.io/name";
const COMPONENT: &str = "app.kubernetes.io/component";
pub const INSTANCE: &str = "app.kubernetes.io/instance";

/// Violated invariants of the plan of a ThanosReceive.
pub fn own_problems(case: &Case, plan: &Plan, objects: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wrong = |is: bool, what: String| problems.extend(is.then_some(what));

    // The record is applied first, with the version that the decision is based on as a precondition.
    let recorded = case.record.is_some() || case.legacy.is_some();
    for (i, planned) in plan.objects().iter().enumerate() {
        let onto = match (i, recorded) {
            (0, true) => Precondition::Version("7".to_owned()),
            (0, false) => Precondition::Nothing,
            _ => Precondition::Any,
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

    // The members in the hashrings file exist: their StatefulSets are planned or kept.
    for (set, member) in addresses(&objects[0]) {
        let key = stateful_set_key(&set);
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
    for set in of_kind(objects, "StatefulSet") {
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
        let services = services_of(one, objects).into_iter();
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
        for service in of_kind(objects, "Service") {
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

/// StatefulSet and ordinal of each member in the hashrings file.
pub fn addresses(config_map: &Value) -> Vec<(String, i64)> {
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
