//! Mounted rule files: Thanos accepts them, they are complete, and tenants are enforced.

use std::collections::{BTreeMap, BTreeSet};

use operator_runtime::{ProbeResults, Reconciler};
use plan_testing::Case as _;
use serde_json::{Map, Value, json};
use thanos_ruler_controller::RulerController;
use thanos_ruler_controller::rules::pack;
use thanos_rules::{Checked, Dialect, check, enforce, read_file, write};

use crate::case::Case;
use crate::case::problems::flag;
use crate::case::world::{self, Set};

/// The dialect of the rulers of a case, from the image and arguments of their pods.
fn dialect(case: &Case) -> Dialect {
    let set = case.stateful_set();
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let image = container["image"].as_str().unwrap();
    let args = container["args"].as_array().unwrap();
    let args = args.iter().filter_map(Value::as_str);
    Dialect::of_version(image.rsplit_once(':').unwrap().1).with_arguments(args)
}

fn files(case: &Case) -> impl Iterator<Item = (String, String)> {
    let maps = case.rule_files();
    let files = maps.into_values().flat_map(Map::into_iter);
    files.map(|(name, text)| (name, text.as_str().unwrap().to_owned()))
}

/// The checked groups of a file.
fn groups(name: &str, text: &str, dialect: &Dialect) -> Vec<Checked> {
    let read = read_file(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let checked = read.into_iter().map(|read| {
        let group = read.group.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        check(&group, dialect).unwrap_or_else(|e| panic!("{name}: {e:?}"))
    });
    checked.collect()
}

#[test]
fn every_mounted_file_is_accepted() {
    let mut seen = 0;
    for (case_name, case) in Case::all() {
        let dialect = dialect(&case);
        let (mut groups_there, mut rules) = (0, 0);
        let mut names = BTreeSet::new();
        for (name, text) in files(&case) {
            let what = format!("{case_name}: {name}");
            // The glob of the flag matches no name that begins with a dot.
            assert!(name.ends_with(".yaml") && !name.starts_with('.'), "{what}");
            assert!(names.insert(name.clone()), "{what} exists twice");
            let groups = groups(&what, &text, &dialect);
            assert!(!groups.is_empty(), "{what} has no group");
            assert_eq!(write(&groups).unwrap(), text, "{what}");
            groups_there += groups.len();
            rules += groups.iter().map(|g| g.rules().count()).sum::<usize>();
            seen += 1;
        }
        // Counts of unreadable rules stay as they were.
        if case.seen().plan_inputs.rules.is_some() {
            let counts = case.status().rules.unwrap();
            let counts = (counts.groups as usize, counts.evaluated as usize);
            assert_eq!(counts, (groups_there, rules), "{case_name}");
        }
    }
    assert!(seen > 20, "only {seen} files were read");
}

/// Enforcing the tenant again changes nothing: every selector has the matcher already.
#[test]
fn every_mounted_group_is_restricted_to_one_tenant() {
    let mut kept = 0;
    for (case_name, case) in Case::all() {
        let Some(config) = case.ruler().spec.rule_tenancy_config else {
            continue;
        };
        let label = config.enforced_tenant_identifier;
        let label = label.unwrap_or_else(|| "tenant_id".to_owned());
        let dialect = dialect(&case);
        for (name, text) in files(&case) {
            for group in groups(&name, &text, &dialect) {
                let rules = &group.group().rules;
                let tenants: BTreeSet<_> = rules.iter().map(|r| r.labels.get(&label)).collect();
                let tenants: Vec<_> = tenants.into_iter().collect();
                let [Some(tenant)] = tenants[..] else {
                    panic!("{case_name}: {name}: tenants {tenants:?}");
                };
                let again = enforce(&group, &dialect, &label, tenant).unwrap();
                assert_eq!(again, group, "{case_name}: {name}");
                kept += 1;
            }
        }
    }
    assert!(kept > 4, "only {kept} groups have tenants");
}

/// A ruler with exactly these files has loaded all rules; one that lacks a group has not.
#[test]
fn rulers_that_have_the_files_have_loaded_them() {
    let mut compared = 0;
    for (name, mut case) in Case::all() {
        case.set = Some(Set {
            replicas: 1,
            ..Set::default()
        });
        let dialect = dialect(&case);
        let line = |file: &str, group: &Checked| {
            let (name, rules) = (group.name(), group.rules().count());
            let labels = format!("file=\"/etc/thanos/rules/{file}\",group=\"{name}\"");
            format!("thanos_rule_loaded_rules{{{labels},strategy=\"ABORT\"}} {rules}")
        };
        let of_file = |(file, text): (String, String)| {
            let groups = groups(&file, &text, &dialect).into_iter();
            groups.map(move |group| line(&file, &group))
        };
        let mut lines: Vec<String> = files(&case).flat_map(of_file).collect();
        let observed = case.seen().plan_inputs;
        if lines.is_empty() || observed.rules.is_none() || observed.files.is_none() {
            continue;
        }
        lines.push("thanos_rule_config_last_reload_successful 1".to_owned());
        assert_eq!(loaded(&case, &lines), Some(true), "{name}");
        lines.remove(0);
        assert_eq!(loaded(&case, &lines), None, "{name}");
        compared += 1;
    }
    assert!(compared > 5, "only {compared} cases have rules");
}

fn loaded(case: &Case, metrics: &[String]) -> Option<bool> {
    let seen = case.seen_with(&ProbeResults::default());
    let probes = RulerController::probes(&seen);
    let [probe] = &probes[..] else {
        panic!("expected one probe: {probes:?}");
    };
    let mut answers = ProbeResults::default();
    let text = metrics.join("\n") + "\n";
    answers.remember(&probe.url, probe.read.text(&text));
    case.seen_with(&answers).status_inputs.loaded.0
}

#[test]
fn bad_group_is_rejected_and_others_stay_loaded() {
    let alert = json!([{"alert": "A", "expr": "up == 0"}]);
    let good = |i: usize| world::rule(&format!("good-{i}"), &alert);
    let base = Case::of(json!({"ruleSelector": {}})).with((0..5).map(good));
    let before = base.rule_files();
    for bad in [
        json!([{"alert": "A", "expr": "sum("}]),
        json!([{"alert": "A"}]),
        json!("rules"),
        json!([17]),
        json!([{"alert": "A", "expr": "up", "for": "never"}]),
        json!([{"alert": "A", "expr": "up", "annotations": {"a": "{{"}}]),
    ] {
        let case = base.with([world::rule("bad", &bad)]);
        assert_eq!(case.rule_files(), before, "{bad}");
        let status = case.status();
        assert_eq!(status.rules.unwrap().rejected, 1, "{bad}");
        assert_eq!(
            status.rejected_rules[0].subject,
            "PrometheusRule monitoring/bad"
        );
    }
}

/// The message has the name and size of each file; all other files are mounted.
#[test]
fn files_without_room_are_rejected() {
    let bulk = |objects| world::Bulk {
        objects,
        groups: 1,
        bytes: 500_000,
    };
    let case = Case {
        bulk: Some(bulk(pack::RULES + 3)),
        ..Case::of(json!({"ruleSelector": {}}))
    };
    let maps = case.rule_files();
    assert_eq!(maps.len(), pack::RULES);
    for (name, files) in &maps {
        let bytes: usize = files
            .iter()
            .map(|(k, v)| k.len() + v.to_string().len())
            .sum();
        assert!(bytes < 1 << 20, "{name} has {bytes} bytes");
    }
    let status = case.status();
    let (counts, rejected) = (status.rules.unwrap(), status.rejected_rules);
    assert_eq!((counts.rejected, rejected.len()), (3, 3));
    let message = &rejected[0].message;
    assert!(message.contains("no room"), "{message}");
    assert_eq!(files(&case).count(), pack::RULES);
    let (status, reason, _) = case.condition("RulesAccepted");
    assert_eq!(
        (status.as_str(), reason.as_str()),
        ("False", "SomeRejected")
    );
}

/// Adding, changing or deleting one of many objects is one write.
#[test]
fn a_change_of_one_prometheus_rule_changes_one_config_map() {
    let rule = |i: usize, expr: &str| {
        world::rule(&format!("rule-{i}"), &json!([{"alert": "A", "expr": expr}]))
    };
    let some = |range: std::ops::Range<usize>| -> Vec<Value> {
        range.map(|i| rule(i, "up == 0")).collect()
    };
    let case = |rules: Vec<Value>| Case::of(json!({"ruleSelector": {}})).with(rules).bodies();
    let before = case(some(0..40));
    let mut edited = some(0..40);
    edited[17] = rule(17, "up == 1");
    let mut without = some(0..40);
    without.remove(17);
    for (what, after) in [
        ("one changed", case(edited)),
        ("one added", case(some(0..41))),
        ("one deleted", case(without)),
    ] {
        let by_name = |objects: &[Value]| -> BTreeMap<String, Value> {
            let name = |o: &Value| format!("{} {}", o["kind"], o["metadata"]["name"]);
            objects.iter().map(|o| (name(o), o.clone())).collect()
        };
        let (before, after) = (by_name(&before), by_name(&after));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differ = names.iter().filter(|n| before.get(**n) != after.get(**n));
        let differ: Vec<_> = differ.collect();
        assert_eq!(differ.len(), 1, "{what}: {differ:?}");
        assert!(differ[0].contains("-rules-"), "{what}: {differ:?}");
    }
}

/// One glob covers all rule files, so their number restarts no pod.
#[test]
fn the_rule_file_flag_is_one_glob() {
    for (name, case) in Case::all() {
        let set = case.stateful_set();
        let containers = &set["spec"]["template"]["spec"]["containers"];
        assert_eq!(
            flag(&containers[0], "rule-file"),
            ["/etc/thanos/rules/*.yaml"],
            "{name}"
        );
    }
}
