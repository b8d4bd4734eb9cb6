use proptest::prelude::*;
use serde_json::{Value, json};

use super::documents;
use crate::Error;

fn read(text: &str) -> Result<Vec<Value>, Error> {
    documents(text)
        .map(|document| document?.to_value())
        .collect()
}

/// The only document of a text.
fn one(text: &str) -> Value {
    let mut all = read(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
    assert_eq!(all.len(), 1, "{text:?}");
    all.remove(0)
}

#[test]
fn merges_apply_in_text_order() {
    let base = "base: &b {a: 1, c: 3}\nmore: &m {a: 2, d: 4}\n";
    for (text, expected) in [
        ("{<<: *b, a: 5}", json!({"a": 5, "c": 3})),
        ("{a: 5, <<: *b}", json!({"a": 1, "c": 3})),
        ("{<<: [*b, *m]}", json!({"a": 1, "c": 3, "d": 4})),
        ("{<<: {a: 7}, e: 1}", json!({"a": 7, "e": 1})),
        ("{<<: *b, <<: *m}", json!({"a": 2, "c": 3, "d": 4})),
        ("{\"<<\": 1}", json!({"<<": 1})),
    ] {
        let value = one(&format!("{base}x: {text}\n"));
        assert_eq!(value["x"], expected, "{text}");
    }
    for text in [
        "{<<: 1}",
        "{<<: []}",
        "{<<: [*b, 1]}",
        "{<<: *b, a: 1, a: 2}",
        "{<<: *b, a: [1]}",
        "{a: {}, <<: *b}",
    ] {
        assert!(read(&format!("{base}x: {text}\n")).is_err(), "{text}");
    }
}

#[test]
fn keys_are_resolved_and_converted_to_strings() {
    let value = one("{on: a, 1.0: b, 0x10: c, 1_000: d, 'on': e}\n");
    let expected = json!({"true": "a", "1": "b", "16": "c", "1000": "d", "on": "e"});
    assert_eq!(value, expected);
    for text in [
        "{16: a, 0x10: b}",
        "{a: 1, 'a': 2}",
        "{[a]: 1}",
        "? {a: b}\n: 1",
        "a: b\n: c",
        "{~: a}",
        "{.nan: a}",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let many = (0..100).map(|i| format!("k{i}: {i}\n")).collect::<String>();
    assert_eq!(one(&many)["k99"], json!(99));
    let error = read(&format!("{many}k50: 1\n")).unwrap_err();
    assert_eq!(
        (error.line, error.what.as_str()),
        (101, "duplicate key \"k50\"; remove one")
    );
}

#[test]
fn missing_final_line_break_is_not_added() {
    assert_eq!(one("a: |\n  x"), json!({"a": "x"}));
    assert_eq!(one("a: |\n  x\n"), json!({"a": "x\n"}));
    assert_eq!(one("a: >+\n  x"), json!({"a": "x"}));
}

#[test]
fn tags_resolve_as_in_go() {
    assert_eq!(one("a: !!str 010"), json!({"a": "010"}));
    assert_eq!(one("a: !mine 010"), json!({"a": "010"}));
    assert_eq!(one("a: !!map {}"), json!({"a": {}}));
    for text in [
        "a: !!binary aGk=",
        "a: !!timestamp 2026-01-02",
        "a: ! 010",
        "a: !!int x",
    ] {
        let error = read(text).unwrap_err();
        assert!(
            error.line == 1 && error.what.contains("tag"),
            "{text}: {error}"
        );
    }
}

#[test]
fn aliases_are_resolved_within_limits() {
    let few = "*a, ".repeat(2000);
    let value = one(&format!(
        "{{a: &a {{b: c}}, more: [{few}], rest: [{}]}}",
        "x,".repeat(1000)
    ));
    assert_eq!(value["more"].as_array().map(Vec::len), Some(2000));
    let mut bomb = "a: &a0 [x]\n".to_owned();
    for i in 0..40 {
        bomb += &format!("b{i}: &a{} [*a{i}, *a{i}, *a{i}, *a{i}]\n", i + 1);
    }
    for text in [
        bomb.as_str(),
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: *none",
        "[&a x]\n---\n[*a]",
    ] {
        assert!(read(text).is_err(), "{text:.40}");
    }
}

#[test]
fn multiple_documents_are_read() {
    let text = "a: 1\n---\n---\nb: 2\n...\n";
    assert_eq!(
        read(text).unwrap(),
        [json!({"a": 1}), Value::Null, json!({"b": 2})]
    );
    assert_eq!(read(""), Ok(vec![]));
    assert_eq!(read("# only a comment\n"), Ok(vec![]));
    let lines: Vec<_> = documents("a: 1\n---\nb: [\n")
        .map(|d| d.map(|d| d.line()))
        .collect();
    assert!(matches!(lines[..], [Ok(1), Err(_)]), "{lines:?}");
}

#[test]
fn errors_have_a_position_and_a_message() {
    for (text, expected) in [
        ("a: [\n", "unclosed bracket or brace"),
        ("a: \"x\n", "unclosed quoted string"),
        ("a:\n\t- b\n", "a tab where spaces are required"),
        ("a: b: c\n", "unexpected colon"),
        ("a: *x\n", "an alias (*) of an anchor (&)"),
        ("a: @b\n", "a plain string cannot start with '@'"),
        ("a: \"\\q\"\n", "an escape that YAML does not allow"),
        ("a: \"\\/\"\n", "an escape of JSON"),
        ("a: \"\\ud83d\\ude00\"\n", "an escape of JSON"),
        ("%YAML 1.2\n---\na: b\n", "a directive"),
        ("a: b\nc\n", "expected `key: value`"),
        ("a: b\n c: d\n", "unexpected colon"),
        ("- a\nb: c\n", "wrong indentation"),
        ("a: !<x\n", "a malformed tag"),
        ("a: \u{0}\n", "the character U+0000"),
        ("a:\n- \tb: c\n", "a tab where"),
        ("\ta: b\n", "a tab where"),
        ("a: b\n\t\n", "a tab where"),
        ("a: b\n\tc\n", "a tab where"),
        ("a: |\n  \tb\n", "a tab where"),
        ("{\"a\nb\": c}", "a key must be on one line"),
        ("a: &b:c d\n", "the name of an anchor"),
        ("{a\n : b}", "a key and its colon"),
        ("{a # b\n : c}", "a key and its colon"),
        ("a: !x#y b\n", "a malformed tag"),
        (
            "# x\n...\na: b\n",
            "document end marker (...) before the first document",
        ),
        ("{a:, b: c}", "inside brackets or braces"),
        ("{a:, b: {c: d}}", "inside brackets or braces"),
        ("[a?b]", "inside brackets or braces"),
        ("a: x\u{2028}y\n", "the character U+2028"),
        ("a: b\n\u{feff}c: d\n", "a byte order mark"),
        ("a: 1\na: 2\n", "duplicate key \"a\""),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.what.contains(expected), "{text:?}: {error}");
        assert!(error.to_string().starts_with("line "), "{error}");
    }
    assert_eq!(one("? a\n: b\n"), json!({"a": "b"}));
    // Other tabs are allowed.
    assert_eq!(
        one("a:\tb\t# c\nd: |\n  x\n  \ty\ne: {\tf: 1,\n\tg: 2}\n"),
        json!({"a": "b", "d": "x\n\ty\n", "e": {"f": 1, "g": 2}})
    );
    // Other byte order marks are ordinary characters.
    assert_eq!(one("\u{feff}a: x\u{feff}"), json!({"a": "x\u{feff}"}));
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,40}", words in "([a-z]{1,3}|[-:{}\\[\\],&*!|>'\"%@`#?~<. \n\t\\\\0-9]|<<: |: |- |\n  ){0,30}") {
        let _ = read(&text);
        let _ = read(&words);
    }

    #[test]
    fn json_keeps_its_meaning(text in "[ -~é\n]{0,20}", number in any::<i64>()) {
        let value = json!({"a": [text, number, null, true], "b": {text.as_str(): {}}});
        prop_assert_eq!(one(&value.to_string()), value);
    }
}
