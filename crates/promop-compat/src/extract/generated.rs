//! Facts of objects that Prometheus Operator creates for PrometheusRules: ConfigMaps with rule
//! files, and Events about rejected PrometheusRules. No IO.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use crate::kind::{self, GROUP};
use crate::model::{GeneratedFor, GeneratedRulesFacts, RejectionFacts, RuleName, RuleNames};
use kube_facts::Key;
use kube_facts::extract::{Extract, Metadata, OwnerRef};
use kube_facts::tolerant_decode::{Lenient, Object};

/// Decoded ConfigMap managed by Prometheus Operator.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct GeneratedRulesObject {
    metadata: Lenient<Object<Metadata>>,
    data: Lenient<BTreeMap<String, String>>,
}

/// Rule file, reduced to names.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
}

impl Extract for GeneratedRulesObject {
    type Facts = GeneratedRulesFacts;

    fn into_parts(self) -> (ObjectMeta, GeneratedRulesFacts) {
        let metadata = self.metadata.fields();
        let identity = metadata.identity();
        let namespace = identity.namespace.clone().unwrap_or_default();
        let name = identity.name.clone().unwrap_or_default();
        let mut owners = metadata.owner_references.or_default().into_iter();
        let evaluator = owners.find_map(|Object(owner)| evaluator(owner, &namespace, &name));
        // Other ConfigMaps may have the same label, and files of another meaning.
        let files = match evaluator {
            Some(_) => self.data.or_default(),
            None => BTreeMap::new(),
        };
        let files = files.into_iter().map(|(name, text)| (name, names(&text)));
        let facts = GeneratedRulesFacts {
            evaluator,
            files: files.collect(),
        };
        (identity, facts)
    }
}

/// Evaluator of a ConfigMap with this name, if this owner is it.
fn evaluator(owner: OwnerRef, namespace: &str, config_map: &str) -> Option<GeneratedFor> {
    let version = owner.api_version.get()?;
    let (group, _) = version.split_once('/')?;
    let (kind, name) = (owner.kind.get()?, owner.name.get()?);
    let kinds = [
        (kind::PROMETHEUS, "prometheus"),
        (kind::THANOS_RULER, "thanos-ruler"),
    ];
    let (kind, prefix) = kinds.into_iter().find(|(it, _)| it.name == kind)?;
    let number = config_map.strip_prefix(&format!("{prefix}-{name}-rulefiles-"))?;
    let is_generated = number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty();
    let is_it = group == GROUP && owner.controller.or_default() && is_generated;
    is_it.then(|| GeneratedFor {
        kind,
        key: Key::new(namespace, name),
        uid: owner.uid.or_default(),
    })
}

fn names(text: &str) -> RuleNames {
    // Prometheus Operator limits the size of its files; a limit here would only hide rules.
    let options = serde_saphyr::options! { budget: None };
    let Ok(file) = serde_saphyr::from_str_with_options::<File>(text, options) else {
        // Sending an alert twice is better than never.
        return RuleNames::of([]);
    };
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    RuleNames::of(rules.filter_map(|rule| match (&rule.alert, &rule.record) {
        (Some(alert), _) => Some(RuleName::Alert(alert)),
        (None, Some(record)) => Some(RuleName::Record(record)),
        (None, None) => None,
    }))
}

/// Decoded Event about a PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RejectionEvent {
    metadata: Lenient<Object<Metadata>>,
    involved_object: Lenient<Object<Involved>>,
    message: Lenient<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Involved {
    uid: Lenient<String>,
}

impl Extract for RejectionEvent {
    type Facts = RejectionFacts;

    fn into_parts(self) -> (ObjectMeta, RejectionFacts) {
        let facts = RejectionFacts {
            rule: self.involved_object.fields().uid.or_default(),
            message: self.message.or_default(),
        };
        (self.metadata.fields().identity(), facts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// In the form of Prometheus Operator 0.93.
    const FILE: &str = r#"groups:
- interval: 30s
  name: general
  rules:
  - alert: Down
    annotations:
      description: |-
        The target is down.
        - alert: NotARule
    expr: up == 0
    for: 5m
  - expr: sum(up)
    record: up:sum
- name: empty
  rules: []
"#;

    fn config_map(kind: &str, prefix: &str, file: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": format!("{prefix}-k8s-rulefiles-0"), "namespace": "monitoring", "uid": "u",
                "ownerReferences": [{
                    "apiVersion": "monitoring.coreos.com/v1", "kind": kind, "name": "k8s",
                    "uid": "p", "controller": true,
                }],
            },
            "data": {"apps-x-1.yaml": file},
        })
    }

    fn facts(object: &Value) -> GeneratedRulesFacts {
        GeneratedRulesObject::read(object).into_parts().1
    }

    #[test]
    fn rule_names_are_read_from_rule_files() {
        for (kind, prefix) in [
            (kind::PROMETHEUS, "prometheus"),
            (kind::THANOS_RULER, "thanos-ruler"),
        ] {
            let facts = facts(&config_map(kind.name, prefix, FILE));
            let owner = GeneratedFor {
                kind,
                key: Key::new("monitoring", "k8s"),
                uid: "p".to_owned(),
            };
            assert_eq!(facts.evaluator, Some(owner));
            let names = &facts.files["apps-x-1.yaml"];
            let expected = [RuleName::Alert("Down"), RuleName::Record("up:sum")];
            assert_eq!(*names, RuleNames::of(expected));
            assert!(expected.into_iter().all(|name| names.contains(name)));
            assert!(!names.contains(RuleName::Alert("NotARule")));
            assert!(!names.contains(RuleName::Record("Down")));
        }
    }

    #[test]
    fn only_config_maps_of_prometheus_operator_are_evidence() {
        let good = config_map("Prometheus", "prometheus", FILE);
        let changed = |pointer: &str, value: Value| {
            let mut object = good.clone();
            *object.pointer_mut(pointer).unwrap() = value;
            object
        };
        let owner = "/metadata/ownerReferences/0";
        for other in [
            changed(
                &format!("{owner}/apiVersion"),
                json!("monitoring.thanos.io/v1"),
            ),
            changed(&format!("{owner}/kind"), json!("PrometheusAgent")),
            changed(&format!("{owner}/kind"), json!("ThanosRuler")),
            changed(&format!("{owner}/name"), json!("other")),
            changed(&format!("{owner}/controller"), json!(false)),
            changed("/metadata/ownerReferences", json!([])),
            changed("/metadata/name", json!("rules")),
            changed("/metadata/name", json!("prometheus-k8s-rulefiles-x")),
            changed("/metadata/name", json!("prometheus-k8s-rulefiles-")),
            changed("/metadata/name", json!("prometheus-other-rulefiles-0")),
        ] {
            assert_eq!(facts(&other), GeneratedRulesFacts::default(), "{other}");
        }
    }

    #[test]
    fn malformed_rule_file_contains_no_rules() {
        let facts = facts(&config_map("Prometheus", "prometheus", "groups: {"));
        let names = &facts.files["apps-x-1.yaml"];
        assert!(!names.contains(RuleName::Alert("any")));
    }
}
