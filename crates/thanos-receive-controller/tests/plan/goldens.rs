//! The plan of each case, word for word: what is applied and onto what, what is left alone, what is
//! changed or deleted of the objects of others, and what the hashrings wait for.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use thanos_receive_controller::plan::plan;

use crate::case;

#[test]
fn plans() {
    let mut names = BTreeSet::new();
    for (name, case) in case::all() {
        let seen = case.seen();
        let plan = plan(&seen.observed).unwrap_or_else(|e| panic!("{name}: {e}"));
        let amended = plan.amendments().iter();
        let amended: Vec<_> = amended.map(|a| (a.key.to_string(), &a.patch)).collect();
        let removed = plan.removals().iter();
        let removed: Vec<_> = removed.map(|r| (r.key.to_string(), &r.uid)).collect();
        let progress = seen.report.progress.iter();
        let progress: Vec<Value> = progress
            .map(|p| json!({"name": p.name, "step": p.step, "message": p.message}))
            .collect();
        let besides = json!({
            "hashrings": progress, "onto": format!("{:?}", plan.objects()[0].onto),
            "leaves": seen.observed.permits.kept, "amends": amended, "removes": removed,
        });
        let documents = std::iter::once(besides).chain(case::bodies(&plan));
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
