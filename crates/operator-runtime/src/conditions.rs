//! Conditions: one per question, always written, with a transition time that moves only with the
//! status.

use k8s_controller::conditions::{ConditionStatus, DesiredCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::owned_objects::Workload;
use crate::reconciler::{Outcome, Verdict};

/// Whether the last reconcile succeeded.
pub const RECONCILED: &str = "Reconciled";
/// Are enough pods ready.
pub const AVAILABLE: &str = "Available";
/// The sum of both, for tools that wait on one condition.
pub const READY: &str = "Ready";

/// The conditions of one status under way.
#[derive(Debug)]
pub struct Conditions {
    list: Vec<Condition>,
    set: Vec<String>,
    generation: Option<i64>,
}

/// A workload that must run, and how many pods of it.
#[derive(Clone, Debug)]
pub struct Required<'a> {
    /// Name of the Deployment or StatefulSet.
    pub name: &'a str,
    /// Pods wanted.
    pub replicas: i32,
    /// Whether nothing works without it. `Available` depends on such workloads only.
    pub essential: bool,
    /// What it waits for, if anything: until then it is not complete, whatever its pods are.
    pub note: String,
}

impl Conditions {
    /// Starts from the conditions of the status; `generation` is that of the spec that was read.
    #[must_use]
    pub fn new(previous: &[Condition], generation: Option<i64>) -> Self {
        Self {
            list: previous.to_vec(),
            set: Vec::new(),
            generation,
        }
    }

    /// Answers a question. `None` is `Unknown`.
    pub fn set(
        &mut self,
        type_: &str,
        status: Option<bool>,
        reason: &str,
        message: impl Into<String>,
    ) {
        let status = match status {
            Some(true) => ConditionStatus::True,
            Some(false) => ConditionStatus::False,
            None => ConditionStatus::Unknown,
        };
        let mut message: String = message.into();
        if let Some((cut, _)) = message.char_indices().nth(MESSAGE_CHARS) {
            message.truncate(cut);
            message.push('…');
        }
        let desired = DesiredCondition::new(type_, status, reason, message)
            .observed_generation(self.generation);
        // The status is compared as a whole before it is written.
        let _ = k8s_controller::conditions::set(&mut self.list, desired);
        self.set.push(type_.to_owned());
    }

    /// Sets `Reconciled`, `Available` and `Ready`.
    pub fn set_standard(&mut self, outcome: &Outcome, required: &[Required<'_>]) {
        let (reconciled, reason, message) = reconciled(&outcome.verdict);
        self.set(RECONCILED, reconciled, reason, message);

        let pods: Vec<Pods> = required
            .iter()
            .map(|r| Pods::of(r, outcome.workload(r.name)))
            .collect();
        let counts = |select: fn(&Pods) -> bool| {
            let mut texts: Vec<&str> = pods
                .iter()
                .filter(|p| select(p))
                .map(|p| p.text.as_str())
                .collect();
            texts.sort_unstable();
            texts.join(", ")
        };
        if pods.iter().any(Pods::are_missed) {
            let message = counts(Pods::are_missed);
            self.set(AVAILABLE, Some(false), "NoPodReady", message);
        } else if pods.iter().any(|p| !p.all) {
            self.set(
                AVAILABLE,
                Some(true),
                "SomePodsNotReady",
                counts(|p| !p.all),
            );
        } else {
            self.set(AVAILABLE, Some(true), "PodsReady", counts(|_| true));
        }

        if reconciled != Some(true) {
            let message = format!("{reason}, see the condition {RECONCILED}");
            self.set(READY, Some(false), "NotReconciled", message);
        } else if pods.iter().all(|p| p.all) {
            self.set(READY, Some(true), "Ready", "");
        } else if pods.iter().any(Pods::are_missed) {
            self.set(READY, Some(false), "NotAvailable", counts(Pods::are_missed));
        } else {
            self.set(READY, Some(false), "RollingOut", counts(|p| !p.all));
        }
    }

    /// The conditions that were set.
    #[must_use]
    pub fn finish(mut self) -> Vec<Condition> {
        self.list.retain(|c| self.set.contains(&c.type_));
        self.list
    }
}

/// The conditions of a resource whose spec cannot be decoded: those that need a reconcile stay as
/// they are.
pub(crate) fn decode_error(
    previous: &[Condition],
    generation: Option<i64>,
    problem: &str,
) -> Vec<Condition> {
    let mut conditions = Conditions::new(previous, generation);
    conditions.set(RECONCILED, Some(false), "InvalidSpec", problem);
    let message = format!("InvalidSpec, see the condition {RECONCILED}");
    conditions.set(READY, Some(false), "NotReconciled", message);
    conditions.list
}

/// A condition's message is read in `kubectl describe`; what is longer belongs elsewhere.
const MESSAGE_CHARS: usize = 1024;

struct Pods {
    none: bool,
    essential: bool,
    all: bool,
    text: String,
}

impl Pods {
    fn of(required: &Required<'_>, workload: Option<&Workload>) -> Self {
        let Workload { counts, current } = workload.cloned().unwrap_or_default();
        let desired = required.replicas;
        Self {
            none: counts.available_replicas == 0 && desired > 0,
            essential: required.essential,
            all: current
                && required.note.is_empty()
                && counts.available_replicas >= desired
                && counts.updated_replicas >= desired
                && counts.replicas == counts.updated_replicas,
            text: {
                let note = match required.note.as_str() {
                    "" => String::new(),
                    note => format!(" ({note})"),
                };
                format!(
                    "{} {}/{desired}{note}",
                    required.name, counts.available_replicas
                )
            },
        }
    }

