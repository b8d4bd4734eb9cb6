//! Relations between the objects of any plan.

use kube_facts::Labels;
use operator_runtime::Plan;
use serde_json::{Map, Value};

use crate::case::Case;

/// Asserts the relations of the plan of a case.
pub fn check<C: Case>(name: &str, case: &C, plan: &Plan) {
    let problems = case.problems(plan);
    assert!(problems.is_empty(), "{name}: {problems:#?}");
}

/// Asserts the relations of the plans of all cases.
pub fn hold_in_every_case<C: Case>() {
    for (name, case) in C::all() {
        check(&name, &case, &case.plan().unwrap());
    }
}

/// Asserts that equal inputs give equal bytes.
pub fn equal_inputs_give_equal_bytes<C: Case>() {
    for (name, case) in C::all() {
        let bytes = || serde_json::to_vec(&case.bodies()).unwrap();
        assert_eq!(bytes(), bytes(), "{name}");
    }
}

/// Asserts that the status assumes the ServiceMonitors of the plan, with their labels.
pub fn the_status_knows_the_service_monitors_of_the_plan<C: Case>() {
    let mut compared = 0;
    for (name, case) in C::all() {
        let planned: Vec<(String, Labels)> = of_kind(&case.bodies(), "ServiceMonitor")
            .map(|o| {
                let labels = serde_json::from_value(o["metadata"]["labels"].clone()).unwrap();
                let name = o["metadata"]["name"].as_str().unwrap();
                (name.to_owned(), labels)
            })
            .collect();
        if !planned.is_empty() {
            assert_eq!(case.monitors(), planned, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 1, "only {compared} plans have ServiceMonitors");
}

/// Tests of relations: each must detect a mutation of valid objects.
pub struct Checks<'a> {
    /// Valid objects.
    pub good: Vec<Value>,
    /// The relations.
    pub problems: &'a dyn Fn(&[Value]) -> Vec<String>,
}

impl Checks<'_> {
    /// Asserts that a mutation of the first object of this kind leads to a problem with this text.
    pub fn find(&self, kind: &str, text: &str, mutate: &dyn Fn(&mut Value)) {
        let mut objects = self.good.clone();
        mutate(objects.iter_mut().find(|o| o["kind"] == kind).unwrap());
        let found = (self.problems)(&objects);
        assert!(
            found.iter().any(|f| f.contains(text)),
            "{kind}: no {text:?} in {found:?}"
        );
    }
}

/// The objects of a kind.
pub fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |o| o["kind"] == kind)
}

/// Whether the labels contain the selector.
#[must_use]
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().map(Map::iter).into_iter().flatten();
    let mut selector = selector.peekable();
    selector.peek().is_some() && selector.all(|(key, value)| labels.get(key) == Some(value))
}
