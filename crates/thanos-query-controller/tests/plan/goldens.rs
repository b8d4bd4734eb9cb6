//! The plan of each case, word for word.

use std::collections::BTreeSet;
use std::path::Path;

use thanos_query_controller::plan::plan;

use crate::case;

#[test]
fn plans() {
    let mut names = BTreeSet::new();
    for (name, case) in case::all() {
        let plan = plan(&case.observed()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let documents: Vec<String> = plan
            .objects()
            .iter()
            .map(|o| serde_saphyr::to_string(&o.body).unwrap())
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
