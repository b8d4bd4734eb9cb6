//! Readable difference between two lists of documents, by object and path. It is lossless: different
//! lists have different differences from a third one. Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, TextDiff, capture_diff_slices};

/// A title, such as `Service thanos-query-main`, and the document.
pub type Document = (String, Value);

/// Base of a comparison.
pub struct Base {
    pub name: &'static str,
    pub documents: Vec<Document>,
}

/// The difference of `new` from `base`:
///
/// - `- 3 TITLE`: document 3 of `base` is removed;
/// - `~ TITLE`: a document differs in the following paths;
/// - `+ 4 TITLE`: document 4 is added. It follows in full, or as its difference from a similar document:
///   of a base, or above it in `new`.
pub fn difference(base: &Base, bases: &[Base], new: &[Document]) -> String {
    let titles = |all: &[Document]| all.iter().map(|(title, _)| title.clone()).collect();
    let (from, to): (Vec<String>, Vec<String>) = (titles(&base.documents), titles(new));
    let mut lines = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &from, &to) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            for i in 0..len {
                let (title, body) = &new[new_index + i];
                let changes = changes(&base.documents[old_index + i].1, body);
                if !changes.is_empty() {
                    lines.push(format!("~ {title}"));
                    lines.extend(indented(changes));
                }
            }
            continue;
        }
        lines.extend(op.old_range().map(|i| format!("- {i} {}", from[i])));
        for i in op.new_range() {
            let (title, body) = &new[i];
            let of_base = std::iter::once(base).chain(bases);
            let of_base = of_base.flat_map(|base| {
                let documents = base.documents.iter();
                documents.map(move |document| (document, format!("of {}", base.name)))
            });
            let above = new[..i]
                .iter()
                .map(|document| (document, "above".to_owned()));
            match resembling(of_base.chain(above), title, body) {
                Some((like, changes)) => {
                    lines.push(format!("+ {i} {title}, which is {like} except for:"));
                    lines.extend(indented(changes));
                }
                None => {
                    lines.push(format!("+ {i} {title}"));
                    lines.extend(indented(yaml(body)));
                }
            }
        }
    }
    match lines.is_empty() {
        true => "none\n".to_owned(),
        false => lines.join("\n") + "\n",
    }
}

/// The most similar document of the same kind, with the difference if it is shorter than half of the
/// document.
fn resembling<'a>(
    all: impl Iterator<Item = (&'a Document, String)>,
    title: &str,
    body: &Value,
) -> Option<(String, Vec<String>)> {
    let kind = |title: &str| title.split(' ').next().map(str::to_owned);
    let alike = all.filter(|((other, _), _)| kind(other) == kind(title));
    let ((like, _), place, changes) = alike
        .map(|(document, place)| (document, place, changes(&document.1, body)))
        .min_by_key(|(_, _, changes)| changes.len())?;
    let is_short = changes.len() * 2 < yaml(body).len();
    is_short.then(|| (format!("{like} {place}"), changes))
}

fn changes(old: &Value, new: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("", old, new, &mut lines);
    lines
}

fn compare(path: &str, old: &Value, new: &Value, lines: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) => fields(path, old, new, lines),
        (Value::Array(old), Value::Array(new)) => items(path, old, new, lines),
        (Value::String(old), Value::String(new)) if old.contains('\n') && new.contains('\n') => {
            let difference = TextDiff::from_lines(old, new);
            let text = difference.unified_diff().context_radius(1).to_string();
            lines.push(format!("{path}:"));
            lines.extend(indented(text.lines().map(str::to_owned).collect()));
        }
        _ => lines.push(format!("{path}: {old} → {new}")),
    }
}

fn fields(path: &str, old: &Map<String, Value>, new: &Map<String, Value>, lines: &mut Vec<String>) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let path = match (path, !key.is_empty() && key.chars().all(plain)) {
            ("", true) => key.clone(),
            (_, true) => format!("{path}.{key}"),
            _ => format!("{path}[{}]", Value::from(key.as_str())),
        };
        match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) => compare(&path, old, new, lines),
            (Some(old), None) => lines.push(removed(&path, old)),
            (None, new) => lines.extend(new.into_iter().flat_map(|new| added(&path, new))),
        }
    }
}

