//! Golden files with the complete plan of each case. The cases of [`Case::IN_FULL`] are written in full,
//! every other one as its difference from the most similar of these.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::case::{Case, documents, folder};
use crate::difference::{Base, Document, difference};

/// Name of the golden with all messages.
pub(crate) const MESSAGES: &str = "messages";

/// Longer texts in `data` are replaced by their length.
const LONG: usize = 4000;

/// Compares the plan of each case with its golden.
pub fn check<C: Case>() {
    let cases = C::all();
    let shown = |name: &str, case: &C| -> Vec<Document> {
        let documents = documents(name, case).into_iter();
        documents.map(|(t, body)| (t, shortened(body))).collect()
    };
    let bases = C::IN_FULL.iter().map(|&name| Base {
        name,
        documents: shown(name, &C::named(name)),
    });
    let bases: Vec<Base> = bases.collect();
    for (name, case) in &cases {
        let text = match bases.iter().find(|base| base.name == name) {
            Some(base) => in_full(&base.documents),
            None => nearest(&bases, &shown(name, case)),
        };
        assert_golden::<C>(name, &text);
    }
    // A golden without a case tests nothing.
    let names: BTreeSet<_> = cases.iter().map(|(name, _)| name.as_str()).collect();
    for entry in std::fs::read_dir(folder::<C>("golden")).unwrap() {
        let file = entry.unwrap().file_name().to_string_lossy().into_owned();
        let name = file.split('.').next().unwrap();
        let is_known = name == MESSAGES || names.contains(name);
        assert!(is_known, "{file} has no case");
    }
}

/// Compares a text with the golden of this name.
pub(crate) fn assert_golden<C: Case>(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => folder::<C>("golden"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

fn in_full(documents: &[Document]) -> String {
    let documents = documents.iter();
    let documents = documents.map(|(_, body)| serde_saphyr::to_string(body).unwrap());
    documents.collect::<Vec<_>>().join("---\n")
}

/// The shortest difference from a base, with the name of the base.
fn nearest(bases: &[Base], of: &[Document]) -> String {
    let all = bases.iter().map(|base| {
        let difference = difference(base, bases, of);
        format!("difference from: {}\n\n{difference}", base.name)
    });
    all.min_by_key(|text| text.lines().count()).unwrap()
}

fn shortened(mut body: Value) -> Value {
    let data = body.get_mut("data").and_then(Value::as_object_mut);
    for (_, text) in data.into_iter().flatten() {
        let length = text.as_str().map_or(0, str::len);
        if length > LONG {
            *text = format!("({length} bytes)").into();
        }
    }
    body
}
