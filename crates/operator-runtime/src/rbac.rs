//! RBAC rules of a controller, from the same lists that drive its watches and writes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Resource;
use kube_facts::optional::OptionalKind;

use crate::reconciler::Reconciler;

const READ: [&str; 2] = ["list", "watch"];
const OWN: [&str; 6] = ["create", "delete", "get", "list", "patch", "watch"];

/// Rules for namespaced objects: a ClusterRole, or a Role in each namespace of the controller.
#[must_use]
pub fn namespaced_rules<C: Reconciler>() -> Vec<PolicyRule> {
    let mut rules = Rules::default();
    let group = C::Resource::group(&());
    let plural = C::Resource::plural(&());
    rules.allow(&group, &plural, &["get", "list", "watch"]);
    rules.allow(&group, &format!("{plural}/status"), &["patch"]);
    // Required by the admission plugin OwnerReferencesPermissionEnforcement for blockOwnerDeletion.
    rules.allow(&group, &format!("{plural}/finalizers"), &["update"]);
    for owned in C::owned_kinds() {
        rules.allow(&owned.resource.group, &owned.resource.plural, &OWN);
    }
    for patched in C::patched_foreign_kinds() {
        rules.allow(&patched.group, &patched.plural, &["patch"]);
    }
    for deleted in C::deleted_foreign_kinds() {
        rules.allow(&deleted.group, &deleted.plural, &["delete"]);
    }
    for related in C::related() {
        if !related.cluster_scoped && !related.granted_apart {
            rules.allow(&related.resource.group, &related.resource.plural, &READ);
        }
    }
    rules.allow("events.k8s.io", "events", &["create", "patch"]);
    // For the access checks of a reconcile.
    rules.allow(
        "authorization.k8s.io",
        "localsubjectaccessreviews",
        &["create"],
    );
    rules.finish()
}

/// Rules for cluster-scoped objects. Without them, CRDs are detected by polling and namespace selectors
/// cannot be evaluated.
#[must_use]
pub fn cluster_rules<C: Reconciler>() -> Vec<PolicyRule> {
    let mut rules = Rules::default();
    for related in C::related() {
        if related.cluster_scoped && !related.granted_apart {
            rules.allow(&related.resource.group, &related.resource.plural, &READ);
        }
    }
    let mut rules = rules.finish();
    let kinds: BTreeSet<OptionalKind> = C::needs().into_iter().map(|n| n.kind).collect();
    rules.push(PolicyRule {
        api_groups: Some(vec!["apiextensions.k8s.io".to_owned()]),
        resources: Some(vec!["customresourcedefinitions".to_owned()]),
        resource_names: Some(kinds.into_iter().map(OptionalKind::crd_name).collect()),
        verbs: READ.map(str::to_owned).to_vec(),
        ..Default::default()
    });
    rules
}

/// Rules for the Lease of the controller, in its own namespace.
#[must_use]
pub fn lease_rules<C: Reconciler>() -> Vec<PolicyRule> {
    let rule = |names: Option<&str>, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec!["coordination.k8s.io".to_owned()]),
        resources: Some(vec!["leases".to_owned()]),
        resource_names: names.map(|n| vec![n.to_owned()]),
        verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
        ..Default::default()
    };
    // A create cannot be limited to a name.
    vec![
        rule(None, &["create"]),
        rule(Some(C::NAME), &["get", "update"]),
    ]
}

/// Verbs by group and resource.
#[derive(Default)]
struct Rules(BTreeMap<(String, String), BTreeSet<String>>);

impl Rules {
    fn allow(&mut self, group: &str, resource: &str, verbs: &[&str]) {
        let key = (group.to_owned(), resource.to_owned());
        let known = self.0.entry(key).or_default();
        known.extend(verbs.iter().map(|v| (*v).to_owned()));
    }

    /// One rule for each group and set of verbs.
    fn finish(self) -> Vec<PolicyRule> {
        let mut merged: BTreeMap<(String, BTreeSet<String>), Vec<String>> = BTreeMap::new();
        for ((group, resource), verbs) in self.0 {
            merged.entry((group, verbs)).or_default().push(resource);
        }
        let rule =
            |((group, verbs), resources): ((String, BTreeSet<String>), Vec<String>)| PolicyRule {
                api_groups: Some(vec![group]),
                resources: Some(resources),
                verbs: verbs.into_iter().collect(),
                ..Default::default()
            };
        merged.into_iter().map(rule).collect()
    }
}

#[cfg(test)]
mod tests;
