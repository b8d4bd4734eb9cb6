//! Holding back accepted rules that rulers fail to load.

use std::collections::BTreeMap;

use jiff::Timestamp;
use operator_runtime::{ProbeResults, Reconciler};
use plan_testing::Case as _;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosRulerStatus;
use thanos_ruler_controller::rules::held::{RESTARTED, SETTLED};
use thanos_ruler_controller::stores::Stores;
use thanos_ruler_controller::{Observed, RulerController};

use crate::case::Case;
use crate::case::world::{self, Set};

/// An expression that the image of the rulers fails to load.
const BAD: &str = "vector(13)";

struct Simulation {
    case: Case,
    stores: Stores,
    now: Timestamp,
    /// The groups that rulers have loaded, and the time of that reload.
    loaded: (Vec<String>, Timestamp),
    answers: ProbeResults,
}

fn rule(name: &str, expr: &str) -> Value {
    world::rule(name, &json!([{"alert": "A", "expr": expr}]))
}

/// The mounted files.
fn files(seen: &Observed) -> BTreeMap<String, String> {
    let packed = seen.plan_inputs.rules.clone().unwrap();
    packed.slots.into_iter().flatten().collect()
}

impl Simulation {
    fn new(rules: &[&str]) -> Self {
        let mut case = Case::of(json!({"ruleSelector": {}}));
        case.objects = rules.iter().map(|name| rule(name, "up")).collect();
        case.set = Some(Set {
            replicas: 2,
            ..Set::default()
        });
        let mut sim = Self {
            stores: case.loaded(),
            case,
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            loaded: Default::default(),
            answers: ProbeResults::default(),
        };
        sim.run(20);
        sim
    }

    fn apply(&mut self, name: &str, expr: &str) {
        let objects = &mut self.case.objects;
        objects.retain(|object| object["metadata"]["name"] != name);
        objects.push(rule(name, expr));
        self.case.load(&mut self.stores);
    }

    /// Restarts the controller, which keeps only the status.
    fn restart(&mut self) {
        self.case.status = json!(self.status());
        self.stores = self.case.loaded();
    }

    /// One reconcile.
    fn observe(&mut self) -> Observed {
        let (answers, stores) = (&self.answers, &mut self.stores);
        self.case.reconcile_with(answers, stores, self.now)
    }

    /// Reconciles and reloads every 10 seconds.
    fn run(&mut self, seconds: u64) -> Observed {
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

    fn reload(&mut self, seen: &Observed) {
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
        for probe in RulerController::probes(seen) {
            self.answers.remember(&probe.url, probe.read.text(&text));
        }
    }

    fn status(&mut self) -> ThanosRulerStatus {
        let seen = self.observe();
        self.case.status_of(&seen)
    }

    /// Status, reason and message of a condition.
    fn condition(&mut self, desired: &str) -> (String, String, String) {
        let conditions = self.status().common.conditions;
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
    let mut sim = Simulation::new(&["good", "other"]);
    let (loaded, _, _) = sim.condition("RulesLoaded");
    assert_eq!(loaded, "True");
    let before = files(&sim.observe());

    sim.apply("first", BAD);
    sim.apply("beside", "up == 1");
    sim.apply("other", BAD);
    let seen = sim.run(SETTLED.as_secs() - 10);
    assert_eq!(files(&seen).len(), 4, "all are mounted");
    let (loaded, reason, message) = sim.condition("RulesLoaded");
    assert_eq!(
        (loaded.as_str(), reason.as_str()),
        ("False", "ReloadFailed")
    );
    assert!(message.contains("kubectl"), "{message}");

    let seen = sim.run(20);
    assert_eq!(files(&seen), before);
    let subjects = ["beside", "first", "other"].map(|n| format!("PrometheusRule monitoring/{n}"));
    assert_eq!(sim.held(), subjects);
    let (accepted, reason, message) = sim.condition("RulesAccepted");
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
    let status = sim.status();
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
    let seen = sim.observe();
    let previous = ThanosRulerStatus::default();
    let events = RulerController::warning_events(&seen, &previous, &sim.case.status_of(&seen));
    assert_eq!(events.len(), 3, "one on each object");

    // Rulers load the previous rules, and changes of other objects.
    sim.apply("good", "up == 1");
    let seen = sim.run(20);
    assert_eq!(sim.condition("RulesLoaded").0, "True");
    assert_eq!(files(&seen).len(), 2);
    assert_ne!(files(&seen), before);
    assert_eq!(sim.held(), subjects);

    sim.apply("first", "up");
    sim.apply("other", "up == 0");
    assert_eq!(files(&sim.observe()).len(), 4, "at once");
    sim.run(20);
    assert_eq!(sim.held(), [""; 0]);
    assert_eq!(sim.condition("RulesAccepted").0, "True");
    assert_eq!(sim.condition("RulesLoaded").0, "True");
}

/// With unchanged groups, only a later reload shows that rulers have loaded the new text.
#[test]
fn a_changed_text_counts_as_loaded_after_the_next_reload() {
    let mut sim = Simulation::new(&["good"]);
    let seen = sim.observe();
    sim.apply("good", "up == 1");
    sim.now += std::time::Duration::from_secs(1);
    let (loaded, reason, _) = sim.condition("RulesLoaded");
    assert_eq!((loaded.as_str(), reason.as_str()), ("Unknown", "Loading"));
    sim.now += std::time::Duration::from_secs(1);
    sim.reload(&seen);
    assert_eq!(sim.condition("RulesLoaded").0, "True");
}

#[test]
fn a_restarted_controller_mounts_no_rules_of_held_back_objects() {
    let mut sim = Simulation::new(&["good", "other"]);
    sim.apply("other", BAD);
    sim.run(SETTLED.as_secs() + 20);
    let held = sim.held();
    assert_eq!(held, ["PrometheusRule monitoring/other"]);
    sim.restart();
    let seen = sim.run(20);
    assert_eq!(files(&seen).len(), 1);
    assert_eq!(sim.held(), held);
    let message = sim.condition("RulesAccepted").2;
    assert!(
        message.contains("none of their rules are mounted"),
        "{message}"
    );
    // Another image may load them.
    sim.case.spec["baseImage"] = json!("quay.io/thanos/thanos:v0.41.0");
    let seen = sim.run(0);
    assert_eq!(files(&seen).len(), 2);
    assert_eq!(sim.held(), [""; 0]);
}

#[test]
fn rules_stay_held_back_while_prometheus_rules_are_unreadable() {
    let mut sim = Simulation::new(&["good"]);
    sim.apply("first", BAD);
    sim.run(SETTLED.as_secs() + 20);
    sim.restart();
    sim.case.capabilities = [("PrometheusRule".to_owned(), "Forbidden".to_owned())].into();
    sim.now += RESTARTED;
    let seen = sim.observe();
    assert_eq!(seen.plan_inputs.rules, None);
    assert_eq!(sim.held(), ["PrometheusRule monitoring/first"]);
}
