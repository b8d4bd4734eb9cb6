//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores it.

use plan_testing::leaves::{Leaf, Leaves, fill, fill_section};
use serde_json::{Value, json};

use crate::case::Case;
use crate::case::world::{self, Querier};

const LEAVES: Leaves<'_, Case> = Leaves {
    more_than: 500,
    without_effect: &[
        // Suspends the plan.
        "spec.paused",
        // Has no effect for this kind.
        "spec.networkPolicy.openDiscovered",
    ],
    case,
};

/// Selectors by labels of other objects.
const SELECTORS: [&str; 7] = [
    "ruleSelector",
    "ruleNamespaceSelector",
    "ruleConfigSelector",
    "queryLabelSelector",
    "alertmanagers.selector",
    "alertmanagers.namespaceSelector",
    "rulerMode.stateless.labelSelector",
];

/// Objects of every selectable kind: one without labels, and one with each label of the samples.
fn every_selectable_object() -> Case {
    let labels = [
        json!({}),
        json!({"sample": "sample"}),
        json!({"sample": "other", "other": "x"}),
    ];
    let named = |i: usize| ["a", "b", "c"][i];
    let of_all = |object: &dyn Fn(&str) -> Value| -> Vec<Value> {
        let labelled = labels.iter().enumerate().map(|(i, labels)| {
            let mut object = object(named(i));
            object["metadata"]["labels"] = labels.clone();
            object
        });
        labelled.collect()
    };
    let rules = json!([{"alert": "A", "expr": "up"}, {"record": "r", "expr": "up"}]);
    let mut objects = of_all(&|name| world::rule(name, &rules));
    objects.extend(of_all(&|name| {
        let mut rule = world::rule(name, &rules);
        rule["metadata"]["namespace"] = json!(format!("of-{name}"));
        rule
    }));
    objects.extend(of_all(&|name| {
        world::alertmanager(name, &json!({"replicas": 1}))
    }));
    objects.extend(of_all(&|name| {
        let mut other = world::alertmanager(name, &json!({"replicas": 1}));
        other["metadata"]["namespace"] = json!(format!("of-{name}"));
        other
    }));
    let namespaces = ["monitoring", "of-a", "of-b", "of-c"]
        .iter()
        .zip([0, 0, 1, 2]);
    objects.extend(namespaces.map(
        |(name, i)| json!({"kind": "Namespace", "metadata": {"name": name, "labels": labels[i]}}),
    ));
    let mut files = of_all(&|name| {
        let text = "groups: [{name: g, rules: [{alert: A, expr: up}]}]";
        json!({"kind": "ConfigMap", "metadata": {"name": name}, "data": {"x.yaml": text}})
    });
    for file in &mut files {
        file["metadata"]["labels"]["operator.thanos.io/prometheus-rule"] = json!("true");
        file["metadata"]["labels"]["operator.thanos.io/tenant"] = json!("t");
    }
    objects.extend(files);
    objects.push(world::prometheus());
    let querier = |(i, labels): (usize, &Value)| Querier {
        name: named(i).to_owned(),
        labels: labels.clone(),
        ..Querier::default()
    };
    // An https transport from the last configuration.
    let set =
        json!({"replicas": 1, "querierBlocks": "http:", "alertmanagerBlocks": "http: https:"});
    Case {
        objects,
        queriers: labels.iter().enumerate().map(querier).collect(),
        set: serde_json::from_value(set).unwrap(),
        given: ["sample", "other", "fixed"].map(str::to_owned).to_vec(),
        ..Case::default()
    }
}

/// Adds the fields without which the leaf has no effect.
fn around(leaf: &Leaf, mut spec: Value) -> Value {
    let path = leaf.path.as_str();
    fill_section(leaf, "spec.", &mut spec);
    for selector in SELECTORS {
        if path == format!("spec.{selector}.matchExpressions[].key") {
            let at = format!("/{}/matchExpressions/0", selector.replace('.', "/"));
            spec.pointer_mut(&at).unwrap()["operator"] = json!("Exists");
        }
    }
    // A namespace selector needs an object selector.
    if path.starts_with("spec.ruleNamespaceSelector") {
        spec["ruleSelector"] = json!({});
    }
    if path.starts_with("spec.alertmanagers.namespaceSelector") {
        spec["alertmanagers"]["selector"] = json!({});
    }
    if path == "spec.mode" {
        spec["ruleSelector"] = json!({});
    }
    if path.starts_with("spec.alertmanagers.tlsConfig.ca.") {
        fill(
            &mut spec["alertmanagers"]["tlsConfig"]["ca"],
            &["name", "key"],
        );
    }
    let stateful = "spec.rulerMode.stateful.";
    if path.starts_with(&format!("{stateful}objectStorageConfig.")) {
        let key = &mut spec["rulerMode"]["stateful"]["objectStorageConfig"];
        fill(key, &["name", "key"]);
    }
    if path.starts_with("spec.rulerMode.stateless.") {
        spec["rulerMode"]["type"] = json!("Stateless");
    }
    spec
}

fn case(leaf: &Leaf, value: Option<&Value>) -> Case {
    let mut case = every_selectable_object();
    case.spec = around(leaf, leaf.spec(value));
    // The field is immutable in an existing StatefulSet.
    if leaf.path == "spec.podManagementPolicy" {
        case.set = None;
    }
    if leaf.path.starts_with("spec.rulerMode.stateless.") {
        for (name, label) in [("sample", "sample"), ("other", "other")] {
            let mut router = world::router(name);
            router["metadata"]["labels"][label] = json!("sample");
            case.objects.push(router);
        }
    }
    case
}

#[test]
fn every_leaf_has_an_effect() {
    LEAVES.have_an_effect();
}

#[test]
fn relations_hold_for_every_leaf() {
    LEAVES.keep_relations();
}

#[test]
fn credentials_of_urls_are_not_repeated() {
    LEAVES.do_not_repeat_credentials(&[
        "ConfigMap of spec.alertRelabelConfigs[].regex",
        "ConfigMap of spec.alertRelabelConfigs[].replacement",
        "ConfigMap of spec.alertRelabelConfigs[].separator",
        "ConfigMap of spec.alertRelabelConfigs[].sourceLabels[]",
        "ConfigMap of spec.alertRelabelConfigs[].targetLabel",
        // The schema accepts only a host name.
        "ConfigMap of spec.alertmanagers.tlsConfig.serverName",
        "ConfigMap of spec.ruleTenancyConfig.enforcedTenantIdentifier",
        "arguments of spec.additionalContainers[].args[]",
        "arguments of spec.alertLabelDrop[]",
        "arguments of spec.rulerMode.stateful.externalLabels{}",
    ]);
}
