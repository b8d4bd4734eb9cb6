//! Kubernetes events about custom resources and about objects of other owners. Does IO.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::digest::json_digest;
use crate::reconciler::{EventRule, NormalEvent, WarningEvent};

/// Maximum length of a note in the API, in bytes.
const NOTE_BYTES: usize = 1024;

/// Status of a condition that cannot be determined, such as `Reconciled` of a paused resource.
const UNKNOWN: &str = "Unknown";

/// Publishes events. A failure is only logged.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// Events by `controller`, in this process (`instance`, the pod name).
    #[must_use]
    pub fn new(client: Client, controller: &str, instance: &str) -> Self {
        let reporter = Reporter {
            controller: controller.to_owned(),
            instance: Some(instance.to_owned()),
        };
        Self(Recorder::new(client, reporter))
    }

    /// Publishes a Warning.
    pub async fn warn(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.publish(about, EventType::Warning, reason, note).await;
    }

    /// Publishes a Normal event.
    pub async fn normal(&self, about: &ObjectReference, event: &NormalEvent) {
        self.publish(about, EventType::Normal, event.reason, &event.note)
            .await;
    }

    /// Publishes a Warning about an object of another owner.
    pub async fn warning(&self, event: &WarningEvent) {
        self.publish(&event.about, EventType::Warning, event.reason, &event.note)
            .await;
    }

    /// Publishes the transition of a condition.
    pub async fn condition(&self, about: &ObjectReference, condition: &Condition, good: &str) {
        let kind = match condition.status.as_str() {
            status if status == good => EventType::Normal,
            UNKNOWN => EventType::Normal,
            _ => EventType::Warning,
        };
        let note = match condition.message.as_str() {
            "" => format!("{} is {}", condition.type_, condition.status),
            message => message.to_owned(),
        };
        self.publish(about, kind, &condition.reason, &note).await;
    }

    async fn publish(&self, about: &ObjectReference, type_: EventType, reason: &str, note: &str) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(cut(note, NOTE_BYTES).to_owned()),
            action: action(note),
            secondary: None,
        };
        if let Err(error) = self.0.publish(&event, about).await {
            tracing::debug!(%error, reason, "event not published");
        }
    }
}

/// The conditions to emit an event for, each with its good status: those with a new status, and those
/// that are not good for a new reason.
pub(crate) fn transitions<'a>(
    previous: &'a [Condition],
    next: &'a [Condition],
    rules: &'a [EventRule],
) -> impl Iterator<Item = (&'a Condition, &'static str)> {
    next.iter().filter_map(move |new| {
        let rule = rules.iter().find(|rule| rule.condition == new.type_)?;
        let bad = new.status != rule.good;
        let emits = match previous.iter().find(|c| c.type_ == new.type_) {
            None => bad && rule.at_first && new.status != UNKNOWN,
            Some(old) => old.status != new.status || (bad && old.reason != new.reason),
        };
        emits.then_some((new, rule.good))
    })
}

/// The action of an event with this note. The recorder counts an event that differs from an earlier one only in
/// its note as a repetition of it and drops the note, so the action differs with the note.
fn action(note: &str) -> String {
    format!("Reconcile/{:016x}", json_digest(note))
}

/// The longest prefix of `text` of at most `bytes` bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_cut_between_characters() {
        assert_eq!(cut("häh", 2), "h");
        assert_eq!(cut("häh", 3), "hä");
        assert_eq!(cut("x", 9), "x");
    }

    #[test]
    fn the_action_differs_with_the_note() {
        assert_eq!(action("a"), action("a"));
        assert_ne!(action("a"), action("b"));
    }

    #[test]
    fn events_are_emitted_for_transitions_and_new_reasons() {
        let condition = |type_: &str, status: &str, reason: &str| Condition {
            type_: type_.into(),
            status: status.into(),
            reason: reason.into(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: serde_json::from_value("1970-01-01T00:00:00Z".into()).unwrap(),
        };
        let a = |at_first| EventRule {
            condition: "A",
            good: "True",
            at_first,
        };
        let events =
            |old: &[Condition], new: &[Condition]| transitions(old, new, &[a(true)]).count();
        let good = [condition("A", "True", "Fine")];
        let bad = [condition("A", "False", "Broken")];
        assert_eq!(events(&[], &good), 0, "good from the start");
        assert_eq!(events(&[], &bad), 1);
        assert_eq!(events(&good, &bad), 1);
        assert_eq!(events(&bad, &bad), 0);
        assert_eq!(events(&bad, &[condition("A", "False", "Other")]), 1);
        assert_eq!(events(&bad, &good), 1);
        assert_eq!(events(&good, &[condition("A", "True", "Better")]), 0);
        assert_eq!(events(&[], &[condition("B", "False", "Broken")]), 0);
        assert_eq!(transitions(&[], &bad, &[a(false)]).count(), 0);
    }
}
