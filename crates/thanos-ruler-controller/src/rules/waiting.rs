//! Bounded shadowing of PrometheusRules that another evaluator selects, without evidence that it evaluates
//! them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Time for Prometheus Operator to write a new or changed PrometheusRule into rule files: it takes a second
/// or two, and up to half a minute after its restart.
pub const GRACE: Duration = Duration::from_secs(30);

/// Decisions of the last reconcile of a ThanosRuler, by a digest of the UID of each PrometheusRule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Active PrometheusRules.
    active: BTreeSet<u64>,
    /// PrometheusRules that are shadowed without evidence, and since when.
    shadowed: BTreeMap<u64, Timestamp>,
}

/// The decisions of one reconcile, from those of the previous one.
#[derive(Debug)]
pub(crate) struct Decisions<'a> {
    before: Option<&'a Waiting>,
    now: Timestamp,
    /// For the next reconcile.
    pub next: Waiting,
    /// Time at which the first bounded shadowing ends.
    pub ends: Option<Timestamp>,
}

impl<'a> Decisions<'a> {
    /// No decisions yet. `before` is unset for the first reconcile of a process.
    pub fn new(before: Option<&'a Waiting>, now: Timestamp) -> Self {
        Self {
            before,
            now,
            next: Waiting::default(),
            ends: None,
        }
    }

    /// Whether a whole PrometheusRule is shadowed although the rule files of other evaluators lack some of
    /// its rules. An active one stays active until there is evidence: neither a controller restart nor a
    /// Prometheus that begins to select it interrupts an alert.
    pub fn shadows(&mut self, uid: &str) -> bool {
        let rule = digest(uid);
        let since = match self.before {
            Some(before) if !before.active.contains(&rule) => {
                *before.shadowed.get(&rule).unwrap_or(&self.now)
            }
            _ => {
                self.next.active.insert(rule);
                return false;
            }
        };
        let ends = since
            .checked_add(SignedDuration::try_from(GRACE).unwrap_or_default())
            .unwrap_or(self.now);
        // A clock that was set back must not prolong it.
        if ends <= self.now || since > self.now {
            self.next.active.insert(rule);
            return false;
        }
        self.next.shadowed.insert(rule, since);
        self.ends = Some(self.ends.map_or(ends, |first| first.min(ends)));
        true
    }

    /// Records that no other evaluator selects a PrometheusRule.
    pub fn is_active(&mut self, uid: &str) {
        self.next.active.insert(digest(uid));
    }
}

fn digest(uid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn decide(before: Option<&Waiting>, now: i64) -> (bool, Waiting, Option<Timestamp>) {
        let mut decisions = Decisions::new(before, at(now));
        let shadows = decisions.shadows("u");
        (shadows, decisions.next, decisions.ends)
    }

    #[test]
    fn a_new_rule_is_shadowed_for_a_bounded_time_and_then_active() {
        let (shadows, waiting, ends) = decide(Some(&Waiting::default()), 0);
        assert!(shadows);
        assert_eq!(ends, Some(at(30)));
        let (shadows, waiting, ends) = decide(Some(&waiting), 29);
        assert!(shadows);
        assert_eq!(ends, Some(at(30)), "the time does not restart");
        let (shadows, waiting, ends) = decide(Some(&waiting), 30);
        assert!(!shadows);
        assert_eq!(ends, None);
        assert!(!decide(Some(&waiting), 31).0, "it stays active");
    }

    #[test]
    fn an_active_rule_stays_active_without_evidence() {
        assert!(!decide(None, 0).0, "after a restart of the controller");
        let mut decisions = Decisions::new(None, at(0));
        decisions.is_active("u");
        assert!(!decide(Some(&decisions.next), 1).0);
    }

    #[test]
    fn a_rule_that_loses_its_evidence_is_shadowed_like_a_new_one() {
        // A covered rule is neither active nor waiting.
        let before = Decisions::new(None, at(0)).next;
        assert!(decide(Some(&before), 1).0);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_prolong_the_time() {
        let (_, waiting, _) = decide(Some(&Waiting::default()), 1000);
        assert!(!decide(Some(&waiting), 0).0);
    }
}
