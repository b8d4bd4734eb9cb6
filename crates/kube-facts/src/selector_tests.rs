use super::*;
use crate::testing::{labels, parse, selector};

fn expression(key: &str, operator: &str, values: &[&str]) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: key.to_owned(),
            operator: operator.to_owned(),
            values: Some(values.iter().map(|v| (*v).to_owned()).collect()),
        }]),
        ..Default::default()
    }
}

#[test]
fn unset_selector_selects_nothing_and_empty_selector_everything() {
    let any = labels(&[("a", "1")]);
    assert!(!selects(None, &any));
    assert!(selects(Some(&LabelSelector::default()), &any));
    assert!(matches(&LabelSelector::default(), &labels(&[])));
}

#[test]
fn operators_match_present_other_and_absent_labels() {
    let present = labels(&[("a", "1")]);
    let other = labels(&[("a", "2")]);
    let absent = labels(&[("b", "1")]);
    for (selector, expected) in [
        (selector(&[("a", "1")]), [true, false, false]),
        (expression("a", "In", &["0", "1"]), [true, false, false]),
        (expression("a", "NotIn", &["0", "1"]), [false, true, true]),
        (expression("a", "Exists", &[]), [true, true, false]),
        (expression("a", "DoesNotExist", &[]), [false, false, true]),
    ] {
        validate(&selector).unwrap();
        let found = [&present, &other, &absent].map(|labels| matches(&selector, labels));
        assert_eq!(found, expected, "{selector:?}");
    }
}

#[test]
fn all_requirements_must_be_met() {
    let both = LabelSelector {
        match_labels: Some(labels(&[("a", "1")])),
        ..expression("b", "Exists", &[])
    };
    assert!(matches(&both, &labels(&[("a", "1"), ("b", "")])));
    assert!(!matches(&both, &labels(&[("a", "1")])));
    assert!(!matches(&both, &labels(&[("b", "")])));
    assert_eq!(count_missing(&both, &labels(&[("b", "")])), 1);
    assert_eq!(count_missing(&both, &labels(&[])), 2);
    assert_eq!(count_missing(&both, &labels(&[("a", "1"), ("b", "")])), 0);
}

#[test]
fn malformed_expression_is_reported_and_selects_nothing() {
    let any = labels(&[("a", "1")]);
    for (selector, field, hint) in [
        (
            expression("a", "in", &["1"]),
            "matchExpressions[0].operator",
            "use In, NotIn",
        ),
        (
            expression("a", "In", &[]),
            "matchExpressions[0].values",
            "at least one value",
        ),
        (
            expression("b", "NotIn", &[]),
            "matchExpressions[0].values",
            "at least one value",
        ),
        (
            expression("a", "Exists", &["1"]),
            "matchExpressions[0].values",
            "takes no values",
        ),
        (
            expression("b", "DoesNotExist", &["1"]),
            "matchExpressions[0].values",
            "takes no values",
        ),
    ] {
        let error = validate(&selector).unwrap_err();
        assert_eq!(error.field, field);
        assert!(
            error.to_string().starts_with(&format!("{field}: ")),
            "{error}"
        );
        assert!(error.problem.contains(hint), "{error}");
        assert!(!matches(&selector, &any), "{selector:?}");
    }
}

#[test]
fn keys_and_values_must_be_valid_labels() {
    let long = "x".repeat(NAME_MAX);
    let too_long = "x".repeat(NAME_MAX + 1);
    let prefix = "x".repeat(PREFIX_MAX);
    let prefix_too_long = "x".repeat(PREFIX_MAX + 1);
    for key in [
        "a",
        "A.b_c-9",
        "x.io/a",
        "a-b.c/D",
        &long,
        &format!("{prefix}/a"),
    ] {
        assert_eq!(validate(&selector(&[(key, "")])), Ok(()), "{key}");
    }
    for key in [
        "",
        "/",
        "a/",
        "/a",
        "a/b/c",
        "-a",
        "a-",
        "ä",
        "a b",
        "X.io/a",
        ".x/a",
        "x./a",
        "x..y/a",
        "-x/a",
        "x-/a",
        "x_y/a",
        &too_long,
        &format!("{prefix_too_long}/a"),
    ] {
        let error = validate(&selector(&[(key, "")])).unwrap_err();
        assert_eq!(error.field, format!("matchLabels[{key}]"));
        assert!(error.problem.contains("not a label key"), "{error}");
        let error = validate(&expression(key, "Exists", &[])).unwrap_err();
        assert_eq!(error.field, "matchExpressions[0].key");
    }
    for value in ["", "a", "1.2_3-4", &long] {
        assert_eq!(
            validate(&expression("a", "In", &["ok", value])),
            Ok(()),
            "{value}"
        );
    }
    for value in ["-a", "a_", "a/b", " ", &too_long] {
        let error = validate(&expression("a", "In", &["ok", value])).unwrap_err();
        assert_eq!(error.field, "matchExpressions[0].values[1]");
        assert!(error.problem.contains("not a label value"), "{error}");
        assert_eq!(
            validate(&selector(&[("a", value)])).unwrap_err().field,
            "matchLabels[a]"
        );
    }
}

#[test]
fn service_without_selector_selects_nothing() {
    let pod = labels(&[("a", "1"), ("b", "2")]);
    assert!(service_selects(&labels(&[("a", "1")]), &pod));
    assert!(service_selects(&pod, &pod));
    assert!(!service_selects(&labels(&[("a", "1"), ("c", "3")]), &pod));
    assert!(!service_selects(&labels(&[("a", "2")]), &pod));
    assert!(!service_selects(&labels(&[]), &pod));
}

#[test]
fn requirements_are_displayed_as_in_kubectl() {
    let selector: LabelSelector = parse(
        r#"{"matchLabels": {"a": "1"}, "matchExpressions": [
            {"key": "b", "operator": "In", "values": ["2", "3"]},
            {"key": "c", "operator": "NotIn", "values": ["4"]},
            {"key": "d", "operator": "Exists"},
            {"key": "e", "operator": "DoesNotExist"},
            {"key": "f", "operator": "Gt", "values": ["5"]}]}"#,
    );
    let written: Vec<String> = requirements(&selector).map(|r| r.to_string()).collect();
    assert_eq!(
        written,
        ["a=1", "b in (2,3)", "c notin (4)", "d", "!e", "f Gt (5)"]
    );
}
