//! Invariants of references between objects.

use serde_json::{Value, json};

use super::{Given, kind, list, map, pods, selects, text};

pub(super) fn check(object: &Value, objects: &[Value], given: &Given, problems: &mut Vec<String>) {
    match text(object, "/kind") {
        "Service" => service(object, objects, problems),
        "PodDisruptionBudget"
            if workloads_of(objects, object.pointer("/spec/selector/matchLabels")) != 1 =>
        {
            problems.push("it does not select the pods of one workload".to_owned());
        }
        "NetworkPolicy" => {
            let selector = object.pointer("/spec/podSelector/matchLabels");
            if given_policy(object) && workloads_of(objects, selector) == 0 {
                problems.push("it selects no pods".to_owned());
            }
        }
        "ServiceMonitor" => monitor(object, objects, problems),
        _ => {}
    }
    for volume in list(object, "/spec/template/spec/volumes") {
        let config_map = text(volume, "/configMap/name");
        let secret = text(volume, "/secret/secretName");
        let planned = |k: &str, name: &str| {
            name.is_empty()
                || given.names.contains(name)
                || kind(objects, k).any(|o| text(o, "/metadata/name") == name)
        };
        // Optional sources of a projected volume are created only when they have content.
        let sources = list(volume, "/projected/sources").iter();
        let mut needed = sources.filter(|s| s.pointer("/configMap/optional") != Some(&json!(true)));
        if !planned("ConfigMap", config_map)
            || !planned("Secret", secret)
            || needed.any(|s| !planned("ConfigMap", text(s, "/configMap/name")))
        {
            problems.push(format!(
                "the volume {volume} refers to an object that does not exist"
            ));
        }
    }
}

/// NetworkPolicies for the operator's pods have its labels; those for discovered pods select other pods.
fn given_policy(policy: &Value) -> bool {
    map(policy, "/spec/podSelector/matchLabels")
        .is_some_and(|labels| labels.contains_key(thanos_api::names::label::OWNER))
}

fn workloads_of(objects: &[Value], selector: Option<&Value>) -> usize {
    let selector = selector.and_then(Value::as_object);
    objects
        .iter()
        .filter(|o| selects(selector, map(o, "/spec/template/metadata/labels")))
        .count()
}

fn service(service: &Value, objects: &[Value], problems: &mut Vec<String>) {
    let selector = map(service, "/spec/selector");
    let workloads: Vec<&Value> = objects
        .iter()
        .filter(|o| selects(selector, map(o, "/spec/template/metadata/labels")))
        .collect();
    let [workload] = workloads[..] else {
        problems.push(format!(
            "it selects the pods of {} workloads",
            workloads.len()
        ));
        return;
    };
    let containers = list(workload, "/spec/template/spec/containers");
    for port in list(service, "/spec/ports") {
        let target = port.pointer("/targetPort");
        let named = target.and_then(Value::as_str);
        if named.is_some_and(|name| !containers.iter().any(|c| pods::port_exists(c, name))) {
            problems.push(format!("its port {port} is not a port of the pods"));
        }
    }
}

/// A ServiceMonitor selects one Service per workload with a port `http`, so each pod is scraped once.
fn monitor(monitor: &Value, objects: &[Value], problems: &mut Vec<String>) {
    let selector = map(monitor, "/spec/selector/matchLabels");
    let services: Vec<&Value> = kind(objects, "Service")
        .filter(|s| selects(selector, map(s, "/metadata/labels")))
        .collect();
    if services.is_empty() {
        problems.push("it selects no Service".to_owned());
    }
    for service in &services {
        let port = text(monitor, "/spec/endpoints/0/port");
        if !list(service, "/spec/ports")
            .iter()
            .any(|p| text(p, "/name") == port)
        {
            problems.push(format!("a Service has no port {port}"));
        }
        let pods = map(service, "/spec/selector");
        let others = services.iter().filter(|s| map(s, "/spec/selector") == pods);
        if others.count() > 1 {
            problems.push("pods are scraped twice".to_owned());
        }
    }
}
