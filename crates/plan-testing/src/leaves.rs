//! No dead fields: setting any leaf of the schema changes the plan, and unsetting it restores the plan.

use kube::CustomResourceExt;
use kube::core::object::HasSpec;
use operator_runtime::Plan;
use serde_json::Value;
use thanos_workload::testing::credentials;
pub use thanos_workload::testing::sample::Leaf;
use thanos_workload::testing::sample::leaves;

use crate::case::{Case, bodies};
use crate::relations;

/// Embedded Kubernetes fields with arbitrary content, which relations do not check.
const EMBEDDED: [&str; 4] = [
    "additionalContainers[]",
    "additionalVolumes[]",
    "additionalServicePorts[].targetPort",
    ".affinity.",
];

/// Checks of all leaves of a kind.
pub struct Leaves<'a, C> {
    /// Lower bound of the number of leaves.
    pub more_than: usize,
    /// Leaves, and fields including all their leaves, without an effect on the plan.
    pub without_effect: &'a [&'a str],
    /// The case with a leaf set or unset, and with everything that the leaf affects.
    pub case: fn(&Leaf, Option<&Value>) -> C,
}

impl<C: Case> Leaves<'_, C> {
    /// Asserts that every leaf changes the plan, and that the listed ones do not.
    pub fn have_an_effect(&self) {
        let leaves = all::<C>();
        assert!(leaves.len() > self.more_than, "{}", leaves.len());
        let (mut dead, mut alive) = (Vec::new(), Vec::new());
        for leaf in &leaves {
            let effects_of = |value| self.plan(leaf, value).map(|plan| effects(&plan));
            // A required leaf cannot be unset; then two values must differ.
            let without = effects_of(None).ok();
            let mut with = Vec::new();
            for value in &leaf.values {
                match effects_of(Some(value)) {
                    Ok(effects) => with.push(effects),
                    Err(rejected) => assert!(leaf.values.len() > 1, "{rejected}"),
                }
            }
            let changes = match &without {
                Some(without) => with.iter().any(|plan| plan != without),
                None => with.iter().any(|plan| plan != &with[0]),
            };
            match self.is_without_effect(&leaf.path) {
                true if changes => alive.push(&leaf.path),
                false if !changes => dead.push(&leaf.path),
                _ => {}
            }
            assert_eq!(without, effects_of(None).ok(), "{}: unset again", leaf.path);
        }
        assert!(dead.is_empty(), "{} without effect: {dead:#?}", dead.len());
        assert!(alive.is_empty(), "listed, but with an effect: {alive:?}");
    }

    /// Asserts that the relations hold for every value of every leaf.
    pub fn keep_relations(&self) {
        for leaf in all::<C>() {
            if EMBEDDED.iter().any(|e| leaf.path.contains(e)) {
                continue;
            }
            for value in &leaf.values {
                let case = (self.case)(&leaf, Some(value));
                if let Ok(plan) = case.plan() {
                    relations::check(&leaf.path, &case, &plan);
                }
            }
        }
    }

    /// Asserts that a URL with credentials is rejected, and that its password is in no message,
    /// ConfigMap or argument, except in the listed fields with arbitrary text.
    pub fn do_not_repeat_credentials(&self, except: &[&str]) {
        let found = credentials::places(&all::<C>(), |leaf, url| {
            let mut case = (self.case)(leaf, Some(url));
            let spec = case.spec().clone();
            serde_json::from_value::<<C::Resource as HasSpec>::Spec>(spec).ok()?;
            Some(self.plan(leaf, Some(url)).map(|plan| bodies(&plan)))
        });
        assert_eq!(found, except.iter().map(|&e| e.to_owned()).collect());
    }

    fn plan(&self, leaf: &Leaf, value: Option<&Value>) -> Result<Plan, String> {
        let plan = (self.case)(leaf, value).plan();
        plan.map_err(|e| format!("{}: {e}", leaf.path))
    }

    fn is_without_effect(&self, path: &str) -> bool {
        let mut all = self.without_effect.iter();
        all.any(|field| {
            let rest = path.strip_prefix(field);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
        })
    }
}

/// All effects of a plan.
fn effects(plan: &Plan) -> (Vec<Value>, String) {
    let foreign = format!("{:?}{:?}", plan.foreign_patches(), plan.foreign_deletes());
    (bodies(plan), foreign)
}

fn all<C: Case>() -> Vec<Leaf> {
    let crd = serde_json::to_value(C::Resource::crd()).unwrap();
    leaves(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"])
}

/// Sets the fields that a leaf requires beside it.
pub fn fill(object: &mut Value, fields: &[&str]) {
    for field in fields {
        if object.get(field).is_none() {
            object[field] = "fixed".into();
        }
    }
}

/// Adds to the section at `path` of the spec what the leaves common to all pods require: a volume to
/// mount, a second replica for a PodDisruptionBudget, a longer interval.
pub fn fill_section(leaf: &Leaf, path: &str, section: &mut Value) {
    let Some(field) = leaf.path.strip_prefix(path) else {
        return;
    };
    if field.starts_with("additionalVolumeMounts") {
        section["additionalVolumes"] = serde_json::json!([
            {"name": "sample", "emptyDir": {}}, {"name": "other", "emptyDir": {}},
        ]);
    }
    if field.starts_with("podDisruptionBudgetConfig") {
        section["replicas"] = 2.into();
    }
    if field.starts_with("additionalServicePorts") {
        fill(&mut section["additionalServicePorts"][0], &["name"]);
    }
    if field == "serviceMonitor.scrapeTimeout" {
        section["serviceMonitor"]["interval"] = "1h".into();
    }
}
