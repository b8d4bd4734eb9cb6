//! Whose alerts are sent, and what is recorded: by the mode, and by who else evaluates a rule.

use serde_json::{Value, json};

use crate::case::Case;
use crate::world;

/// What is mounted of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mounted {
    Plain,
    /// With the label by which its alerts are dropped.
    Shadowed,
    Nothing,
}

use Mounted::{Nothing, Plain, Shadowed};

/// Mode; whether a Prometheus evaluates the rule as well; what is mounted of alerts, and of recording
/// rules.
const TABLE: [(Option<&str>, bool, Mounted, Mounted); 8] = [
    (Some("Active"), false, Plain, Plain),
    (Some("Active"), true, Plain, Plain),
    (Some("Shadow"), false, Shadowed, Plain),
    (Some("Shadow"), true, Shadowed, Nothing),
    (Some("ShadowOverlapping"), false, Plain, Plain),
    (Some("ShadowOverlapping"), true, Shadowed, Nothing),
    (None, false, Plain, Plain),
    (None, true, Shadowed, Nothing),
];

const ALERT: &str = "alert";
const RECORD: &str = "record";

fn rule(kind: &str) -> Value {
    json!({kind: format!("{kind}:it"), "expr": "up == 0"})
}

fn mounted(case: &Case, kind: &str) -> Mounted {
    let files = case.rule_files();
    let files = files.values().flat_map(|files| files.values());
    let text: String = files.map(|text| text.as_str().unwrap()).collect();
    match text.contains(&format!("- {kind}: \"{kind}:it\"")) {
        false => Nothing,
        true if text.contains("\"thanos_shadow\": \"true\"") => Shadowed,
        true => Plain,
    }
}

fn case(mode: Option<&str>, overlapping: bool, rules: &[Value]) -> Case {
    let mut spec = json!({"ruleSelector": {}});
    if let Some(mode) = mode {
        spec["mode"] = json!(mode);
    }
    let objects = overlapping.then(world::prometheus);
    let case = Case::of(spec).with(objects);
    case.with([world::rule("one", &json!(rules))])
}

#[test]
fn what_is_mounted_follows_from_mode_overlap_and_kind() {
    for (mode, overlapping, alert, record) in TABLE {
        let what = format!("{mode:?}, overlapping: {overlapping}");
        for (kind, expected) in [(ALERT, alert), (RECORD, record)] {
            let alone = case(mode, overlapping, &[rule(kind)]);
            assert_eq!(mounted(&alone, kind), expected, "{what}: {kind}");
        }
        let both = case(mode, overlapping, &[rule(ALERT), rule(RECORD)]);
        assert_eq!(mounted(&both, ALERT), alert, "{what}: an alert of both");
        assert_eq!(
            mounted(&both, RECORD) == Nothing,
            record == Nothing,
            "{what}: a record of both"
        );
        let counts = both.status().rules.unwrap();
        let told = (counts.evaluated, counts.shadowed, counts.left_out);
        let left_out = i32::from(record == Nothing);
        let shadowed = i32::from(alert == Shadowed);
        assert_eq!(told, (2 - left_out, shadowed, left_out), "{what}");
        let overlaps = both.status().overlaps_total;
        assert_eq!(overlaps, Some(i32::from(overlapping)), "{what}");
    }
}

/// Rule files in ConfigMaps are read by nobody else; the mode counts all the same.
#[test]
fn rules_in_config_maps_overlap_with_nobody() {
    for (mode, expected) in [
        ("Active", Plain),
        ("Shadow", Shadowed),
        ("ShadowOverlapping", Plain),
    ] {
        let file = json!({"groups": [{"name": "g", "rules": [rule(ALERT)]}]}).to_string();
        let map = json!({
            "kind": "ConfigMap",
            "metadata": {"name": "own", "labels": {"operator.thanos.io/prometheus-rule": "true"}},
            "data": {"rules.yaml": file},
        });
        let case = Case::of(json!({"mode": mode})).with([map, world::prometheus()]);
        assert_eq!(mounted(&case, ALERT), expected, "{mode}");
    }
}

/// Which Prometheuses and ThanosRulers evaluate a rule: those that have pods and select it.
#[test]
fn others_evaluate_what_they_select() {
    let selecting = |kind: &str, spec: Value| json!({"kind": kind, "metadata": {"name": "other"}, "spec": spec});
    for (other, expected) in [
        (
            selecting("Prometheus", json!({"ruleSelector": {}})),
            Shadowed,
        ),
        (selecting("Prometheus", json!({})), Plain),
        (
            selecting("Prometheus", json!({"ruleSelector": {}, "replicas": 0})),
            Plain,
        ),
        (
            selecting(
                "Prometheus",
                json!({"ruleSelector": {"matchLabels": {"a": "b"}}}),
            ),
            Plain,
        ),
        (
            selecting(
                "ThanosRuler",
                json!({"ruleSelector": {}, "queryEndpoints": ["q"]}),
            ),
            Shadowed,
        ),
    ] {
        let case = case(None, false, &[rule(ALERT)]).with([other.clone()]);
        assert_eq!(mounted(&case, ALERT), expected, "{other}");
    }
}

/// Who may not be read may evaluate everything or nothing: better told twice than never.
#[test]
fn while_it_is_unknown_who_evaluates_a_rule_its_alerts_are_sent() {
    for kind in ["Prometheus", "ThanosRuler"] {
        let mut case = case(None, false, &[rule(ALERT)]);
        case.capabilities
            .insert(kind.to_owned(), "Forbidden".to_owned());
        assert_eq!(mounted(&case, ALERT), Plain, "{kind}");
        let (status, _, message) = case.condition("RulesAccepted");
        assert!(status == "True" && message.contains(kind), "{message}");
    }
}
