//! Active, shadowed and omitted rules, by the mode and by overlap with other evaluators.

use jiff::Timestamp;
use operator_runtime::Reconciler;
use plan_testing::Case as _;
use plan_testing::objects::NAMESPACE;
use serde_json::{Value, json};
use thanos_ruler_controller::RulerController;
use thanos_ruler_controller::stores::Stores;

use crate::case::Case;
use crate::case::world;

/// How a rule is mounted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mounted {
    Plain,
    /// With the label of shadowed alerts.
    Shadowed,
    Nothing,
}

use Mounted::{Nothing, Plain, Shadowed};

/// Mode, overlap with a Prometheus, and how alerting and recording rules are mounted.
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
    let case = Case::of(spec).with([world::rule("one", &json!(rules))]);
    match overlapping {
        true => case
            .with([world::prometheus()])
            .evaluated_by("Prometheus k8s", &["one"]),
        false => case,
    }
}

#[test]
fn rules_are_mounted_by_mode_overlap_and_kind() {
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
        let counts = (counts.evaluated, counts.shadowed, counts.left_out);
        let left_out = i32::from(record == Nothing);
        let shadowed = i32::from(alert == Shadowed);
        assert_eq!(counts, (2 - left_out, shadowed, left_out), "{what}");
        let overlaps = both.status().overlaps_total;
        assert_eq!(overlaps, Some(i32::from(overlapping)), "{what}");
    }
}

/// No other evaluator reads rule files in ConfigMaps; the mode applies to them as well.
#[test]
fn rules_in_config_maps_never_overlap() {
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

/// Prometheuses and ThanosRulers evaluate what is in their rule files while they have pods.
#[test]
fn evidence_of_overlap_is_the_rule_file_of_an_evaluator_with_pods() {
    let other = |kind: &str, mut spec: Value| {
        if kind == "Prometheus" && spec["unmanaged"].is_null() {
            spec["podMonitorSelector"] = json!({});
        }
        json!({"kind": kind, "metadata": {"name": "other"}, "spec": spec})
    };
    for (other, has_it, expected) in [
        (
            other("Prometheus", json!({"ruleSelector": {}})),
            true,
            Shadowed,
        ),
        // An unmanaged Prometheus may not load the rule files.
        (
            other("Prometheus", json!({"ruleSelector": {}, "unmanaged": true})),
            true,
            Plain,
        ),
        // Selected and rejected by Prometheus Operator.
        (
            other("Prometheus", json!({"ruleSelector": {}})),
            false,
            Plain,
        ),
        // No longer selected, and still in the rule file.
        (other("Prometheus", json!({})), true, Shadowed),
        (
            other("Prometheus", json!({"ruleSelector": {}, "replicas": 0})),
            true,
            Plain,
        ),
        (
            other(
                "ThanosRuler",
                json!({"ruleSelector": {}, "queryEndpoints": ["q"]}),
            ),
            true,
            Shadowed,
        ),
        (
            other("ThanosRuler", json!({"ruleSelector": {}})),
            true,
            Plain,
        ),
    ] {
        let mut case = case(None, false, &[rule(ALERT)]).with([other.clone()]);
        if has_it {
            let kind = other["kind"].as_str().unwrap();
            case = case.evaluated_by(&format!("{kind} other"), &["one"]);
        }
        assert_eq!(mounted(&case, ALERT), expected, "{has_it}: {other}");
    }
    // The ConfigMap outlives its owner.
    let case = case(None, false, &[rule(ALERT)]).evaluated_by("Prometheus gone", &["one"]);
    assert_eq!(mounted(&case, ALERT), Plain);
}

#[test]
fn rules_that_a_prometheus_selects_and_does_not_evaluate_are_active_and_reported() {
    let reason = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": "one.1", "namespace": NAMESPACE},
        "involvedObject": {"kind": "PrometheusRule", "name": "one", "uid": "uid-of-one"},
        "reason": "InvalidConfiguration", "message": "one was rejected: invalid rule",
    });
    let case = case(None, false, &[rule(ALERT), rule(RECORD)]).with([world::prometheus()]);
    let missed = |case: &Case| case.status().not_evaluated_elsewhere;
    assert_eq!(
        (mounted(&case, ALERT), mounted(&case, RECORD)),
        (Plain, Plain)
    );
    let [found] = &missed(&case)[..] else {
        panic!("{:?}", missed(&case));
    };
    let place = [&found.prometheus_rule, &found.selected_by];
    assert_eq!(place, ["monitoring/one", "Prometheus monitoring/k8s"]);
    assert_eq!(case.status().overlaps_total, Some(0));

    let explained = case.with([reason]);
    let message = missed(&explained)[0].message.clone();
    assert!(
        message.ends_with("Prometheus Operator reports: one was rejected: invalid rule"),
        "{message}"
    );
    // Events expire.
    let mut later = case.clone();
    later.status = serde_json::to_value(explained.status()).unwrap();
    assert_eq!(missed(&later)[0].message, message);
    let warning_events = RulerController::warning_events(
        &explained.seen(),
        &case.ruler().status.unwrap_or_default(),
        &explained.status(),
    );
    let [event] = &warning_events[..] else {
        panic!("{warning_events:?}");
    };
    assert_eq!(event.about.uid.as_deref(), Some("uid-of-one"));
    assert!(event.note.contains("invalid rule"), "{}", event.note);
    let status = explained.status();
    let again = RulerController::warning_events(&explained.seen(), &status, &status);
    assert_eq!(again, []);
}

