use proptest::prelude::*;

use super::write;
use crate::testing::checked;
use crate::{Checked, Group, Rule, read_file};

#[test]
fn a_file_has_all_fields() {
    let rule = |name: &str, expr: &str| Rule {
        record: name.to_owned(),
        expr: expr.to_owned(),
        ..Rule::default()
    };
    let mut alert = Rule {
        alert: "Down".to_owned(),
        expr: "up == 0\nand\n  foo\n".to_owned(),
        for_: Some("5m".to_owned()),
        ..Rule::default()
    };
    alert.labels.insert("severity".to_owned(), "yes".to_owned());
    alert
        .annotations
        .insert("summary".to_owned(), "a\n\nb".to_owned());
    let group = Group {
        name: "a \"group\"".to_owned(),
        interval: Some("1m".to_owned()),
        limit: Some(3),
        rules: vec![rule("one", "1"), alert],
        ..Group::default()
    };
    let expected = r#"groups:
- name: "a \"group\""
  interval: "1m"
  limit: 3
  rules:
  - record: "one"
    expr: "1"
  - alert: "Down"
    expr: |
      up == 0
      and
        foo
    for: "5m"
    labels:
      "severity": "yes"
    annotations:
      "summary": |-
        a

        b
"#;
    assert_eq!(write([&Checked(group)]).unwrap(), expected);
}

#[test]
fn a_file_without_groups_is_valid() {
    assert_eq!(write([]).unwrap(), "groups: []\n");
    assert_eq!(read_file("groups: []\n"), Ok(Vec::new()));
}

#[test]
fn duplicate_group_names_are_rejected() {
    let group = Checked(Group {
        name: "a".to_owned(),
        ..Group::default()
    });
    assert!(write([&group, &group]).is_err());
}

proptest! {
    #[test]
    fn a_written_file_reads_back_equal(group in checked()) {
        let file = write([&group]).unwrap();
        let mut read = read_file(&file).unwrap();
        prop_assert_eq!(read.len(), 1, "{}", file);
        prop_assert_eq!(&read.remove(0).group.unwrap(), group.group(), "{}", file);
        prop_assert!(group.size() + 20 >= file.len() / 3);
    }

    #[test]
    fn packing_and_unpacking_gives_the_same_group(group in checked()) {
        prop_assert_eq!(Checked::unpack(&group.pack()), Some(group));
    }
}

/// Go reads them as line breaks, or drops them at the beginning of a line.
#[test]
fn line_separators_are_escaped() {
    let rule = Rule {
        record: "a\u{2028}b".to_owned(),
        expr: "vector(1)\n\u{feff}# x\u{2029}\n".to_owned(),
        ..Rule::default()
    };
    let group = Checked(Group {
        name: "g".to_owned(),
        rules: vec![rule],
        ..Group::default()
    });
    let file = write([&group]).unwrap();
    assert!(file.is_ascii(), "{file}");
    let mut read = read_file(&file).unwrap();
    assert_eq!(&read.remove(0).group.unwrap(), group.group(), "{file}");
}
