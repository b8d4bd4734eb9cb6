//! What Prometheus Operator makes of PrometheusRules: ConfigMaps with rule files, and Events about
//! the PrometheusRules that it rejects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::{Extract, Metadata, OwnerRef};
use crate::caps::{GROUP, Kind};
use crate::lenient::{Lenient, Object};
use crate::model::{GeneratedRulesFacts, Key, RejectionFacts, RuleName, RuleNames};

/// A ConfigMap that Prometheus Operator manages.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct GeneratedRulesObject {
    metadata: Lenient<Object<Metadata>>,
    data: Lenient<BTreeMap<String, String>>,
}

/// A rule file, as far as names go.
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
        let mut owners = metadata.owner_references.or_default().into_iter();
        let evaluator = owners.find_map(|Object(owner)| evaluator(owner, &namespace));
        // Others may use the same label, and their files mean something else.
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

fn evaluator(owner: OwnerRef, namespace: &str) -> Option<(Kind, Key)> {
    let version = owner.api_version.get()?;
    let (group, _) = version.split_once('/')?;
    let kind = owner.kind.get()?;
    let kinds = [Kind::Prometheus, Kind::ThanosRuler];
    let kind = kinds.into_iter().find(|it| it.name() == kind)?;
    let name = owner.name.get()?;
    (group == GROUP).then(|| (kind, Key::new(namespace, name)))
}

fn names(text: &str) -> RuleNames {
    // Prometheus Operator limits the size of its files; a budget would only hide rules.
    let options = serde_saphyr::options! { budget: None };
    let Ok(file) = serde_saphyr::from_str_with_options::<File>(text, options) else {
        return RuleNames::ALL;
    };
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    RuleNames::of(rules.filter_map(|rule| match (&rule.alert, &rule.record) {
        (Some(alert), _) => Some(RuleName::Alert(alert)),
        (None, Some(record)) => Some(RuleName::Record(record)),
        (None, None) => None,
    }))
}

/// An Event about a PrometheusRule.
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

    /// As Prometheus Operator 0.93 writes it.
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

    fn config_map(kind: &str, group: &str, file: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "prometheus-k8s-rulefiles-0", "namespace": "monitoring", "uid": "u",
                "ownerReferences": [{
                    "apiVersion": format!("{group}/v1"), "kind": kind, "name": "k8s",
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
    fn rule_files_are_read_by_the_names_of_their_rules() {
        for kind in [Kind::Prometheus, Kind::ThanosRuler] {
            let facts = facts(&config_map(kind.name(), GROUP, FILE));
            let owner = Some((kind, Key::new("monitoring", "k8s")));
            assert_eq!(facts.evaluator, owner);
            let names = &facts.files["apps-x-1.yaml"];
            let expected = [RuleName::Alert("Down"), RuleName::Record("up:sum")];
            assert_eq!(*names, RuleNames::of(expected));
            assert!(expected.into_iter().all(|name| names.contains(name)));
            assert!(!names.contains(RuleName::Alert("NotARule")));
            assert!(!names.contains(RuleName::Record("Down")));
        }
    }

    #[test]
    fn config_maps_of_other_owners_are_no_evidence() {
        for (kind, group) in [
            ("ThanosRuler", "monitoring.thanos.io"),
            ("PrometheusAgent", GROUP),
        ] {
            let facts = facts(&config_map(kind, group, FILE));
            assert_eq!(facts, GeneratedRulesFacts::default());
        }
        let mut orphan = config_map("Prometheus", GROUP, FILE);
        orphan["metadata"]["ownerReferences"] = json!([]);
        assert_eq!(facts(&orphan), GeneratedRulesFacts::default());
    }

    #[test]
    fn a_file_that_cannot_be_read_counts_as_holding_every_rule() {
        let facts = facts(&config_map("Prometheus", GROUP, "groups: {"));
        let names = &facts.files["apps-x-1.yaml"];
        assert!(names.contains(RuleName::Alert("any")));
        assert_eq!(names.union(&RuleNames::of([])), RuleNames::ALL);
    }
}
