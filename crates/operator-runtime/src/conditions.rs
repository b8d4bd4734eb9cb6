//! Conditions of the status. Every condition is always written, and `lastTransitionTime` changes only
//! with the status of the condition. Pure.

use k8s_controller::conditions::{ConditionStatus, DesiredCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::owned_objects::Workload;
use crate::reconciler::{Outcome, Verdict};

/// Whether the last reconcile succeeded.
pub const RECONCILED: &str = "Reconciled";
/// Whether enough pods are ready.
pub const AVAILABLE: &str = "Available";
/// Both of the above, for tools that wait on one condition.
pub const READY: &str = "Ready";

/// Builder of the conditions of one status.
#[derive(Debug)]
pub struct Conditions {
    list: Vec<Condition>,
    set: Vec<String>,
    generation: Option<i64>,
}

/// A workload whose pods `Available` and `Ready` depend on.
#[derive(Clone, Debug)]
pub struct Required<'a> {
    /// Name of the Deployment or StatefulSet.
    pub name: &'a str,
    /// Desired number of pods.
    pub replicas: i32,
    /// Whether the custom resource is unavailable without it.
    pub essential: bool,
    /// Why the workload is not complete even if all its pods are ready; empty if it is.
    pub note: String,
}

impl Conditions {
    /// Starts from the conditions in the status; `generation` is that of the observed spec.
    #[must_use]
    pub fn new(previous: &[Condition], generation: Option<i64>) -> Self {
        Self {
            list: previous.to_vec(),
            set: Vec::new(),
            generation,
        }
    }

    /// Sets a condition. `None` is `Unknown`.
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
        // Whether it changed is not needed: the status is compared as a whole before it is written.
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
        let list = |select: fn(&Pods) -> bool| {
            let mut texts: Vec<&str> = pods
                .iter()
                .filter(|p| select(p))
                .map(|p| p.text.as_str())
                .collect();
            texts.sort_unstable();
            texts.join(", ")
        };
        if pods.iter().any(Pods::is_unavailable) {
            let message = list(Pods::is_unavailable);
            self.set(AVAILABLE, Some(false), "NoPodReady", message);
        } else if pods.iter().any(|p| !p.all) {
            self.set(AVAILABLE, Some(true), "SomePodsNotReady", list(|p| !p.all));
        } else {
            self.set(AVAILABLE, Some(true), "PodsReady", list(|_| true));
        }

        if reconciled != Some(true) {
            let message = format!("{reason}, see the condition {RECONCILED}");
            self.set(READY, Some(false), "NotReconciled", message);
        } else if pods.iter().all(|p| p.all) {
            self.set(READY, Some(true), "Ready", "");
        } else if pods.iter().any(Pods::is_unavailable) {
            self.set(
                READY,
                Some(false),
                "NotAvailable",
                list(Pods::is_unavailable),
            );
        } else {
            self.set(READY, Some(false), "RollingOut", list(|p| !p.all));
        }
    }

    /// The conditions, without those that were not set.
    #[must_use]
    pub fn finish(mut self) -> Vec<Condition> {
        self.list.retain(|c| self.set.contains(&c.type_));
        self.list
    }
}

/// The conditions of a custom resource that does not decode. The other conditions keep their last
/// values.
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

/// Maximum length of a message, which has to be readable in `kubectl describe`.
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
                let updated = counts.updated_replicas;
                let note = match required.note.as_str() {
                    "" if current && updated < desired && counts.replicas > 0 => {
                        format!(" ({updated} of {desired} updated)")
                    }
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

    /// The custom resource is unavailable because none of these pods is.
    fn is_unavailable(&self) -> bool {
        self.none && self.essential
    }
}

fn reconciled(verdict: &Verdict) -> (Option<bool>, &'static str, String) {
    match verdict {
        Verdict::Applied => (Some(true), "Applied", String::new()),
        Verdict::Paused => (
            None,
            "Paused",
            "spec.paused is true, so no object is changed; set it to false to resume".to_owned(),
        ),
        Verdict::Invalid(invalid) => (Some(false), "InvalidSpec", invalid.to_string()),
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
                "{object} already exists and does not belong to this custom resource ({holder}); delete or rename \
                 {object}, or rename the custom resource"
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
    fn workload_with_a_note_is_rolling_out() {
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
    fn missing_nonessential_workload_is_available_and_not_ready() {
        let mut conditions = Conditions::new(&[], None);
        let required = [("q", true), ("helper", false)].map(|(name, essential)| Required {
            name,
            replicas: 2,
            essential,
            note: String::new(),
        });
        conditions.set_standard(&outcome(Verdict::Applied, 2, 2, true), &required);
        let all = conditions.finish();
        let pairs: Vec<_> = all
            .iter()
            .map(|c| (c.status.as_str(), c.reason.as_str()))
            .collect();
        let expected = [
            ("True", "Applied"),
            ("True", "SomePodsNotReady"),
            ("False", "RollingOut"),
        ];
        assert_eq!(pairs, expected);
        assert!(all[2].message.contains("helper 0/2"), "{}", all[2].message);
    }

    #[test]
    fn invalid_or_paused_spec_keeps_availability() {
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
    fn unset_conditions_are_removed_and_messages_are_truncated() {
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
