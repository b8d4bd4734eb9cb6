use super::*;
use crate::reconcile::toy::ToyController;

/// The verbs of a resource in the core group.
fn verbs(rules: &[PolicyRule], resource: &str) -> Vec<String> {
    let of = |rule: &&PolicyRule| {
        let core = rule.api_groups.iter().flatten().any(String::is_empty);
        core && rule.resources.iter().flatten().any(|r| r == resource)
    };
    let rules = rules.iter().filter(of);
    rules.flat_map(|rule| rule.verbs.clone()).collect()
}

#[test]
fn foreign_kinds_are_granted_patch_and_delete_only() {
    let rules = namespaced_rules::<ToyController>();
    let verbs = verbs(&rules, "persistentvolumeclaims");
    assert_eq!(verbs, ["delete", "patch"]);
}

#[test]
fn kinds_that_are_granted_apart_are_in_no_rule() {
    let namespaced = namespaced_rules::<ToyController>();
    assert_eq!(verbs(&namespaced, "pods"), READ);
    assert!(verbs(&namespaced, "events").is_empty());
    let cluster = cluster_rules::<ToyController>();
    assert!(verbs(&cluster, "nodes").is_empty());
}
