//! Rules that rulers fail to load, although they were accepted, are held back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use operator_runtime::{ProbeResults, Reconciler};
use plan_testing::Case as _;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosRulerStatus;
use thanos_ruler_controller::rules::held::{RESTARTED, SETTLED};
use thanos_ruler_controller::stores::Stores;
use thanos_ruler_controller::{RulerController, Seen};

use crate::case::Case;
use crate::case::world::{self, Set};

/// A controller, and two rulers whose image loads no rule with this expression.
const BAD: &str = "vector(13)";

struct World {
    case: Case,
    stores: Stores,
    now: Timestamp,
    /// The groups that rulers have loaded, and when.
    loaded: (Vec<String>, Timestamp),
    answers: ProbeResults,
}

fn rule(name: &str, expr: &str) -> Value {
    world::rule(name, &json!([{"alert": "A", "expr": expr}]))
}

/// The files that are mounted.
fn files(seen: &Seen) -> BTreeMap<String, String> {
    let packed = seen.observed.rules.clone().unwrap();
    packed.slots.into_iter().flatten().collect()
}

impl World {
    fn new(rules: &[&str]) -> Self {
        let mut case = Case::of(json!({"ruleSelector": {}}));
        case.objects = rules.iter().map(|name| rule(name, "up")).collect();
        case.set = Some(Set {
            replicas: 2,
            ..Set::default()
        });
        let mut world = Self {
            stores: case.loaded(),
            case,
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            loaded: Default::default(),
            answers: ProbeResults::default(),
        };
        world.run(20);
        world
    }

    fn apply(&mut self, name: &str, expr: &str) {
        let objects = &mut self.case.objects;
        objects.retain(|object| object["metadata"]["name"] != name);
        objects.push(rule(name, expr));
        self.case.load(&mut self.stores);
    }

    /// A new process, which knows the status.
    fn restart(&mut self) {
        self.case.status = json!(self.status());
        self.stores = self.case.loaded();
    }

    /// One reconcile.
    fn observe(&mut self) -> Seen {
        let (answers, stores) = (&self.answers, &mut self.stores);
        self.case.reconcile_with(answers, stores, self.now)
    }

    /// Reconciles and reloads every 10 seconds.
    fn run(&mut self, seconds: u64) -> Seen {
        let until = self.now + std::time::Duration::from_secs(seconds);
        loop {
            let seen = self.observe();
            if self.now >= until {
                return seen;
            }
            self.now += std::time::Duration::from_secs(10);
            self.reload(&seen);
        }
    }

    fn reload(&mut self, seen: &Seen) {
        let files = files(seen);
        let success = !files.values().any(|text| text.contains(BAD));
        if success {
            let line = |(file, text): (&String, &String)| {
                let group = text.lines().find_map(|line| line.strip_prefix("- name: "));
                let group = group.unwrap_or_default().trim_matches('"');
                let labels = format!("file=\"/etc/thanos/rules/{file}\",group=\"{group}\"");
                format!("thanos_rule_loaded_rules{{{labels},strategy=\"ABORT\"}} 1\n")
            };
            self.loaded = (files.iter().map(line).collect(), self.now);
        }
        let text = format!(
            "{}thanos_rule_config_last_reload_successful {}\n\
             thanos_rule_config_last_reload_success_timestamp_seconds {}\n",
            self.loaded.0.concat(),
            u8::from(success),
            self.loaded.1.as_second(),
        );
        for inquiry in RulerController::probes(seen) {
            self.answers
                .remember(&inquiry.url, inquiry.read.text(&text));
        }
    }

    fn status(&mut self) -> ThanosRulerStatus {
        let seen = self.observe();
        self.case.status_of(&seen)
    }

    /// Status, reason and message of a condition.
    fn condition(&mut self, desired: &str) -> (String, String, String) {
        let conditions = self.status().conditions;
        let found = conditions.into_iter().find(|c| c.type_ == desired).unwrap();
        (found.status, found.reason, found.message)
    }

    fn held(&mut self) -> Vec<String> {
        let held = self.status().held_rules;
        held.into_iter().map(|held| held.subject).collect()
    }
}

