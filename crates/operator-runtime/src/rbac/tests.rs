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
fn objects_of_others_may_be_amended_and_removed_and_nothing_else() {
    let rules = namespaced_rules::<ToyController>();
    let verbs = verbs(&rules, "persistentvolumeclaims");
    assert_eq!(verbs, ["delete", "patch"]);
}

#[test]
fn what_is_granted_apart_is_in_no_rule() {
    let namespaced = namespaced_rules::<ToyController>();
    assert_eq!(verbs(&namespaced, "pods"), READ);
    assert!(verbs(&namespaced, "events").is_empty());
    let cluster = cluster_rules::<ToyController>();
    assert!(verbs(&cluster, "nodes").is_empty());
}