/// Matches items by identity. Paths contain the identity if it is unique, and otherwise the index.
fn items(path: &str, old: &[Value], new: &[Value], lines: &mut Vec<String>) {
    let (from, to): (Vec<String>, Vec<String>) = (
        old.iter().map(identity).collect(),
        new.iter().map(identity).collect(),
    );
    let once = |all: &[String], id: &String| all.iter().filter(|other| *other == id).count() == 1;
    let same = |i: usize, j: usize, lines: &mut Vec<String>| {
        let id = &to[j];
        let named = *id == from[i] && once(&from, id) && once(&to, id);
        let path = match named {
            true => format!("{path}[{id}]"),
            false => format!("{path}[{j}]"),
        };
        compare(&path, &old[i], &new[j], lines);
    };
    for op in capture_diff_slices(Algorithm::Myers, &from, &to) {
        let (before, after) = (op.old_range(), op.new_range());
        let pairs = before.clone().zip(after.clone());
        let composite = |i: usize| !old[i].is_string();
        let is_equal = matches!(op, DiffOp::Equal { .. });
        if is_equal || before.len() == after.len() && before.clone().all(composite) {
            pairs.for_each(|(i, j)| same(i, j, lines));
            continue;
        }
        lines.extend(before.map(|i| removed(&format!("{path}[{i}]"), &old[i])));
        lines.extend(after.flat_map(|j| added(&format!("{path}[{j}]"), &new[j])));
    }
}

/// The identity of an item: its name, type or kind, or the flag of an argument.
fn identity(item: &Value) -> String {
    let name = ["name", "type", "kind"]
        .iter()
        .find_map(|key| item[*key].as_str());
    let flag = item.as_str().filter(|text| text.starts_with("--"));
    let flag = flag.and_then(|text| Some(text.split_once('=')?.0));
    match name.or(flag) {
        Some(id) => id.to_owned(),
        None => item.to_string(),
    }
}

fn removed(path: &str, value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => format!("- {path}"),
        value => format!("- {path}: {value}"),
    }
}

fn added(path: &str, value: &Value) -> Vec<String> {
    let is_large = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => text.contains('\n'),
        _ => false,
    };
    if !is_large {
        return vec![format!("+ {path}: {value}")];
    }
    let block = indented(yaml(value));
    std::iter::once(format!("+ {path}:")).chain(block).collect()
}