    /// Nothing works for want of them.
    fn are_missed(&self) -> bool {
        self.none && self.essential
    }
}

fn reconciled(verdict: &Verdict) -> (Option<bool>, &'static str, String) {
    match verdict {
        Verdict::Applied => (Some(true), "Applied", String::new()),
        Verdict::Paused => (
            None,
            "Paused",
            "spec.paused is true, nothing is changed".to_owned(),
        ),
        Verdict::Invalid(why) => (Some(false), "InvalidSpec", why.to_string()),
        Verdict::Rejected {
            object,
            message,
            immutable,
        } => (
            Some(false),
            if *immutable {
                "ImmutableField"
            } else {
                "ApplyFailed"
            },
            format!("{object}: {message}"),
        ),
        Verdict::NotOwned { object, holder } => (
            Some(false),
            "NotOwned",
            format!(
                "{object} is not owned by this resource ({holder}): delete or rename it, or rename this resource"
            ),
        ),
        Verdict::Failed { message, .. } => (Some(false), "ApplyFailed", message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owned_objects::Counts;
    use crate::plan::ObjectKey;

    fn outcome(verdict: Verdict, available: i32, updated: i32, current: bool) -> Outcome {
        let key = ObjectKey {
            group: "apps".into(),
            kind: "Deployment".into(),
            name: "q".into(),
        };
        let counts = Counts {
            replicas: 2,
            available_replicas: available,
            updated_replicas: updated,
            ..Default::default()
        };
        Outcome {
            verdict,
            applied_hash: None,
            workloads: [(key, Workload { counts, current })].into(),
        }
    }

    fn states(outcome: &Outcome) -> Vec<(String, String)> {
        let mut conditions = Conditions::new(&[], Some(3));
        conditions.set_standard(
            outcome,
            &[Required {
                name: "q",
                replicas: 2,
                essential: true,
                note: String::new(),
            }],
        );
        let all = conditions.finish();
        assert!(all.iter().all(|c| c.observed_generation == Some(3)));
        all.into_iter().map(|c| (c.status, c.reason)).collect()
    }

    fn pairs(expected: [(&str, &str); 3]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(s, r)| ((*s).to_owned(), (*r).to_owned()))
            .collect()
    }

    #[test]
    fn what_waits_is_not_complete() {
        let mut conditions = Conditions::new(&[], None);
        let required = Required {
            name: "q",
            replicas: 2,
            essential: true,
            note: "pods are replaced".to_owned(),
        };
        conditions.set_standard(&outcome(Verdict::Applied, 2, 2, true), &[required]);
        let all = conditions.finish();
        let ready = all.iter().find(|c| c.type_ == READY).unwrap();
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            ("False", "RollingOut")
        );
        assert!(
            ready.message.ends_with("2/2 (pods are replaced)"),
            "{}",
            ready.message
        );
    }

    #[test]
    fn ready_needs_every_current_pod() {
        assert_eq!(
            states(&outcome(Verdict::Applied, 2, 2, true)),
            pairs([
                ("True", "Applied"),
                ("True", "PodsReady"),
                ("True", "Ready")
            ])
        );
        for unfinished in [
            outcome(Verdict::Applied, 1, 2, true),
            outcome(Verdict::Applied, 2, 1, true),
            outcome(Verdict::Applied, 2, 2, false),
        ] {
            assert_eq!(
                states(&unfinished),
                pairs([
                    ("True", "Applied"),
                    ("True", "SomePodsNotReady"),
                    ("False", "RollingOut")
                ])
            );
        }
        assert_eq!(
            states(&outcome(Verdict::Applied, 0, 2, true)),
            pairs([
                ("True", "Applied"),
                ("False", "NoPodReady"),
                ("False", "NotAvailable")
            ])
        );
    }

    #[test]
    fn a_helper_that_is_missing_is_not_ready_but_available() {
        let mut conditions = Conditions::new(&[], None);
        let required = [("q", true), ("helper", false)].map(|(name, essential)| Required {
            name,
            replicas: 2,
            essential,
            note: String::new(),
        });
        conditions.set_standard(&outcome(Verdict::Applied, 2, 2, true), &required);
        let all = conditions.finish();
        let states: Vec<_> = all
            .iter()
            .map(|c| (c.status.as_str(), c.reason.as_str()))
            .collect();
        let expected = [
            ("True", "Applied"),
            ("True", "SomePodsNotReady"),
            ("False", "RollingOut"),
        ];
        assert_eq!(states, expected);
        assert!(all[2].message.contains("helper 0/2"), "{}", all[2].message);
    }

    #[test]
    fn a_bad_spec_leaves_availability_as_it_is() {
        let invalid = Verdict::Invalid(crate::Invalid::new("spec.x", "must be y"));
        assert_eq!(
            states(&outcome(invalid, 2, 2, true)),
            pairs([
                ("False", "InvalidSpec"),
                ("True", "PodsReady"),
                ("False", "NotReconciled")
            ])
        );
        assert_eq!(
            states(&outcome(Verdict::Paused, 2, 2, true)),
            pairs([
                ("Unknown", "Paused"),
                ("True", "PodsReady"),
                ("False", "NotReconciled")
            ])
        );
    }

    #[test]
    fn conditions_that_are_not_set_any_more_are_removed() {
        let mut first = Conditions::new(&[], None);
        first.set("Old", Some(true), "Because", "");
        let old = first.finish();
        let mut second = Conditions::new(&old, None);
        second.set("New", None, "Because", "x".repeat(5000));
        let new = second.finish();
        assert_eq!(new.len(), 1);
        assert_eq!(new[0].type_, "New");
        assert!(new[0].message.chars().count() <= MESSAGE_CHARS + 1);
    }
}
