//! The plan of each case, word for word: what is applied, what is left alone, and what is changed
//! of the objects of others.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::case;

#[test]
fn plans() {
    let mut names = BTreeSet::new();
    for (name, case) in case::all() {
        let plan = case::plan(&case).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut documents: Vec<String> = plan
            .objects()
            .iter()
            .map(|o| serde_saphyr::to_string(&o.body).unwrap())
            .collect();
        // Decided besides the objects.
        let seen = case.seen().observed;
        let left = seen.sets.keys().filter(|name| {
            let key = operator_runtime::ObjectKey {
                group: "apps".to_owned(),
                kind: "StatefulSet".to_owned(),
                name: (*name).clone(),
            };
            plan.find("StatefulSet", name).is_none() && plan.leaves(&key)
        });
        let left: Vec<&String> = left.collect();
        let amended = plan.amendments().iter();
        let amended: Vec<_> = amended.map(|a| (a.key.to_string(), &a.patch)).collect();
        let step = seen.reshard.as_ref().map(|r| (r.step, &r.message));
        let besides = json!({"leaves": left, "amends": amended, "resharding": step});
        documents.insert(0, serde_saphyr::to_string(&besides).unwrap());
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