#[test]
fn rules_that_changed_since_the_last_load_are_held_back_until_one_of_them_changes() {
    let mut world = World::new(&["good", "other"]);
    let (loaded, _, _) = world.condition("RulesLoaded");
    assert_eq!(loaded, "True");
    let before = files(&world.observe());

    world.apply("first", BAD);
    world.apply("beside", "up == 1");
    world.apply("other", BAD);
    let seen = world.run(SETTLED.as_secs() - 10);
    assert_eq!(files(&seen).len(), 4, "all are mounted");
    let (loaded, reason, message) = world.condition("RulesLoaded");
    assert_eq!(
        (loaded.as_str(), reason.as_str()),
        ("False", "ReloadFailed")
    );
    assert!(message.contains("kubectl"), "{message}");

    let seen = world.run(20);
    assert_eq!(files(&seen), before);
    let subjects = ["beside", "first", "other"].map(|n| format!("PrometheusRule monitoring/{n}"));
    assert_eq!(world.held(), subjects);
    let (accepted, reason, message) = world.condition("RulesAccepted");
    assert_eq!(
        (accepted.as_str(), reason.as_str()),
        ("False", "SomeRejected")
    );
    assert_eq!(
        message,
        "rulers fail to load the rules changed since their last successful load: PrometheusRule \
         monitoring/beside, PrometheusRule monitoring/first, PrometheusRule monitoring/other; the \
         previous rules of 1 of them stay mounted. Fix or remove the one that the log of a ruler names: \
         kubectl -n monitoring logs thanos-rule-main-0 -c thanos-rule | grep 'loading groups failed'"
    );
    let status = world.status();
    let counts = status.rules.unwrap();
    assert_eq!((counts.groups, counts.rejected), (2, 3));
    let rejected = status.rejected_rules;
    assert_eq!(rejected.len(), 3);
    assert!(
        rejected[0]
            .message
            .contains("none of its rules are mounted")
    );
    assert!(
        rejected[2]
            .message
            .contains("its previous rules stay mounted")
    );
    let seen = world.observe();
    let previous = ThanosRulerStatus::default();
    let events = RulerController::warning_events(&seen, &previous, &world.case.status_of(&seen));
    assert_eq!(events.len(), 3, "one on each object");

    // Rulers load what is mounted, and other changes.
    world.apply("good", "up == 1");
    let seen = world.run(20);
    assert_eq!(world.condition("RulesLoaded").0, "True");
    assert_eq!(files(&seen).len(), 2);
    assert_ne!(files(&seen), before);
    assert_eq!(world.held(), subjects);

    world.apply("first", "up");
    world.apply("other", "up == 0");
    assert_eq!(files(&world.observe()).len(), 4, "at once");
    world.run(20);
    assert_eq!(world.held(), [""; 0]);
    assert_eq!(world.condition("RulesAccepted").0, "True");
    assert_eq!(world.condition("RulesLoaded").0, "True");
}

/// Groups are as before: only a later reload shows that rulers have loaded the new text.
#[test]
fn another_text_counts_as_loaded_after_the_next_reload() {
    let mut world = World::new(&["good"]);
    let seen = world.observe();
    world.apply("good", "up == 1");
    world.now += std::time::Duration::from_secs(1);
    let (loaded, reason, _) = world.condition("RulesLoaded");
    assert_eq!((loaded.as_str(), reason.as_str()), ("Unknown", "Loading"));
    world.now += std::time::Duration::from_secs(1);
    world.reload(&seen);
    assert_eq!(world.condition("RulesLoaded").0, "True");
}

#[test]
fn a_restarted_controller_mounts_nothing_of_the_objects_that_are_held_back() {
    let mut world = World::new(&["good", "other"]);
    world.apply("other", BAD);
    world.run(SETTLED.as_secs() + 20);
    let held = world.held();
    assert_eq!(held, ["PrometheusRule monitoring/other"]);
    world.restart();
    let seen = world.run(20);
    assert_eq!(files(&seen).len(), 1);
    assert_eq!(world.held(), held);
    let message = world.condition("RulesAccepted").2;
    assert!(
        message.contains("none of their rules are mounted"),
        "{message}"
    );
    // Another image may load them.
    world.case.spec["baseImage"] = json!("quay.io/thanos/thanos:v0.41.0");
    let seen = world.run(0);
    assert_eq!(files(&seen).len(), 2);
    assert_eq!(world.held(), [""; 0]);
}

#[test]
fn what_is_held_back_stays_so_while_prometheus_rules_cannot_be_read() {
    let mut world = World::new(&["good"]);
    world.apply("first", BAD);
    world.run(SETTLED.as_secs() + 20);
    world.restart();
    world.case.capabilities = [("PrometheusRule".to_owned(), "Forbidden".to_owned())].into();
    world.now += RESTARTED;
    let seen = world.observe();
    assert_eq!(seen.observed.rules, None);
    assert_eq!(world.held(), ["PrometheusRule monitoring/first"]);
}
