use serde_json::{Value, json};

use super::{float, resolve, tagged};

#[test]
fn scalars_resolve_as_in_go() {
    for (text, expected) in [
        ("", Value::Null),
        ("~", Value::Null),
        ("NULL", Value::Null),
        ("nUll", json!("nUll")),
        ("yes", json!(true)),
        ("y", json!(true)),
        ("Off", json!(false)),
        ("tRue", json!("tRue")),
        ("010", json!(8)),
        ("0755", json!(493)),
        ("-0755", json!(-493)),
        ("08", json!(8.0)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("0X1f", json!(31)),
        ("0x", json!("0x")),
        ("0x-1", json!("0x-1")),
        ("0b101", json!(5)),
        ("0b-1", json!(-1)),
        ("0b2", json!("0b2")),
        ("1_", json!(1)),
        ("0_1", json!(1)),
        ("0x_1", json!(1)),
        ("1__0", json!(10)),
        ("_1", json!("_1")),
        ("+5", json!(5)),
        ("+-5", json!("+-5")),
        ("-", json!("-")),
        ("1_000.5", json!(1000.5)),
        ("1.", json!(1.0)),
        ("1e3", json!(1000.0)),
        ("1e", json!("1e")),
        ("1e999", json!("1e999")),
        (".5", json!(0.5)),
        (".5_0", json!(0.5)),
        (".5_", json!(".5_")),
        (".", json!(".")),
        (".inf", json!(".inf")),
        ("+.INF", json!(".inf")),
        ("-.Inf", json!("-.inf")),
        (".NaN", json!(".nan")),
        ("inf", json!("inf")),
        ("1:30", json!("1:30")),
        ("2026-01-02", json!("2026-01-02")),
        ("18446744073709551615", json!(u64::MAX)),
        ("99999999999999999999", json!(1e20)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("1.2.3", json!("1.2.3")),
        ("5m", json!("5m")),
    ] {
        assert_eq!(resolve(text), expected, "{text}");
    }
}

#[test]
fn tagged_value_must_match_its_tag() {
    for (tag, text, expected) in [
        ("str", "010", Some(json!("010"))),
        ("int", "010", Some(json!(8))),
        ("int", "1.5", None),
        ("int", "x", None),
        ("float", "1", Some(json!(1.0))),
        ("float", ".inf", Some(json!(".inf"))),
        ("float", "x", None),
        ("bool", "on", Some(json!(true))),
        ("bool", "1", None),
        ("null", "", Some(Value::Null)),
        ("null", "x", None),
    ] {
        assert_eq!(tagged(tag, text), expected, "!!{tag} {text}");
    }
}

#[test]
fn floats_are_formatted_as_in_go() {
    for (value, expected) in [
        (1.0, "1"),
        (1.5, "1.5"),
        (-0.0, "-0"),
        (100_000.0, "100000"),
        (999_999.5, "999999.5"),
        (1e6, "1e+06"),
        (1_000_000.5, "1.0000005e+06"),
        (2.1e6, "2.1e+06"),
        (0.0001, "0.0001"),
        (0.000_012, "1.2e-05"),
        (-1e100, "-1e+100"),
    ] {
        assert_eq!(float(value), expected);
    }
}
