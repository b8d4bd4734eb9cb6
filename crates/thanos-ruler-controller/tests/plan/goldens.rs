//! The plan of each case, word for word: what is left alone, what is changed of the objects of others,
//! and what is applied; and the status after that.

use std::collections::BTreeSet;
use std::path::Path;

use operator_runtime::{ObjectKey, Plan};
use serde_json::{Value, json};
use thanos_ruler_controller::plan::names;
use thanos_ruler_controller::rules::pack;

use crate::case::{self, Case};

/// Longer texts are not shown.
const LONG: usize = 4000;

#[test]
fn plans() {
    let mut names = BTreeSet::new();
    for (name, case) in case::all() {
        let plan = case.plan().unwrap_or_else(|e| panic!("{name}: {e}"));
        let amended = plan.amendments().iter();
        let amended: Vec<_> = amended.map(|a| (a.key.to_string(), &a.patch)).collect();
        let besides = json!({"leaves": left(&case, &plan), "amends": amended});
        let documents = [besides, status(&case)].into_iter();
        let documents = documents.chain(case::bodies(&plan).into_iter().map(shortened));
        let documents: Vec<String> = documents
            .map(|document| serde_saphyr::to_string(&document).unwrap())
            .collect();
        insta::with_settings!({
            snapshot_path => "../golden",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name.clone(), documents.join("---\n"));
        });
        names.insert(name);
    }
    // A golden without a case tests nothing.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().file_name().to_string_lossy().into_owned();
        let name = file.split('.').next().unwrap();
        assert!(names.contains(name), "{file} has no case");
    }
}

/// The ConfigMaps that are left as they are.
pub fn left(case: &Case, plan: &Plan) -> Vec<String> {
    let cr = case.cr();
    let rules = (0..pack::RULES).map(|slot| names::rules(cr, slot));
    let files = (0..pack::FILES).map(|slot| names::files(cr, slot));
    let others = [
        names::alertmanagers(cr),
        names::queriers(cr),
        names::config(cr),
    ];
    let all = rules.chain(files).chain(others);
    all.filter(|name| {
        plan.leaves(&ObjectKey {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            name: name.clone(),
        })
    })
    .collect()
}

/// The status, without the time of the clock.
fn status(case: &Case) -> Value {
    let mut status = serde_json::to_value(case.status()).unwrap();
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition
            .as_object_mut()
            .unwrap()
            .remove("lastTransitionTime");
    }
    json!({"status": status})
}

fn shortened(mut body: Value) -> Value {
    let data = body.get_mut("data").and_then(Value::as_object_mut);
    for (_, text) in data.into_iter().flatten() {
        let length = text.as_str().map_or(0, str::len);
        if length > LONG {
            *text = json!(format!("({length} bytes)"));
        }
    }
    body
}