fn yaml(value: &Value) -> Vec<String> {
    let text = serde_saphyr::to_string(value).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn indented(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::{Base, Document, Value};

    fn difference(base: &[Document], new: &[Document]) -> String {
        let documents = base.to_vec();
        let other = Base {
            name: "other",
            documents: Vec::new(),
        };
        let base = Base {
            name: "base",
            documents,
        };
        super::difference(&base, &[other], new)
    }

    fn of(body: Value) -> Vec<Document> {
        vec![("Kind name".to_owned(), body)]
    }

    #[test]
    fn changes_are_listed_by_path() {
        let old = of(json!({
            "replicas": 1, "gone": {"a": 1}, "text": "a\nb\nc\nd\n",
            "containers": [{"name": "thanos", "args": ["query", "--a=1", "--b=1", "--c=1"]}],
        }));
        let new = of(json!({
            "replicas": 2, "labels": {"x.y/z": "w"}, "text": "a\nb\nc\nD\n",
            "containers": [
                {"name": "first"},
                {"name": "thanos", "args": ["query", "--a=2", "--x=1", "--c=1"]},
            ],
        }));
        let expected = r#"~ Kind name
  + containers[0]:
    name: first
  containers[thanos].args[--a]: "--a=1" → "--a=2"
  - containers[thanos].args[2]: "--b=1"
  + containers[thanos].args[2]: "--x=1"
  - gone
  + labels:
    x.y/z: w
  replicas: 1 → 2
  text:
    @@ -3,2 +3,2 @@
     c
    -d
    +D
"#;
        assert_eq!(difference(&old, &new), expected);
    }

    #[test]
    fn added_documents_are_full_or_differences_from_similar_ones() {
        let body = |name: &str| json!({"a": 1, "b": 2, "c": 3, "metadata": {"name": name}});
        let old = vec![("A a".to_owned(), body("a")), ("B b".to_owned(), body("b"))];
        let new = vec![
            ("B b".to_owned(), body("b")),
            ("B c".to_owned(), body("c")),
            (
                "B d".to_owned(),
                json!({"a": 1, "b": 5, "c": 3, "metadata": {"name": "c"}}),
            ),
            ("C e".to_owned(), json!({"x": 1})),
        ];
        let expected = r#"- 0 A a
+ 1 B c, which is B b of base except for:
  metadata.name: "b" → "c"
+ 2 B d, which is B c above except for:
  b: 2 → 5
+ 3 C e
  x: 1
"#;
        assert_eq!(difference(&old, &new), expected);
    }

    /// Small values of every shape that the comparison distinguishes.
    fn values() -> Vec<Value> {
        let texts = ["", "a", "--a=1", "--a=2", "a\n", "a\nb\n", "b\na", "1 → 2"];
        let mut items: Vec<Value> = texts.map(Value::from).into();
        let others = json!([
            null, 1, [], {}, {"a": 1}, {"a.b": 1}, {"a": {"b": 1}}, {"name": "a"}, {"name": "b"},
            {"name": "a", "b": 1}, {"name": "a", "b": {"c": "a"}}, ["a"], [["a"]],
        ]);
        items.extend(others.as_array().unwrap().clone());
        let mut values = items.clone();
        for one in &items {
            values.push(json!([one]));
            values.push(json!({"a": one, "b": "x"}));
            for other in &items {
                values.push(json!([one, other]));
            }
        }
        for one in &items[6..] {
            values.extend(["a", "--a=1"].map(|text| json!([text, one, text])));
            values.extend(["a", "--a=1"].map(|text| json!([one, one, text, one])));
        }
        values.sort_by_key(Value::to_string);
        values.dedup();
        values
    }

    /// A golden that is a difference shows every change of its case.
    #[test]
    fn different_documents_have_different_differences() {
        let values = values();
        for base in values.iter().step_by(5) {
            let base = of(json!({"spec": base}));
            let mut seen = BTreeMap::new();
            for value in &values {
                let text = difference(&base, &of(json!({"spec": value})));
                let before = seen.insert(text, value);
                assert_eq!(before, None, "{base:?}: {value} has the same difference");
            }
        }
    }

    /// A golden shows every added, removed and reordered document.
    #[test]
    fn different_lists_have_different_differences() {
        let all = [("A a", 1), ("A a", 2), ("A b", 1), ("B a", 1), ("B a", 3)];
        let all =
            all.map(|(title, a)| (title.to_owned(), json!({"a": a, "b": [], "c": {}, "d": 1})));
        let mut lists: Vec<Vec<Document>> = vec![Vec::new()];
        for _ in 0..3 {
            let longer = lists.iter().flat_map(|list| {
                let more = all
                    .iter()
                    .filter(|(title, _)| list.iter().all(|(t, _)| t != title));
                more.map(|one| [&list[..], std::slice::from_ref(one)].concat())
            });
            let longer: Vec<_> = longer.collect();
            lists.extend(longer);
        }
        lists.sort_by_key(|list| format!("{list:?}"));
        lists.dedup();
        for base in &lists {
            let texts: BTreeSet<String> = lists.iter().map(|list| difference(base, list)).collect();
            assert_eq!(texts.len(), lists.len(), "{base:?}");
        }
    }
}