/// Prometheus Operator is down or paused while a PrometheusRule gets one more alert: the Prometheus keeps
/// evaluating its current file.
#[test]
fn a_rule_missing_from_the_rule_file_is_active_and_the_others_stay_shadowed() {
    let more = json!({"alert": "More", "expr": "up == 0"});
    let before = case(None, true, &[rule(ALERT), rule(RECORD)]);
    let file = before.generated();
    let mut after = case(None, false, &[rule(ALERT), rule(RECORD), more]);
    after = after.with([world::prometheus(), file]);
    let counts = after.status().rules.unwrap();
    assert_eq!(
        (counts.evaluated, counts.shadowed, counts.left_out),
        (2, 1, 1)
    );
    let status = after.status();
    assert_eq!(status.overlaps_total, Some(1));
    let message = &status.not_evaluated_elsewhere[0].message;
    assert!(message.contains("lack 1 of its rules"), "{message}");
}

/// Shadowing without evidence is bounded, and never interrupts an active rule.
#[test]
fn new_rules_are_shadowed_for_a_bounded_time_without_evidence() {
    let nothing = Case::of(json!({"ruleSelector": {}})).with([world::prometheus()]);
    let one = nothing.with([world::rule("one", &json!([rule(ALERT)]))]);
    let mut stores = nothing.loaded();
    let at = |seconds: i64| Timestamp::from_second(1_000_000 + seconds).unwrap();
    let shadowed = |stores: &mut Stores, case: &Case, second: i64| {
        case.load(stores);
        let seen = case.reconcile(stores, at(second));
        let wait = seen.status_inputs.requeue_after.map(|wait| wait.as_secs());
        (seen.status_inputs.rules.counts.shadowed, wait)
    };
    assert_eq!(shadowed(&mut stores, &nothing, 0), (0, None));
    assert_eq!(shadowed(&mut stores, &one, 5), (1, Some(30)));
    assert_eq!(shadowed(&mut stores, &one, 34), (1, Some(1)));
    assert_eq!(shadowed(&mut stores, &one, 35), (0, None));
    let evaluated = one.evaluated_by("Prometheus k8s", &["one"]);
    assert_eq!(shadowed(&mut stores, &evaluated, 40), (1, None));
    // Prometheus Operator deletes the ConfigMap before it creates it again.
    stores.generated = Default::default();
    assert_eq!(shadowed(&mut stores, &one, 41), (1, Some(30)));
    assert_eq!(shadowed(&mut stores, &evaluated, 42), (1, None));
    // A deleted Prometheus ends the wait.
    stores.prometheuses = Default::default();
    let alone =
        Case::of(json!({"ruleSelector": {}})).with([world::rule("one", &json!([rule(ALERT)]))]);
    assert_eq!(shadowed(&mut stores, &alone, 43), (0, None));
    // A Prometheus that begins to select an active rule shadows it only with evidence.
    assert_eq!(shadowed(&mut stores, &one, 44), (1, None));
}

/// Without ConfigMaps overlap is unknown: sending an alert twice is better than never.
#[test]
fn all_alerts_are_active_while_rule_files_are_unreadable() {
    let case = case(None, true, &[rule(ALERT)]);
    let mut stores = case.loaded();
    stores.generated = Default::default();
    stores.generated.deny();
    let seen = case.reconcile(&mut stores, Timestamp::UNIX_EPOCH);
    assert_eq!(seen.status_inputs.rules.counts.shadowed, 0);
    let status = case.status_of(&seen);
    let accepted = status
        .common
        .conditions
        .iter()
        .find(|c| c.type_ == "RulesAccepted");
    let accepted = accepted.unwrap();
    assert_eq!(
        (accepted.status.as_str(), accepted.reason.as_str()),
        ("True", "OverlapUnknown")
    );
    assert!(
        accepted.message.contains("permission to list ConfigMaps"),
        "{}",
        accepted.message
    );
    // Mounted rule files of users stay.
    stores.files.deny();
    let seen = case.reconcile(&mut stores, Timestamp::UNIX_EPOCH);
    assert_eq!(seen.plan_inputs.files, None);
}

/// A Prometheus of another namespace can select rules here, and its rule files are not watched.
#[test]
fn a_controller_limited_to_namespaces_reports_unknown_overlap() {
    let accepted = |mode: Option<&str>, namespaces: &[&str]| {
        let case = case(mode, true, &[rule(ALERT)]);
        let mut stores = case.loaded();
        let seen = case.reconcile_in(namespaces, &mut stores, Timestamp::UNIX_EPOCH);
        let conditions = case.status_of(&seen).common.conditions;
        let accepted = conditions.into_iter().find(|c| c.type_ == "RulesAccepted");
        accepted.unwrap()
    };
    let limited = accepted(None, &["monitoring", "team-b"]);
    assert_eq!(
        (limited.status.as_str(), limited.reason.as_str()),
        ("True", "OverlapUnknown")
    );
    assert!(
        limited.message.contains("only in monitoring, team-b"),
        "{}",
        limited.message
    );
    assert_eq!(accepted(None, &[]).reason, "Accepted");
    // In mode Active overlap does not matter.
    assert_eq!(accepted(Some("Active"), &["monitoring"]).reason, "Accepted");
}

/// Rule files count even if the controller cannot read their Prometheus or ThanosRuler.
#[test]
fn rule_files_of_unreadable_evaluators_are_evidence() {
    for kind in ["Prometheus", "ThanosRuler"] {
        let mut case = case(None, false, &[rule(ALERT)]);
        case.capabilities
            .insert(kind.to_owned(), "Forbidden".to_owned());
        assert_eq!(mounted(&case, ALERT), Plain, "{kind}");
        let case = case.evaluated_by(&format!("{kind} x"), &["one"]);
        assert_eq!(mounted(&case, ALERT), Shadowed, "{kind}");
    }
}
