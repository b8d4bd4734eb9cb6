//! Cases: a custom resource and observed objects, from the folder `tests/cases` of a controller. Reads
//! files.

use std::path::{Path, PathBuf};

use kube::CustomResourceExt;
use kube::core::object::HasSpec;
use kube_facts::Labels;
use operator_runtime::{Invalid, Plan, Reconciler};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A custom resource and observed objects.
pub trait Case: Clone + Default + DeserializeOwned {
    /// The kind of the custom resource.
    type Resource: CustomResourceExt + HasSpec<Spec: DeserializeOwned>;

    /// Name of the controller, and of its folder in `crates`.
    const CONTROLLER: &'static str;

    /// Cases with full goldens. The goldens of the others are differences from one of these.
    const IN_FULL: &'static [&'static str] = &["minimal", "everything"];

    /// `spec` of the custom resource.
    fn spec(&mut self) -> &mut Value;

    /// The plan.
    ///
    /// # Errors
    /// Invalid input.
    fn plan(&self) -> Result<Plan, Invalid>;

    /// Decisions besides the objects, with titles. Goldens start with them.
    fn decisions(&self, _: &Plan) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Violated relations of the plan, one sentence each.
    fn problems(&self, plan: &Plan) -> Vec<String>;

    /// Name and labels of each ServiceMonitor that the status assumes to be planned.
    fn monitors(&self) -> Vec<(String, Labels)>;

    /// A case with only a spec.
    #[must_use]
    fn of(spec: Value) -> Self {
        let mut case = Self::default();
        *case.spec() = spec;
        case
    }

    /// A case from a literal.
    #[must_use]
    fn read(value: &Value) -> Self {
        // Through text, since JSON values have no numeric keys.
        serde_json::from_str(&value.to_string()).unwrap_or_else(|e| panic!("{value}: {e}"))
    }

    /// All cases of the controller, by name.
    #[must_use]
    fn all() -> Vec<(String, Self)> {
        let files = std::fs::read_dir(folder::<Self>("cases")).unwrap();
        let cases = files.map(|file| {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, case)
        });
        let mut cases: Vec<_> = cases.collect();
        cases.sort_by(|a, b| a.0.cmp(&b.0));
        cases
    }

    /// One case by name.
    #[must_use]
    fn named(name: &str) -> Self {
        let found = Self::all().into_iter().find(|(n, _)| n == name);
        found.unwrap_or_else(|| panic!("no case {name}")).1
    }

    /// The objects of the plan, in apply order.
    #[must_use]
    fn bodies(&self) -> Vec<Value> {
        bodies(&self.plan().unwrap())
    }

    /// One object of the plan.
    #[must_use]
    fn object(&self, kind: &str, name: &str) -> Value {
        let plan = self.plan().unwrap();
        let found = plan.find(kind, name);
        let found = found.unwrap_or_else(|| panic!("no {kind} {name}"));
        found.body.clone()
    }
}

/// A case that is observed by the controller from the objects of a cluster.
pub trait ObservedCase: Case {
    /// The controller.
    type Controller: Reconciler<Resource = Self::Resource>;

    /// The controller with its flags.
    fn controller() -> Self::Controller;

    /// The observed state.
    fn observed(&self) -> <Self::Controller as Reconciler>::Observed;

    /// Adds objects to the cluster.
    fn add(&mut self, objects: Vec<Value>);
}

/// The objects of a plan, in apply order.
#[must_use]
pub fn bodies(plan: &Plan) -> Vec<Value> {
    plan.objects().iter().map(|o| o.body.clone()).collect()
}

/// The documents of a golden, with titles: decisions besides the objects, and the objects in apply
/// order.
#[must_use]
pub fn documents<C: Case>(name: &str, case: &C) -> Vec<(String, Value)> {
    let plan = case.plan().unwrap_or_else(|e| panic!("{name}: {e}"));
    let decisions = case.decisions(&plan).into_iter();
    let decisions = decisions.map(|(title, body)| (title.to_owned(), body));
    let objects = plan.objects().iter();
    decisions
        .chain(objects.map(|o| (o.key.to_string(), o.body.clone())))
        .collect()
}

/// The foreign patches of a plan, for [`Case::decisions`].
#[must_use]
pub fn patched(plan: &Plan) -> Vec<(String, &Value)> {
    let all = plan.foreign_patches().iter();
    all.map(|p| (p.key.to_string(), &p.patch)).collect()
}

/// A folder in `tests` of the controller.
pub(crate) fn folder<C: Case>(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(C::CONTROLLER)
        .join("tests")
        .join(name)
}
