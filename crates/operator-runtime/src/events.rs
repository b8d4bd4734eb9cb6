//! Events: what changed for the user, on the custom resource it changed for.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::digest::json_digest;
use crate::reconciler::{EventRule, NormalEvent, WarningEvent};

/// Longest note that the API server takes, in bytes.
const NOTE_BYTES: usize = 1024;

/// The status of a condition that cannot be decided, such as those of a paused resource.
const UNKNOWN: &str = "Unknown";

/// Publishes events. A failure to publish is logged and forgotten.
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

    /// A Warning.
    pub async fn warn(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.publish(about, EventType::Warning, reason, note).await;
    }

    /// Something that happened.
    pub async fn normal(&self, about: &ObjectReference, event: &NormalEvent) {
        self.publish(about, EventType::Normal, event.reason, &event.note)
            .await;
    }

    /// A fault of an object that another controller or user owns.
    pub async fn warning(&self, event: &WarningEvent) {
        self.publish(&event.about, EventType::Warning, event.reason, &event.note)
            .await;
    }

    /// A condition that turned.
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

/// The conditions that the user should hear of, each with its good status: those that are not good
/// for a new reason, and those that are good again.
pub(crate) fn turned<'a>(
    previous: &'a [Condition],
    next: &'a [Condition],
    rules: &'a [EventRule],
) -> impl Iterator<Item = (&'a Condition, &'static str)> {
    next.iter().filter_map(move |new| {
        let rule = rules.iter().find(|t| t.condition == new.type_)?;
        let bad = new.status != rule.good;
        let is_reported = match previous.iter().find(|c| c.type_ == new.type_) {
            None => bad && rule.at_first && new.status != UNKNOWN,
            Some(old) => old.status != new.status || (bad && old.reason != new.reason),
        };
        is_reported.then_some((new, rule.good))
    })
}

/// The action of an event with this note. The recorder counts an event that differs from an earlier one only in
/// its note as a repetition of it and drops the note, so the action differs with the note.
fn action(note: &str) -> String {
    format!("Reconcile/{:016x}", json_digest(note))
}

/// The longest start of `text` of at most `bytes` bytes that ends between characters.
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
    fn only_changes_are_reported() {
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
        let count = |old: &[Condition], new: &[Condition]| turned(old, new, &[a(true)]).count();
        let good = [condition("A", "True", "Fine")];
        let bad = [condition("A", "False", "Broken")];
        assert_eq!(count(&[], &good), 0, "all well from the start is no news");
        assert_eq!(count(&[], &bad), 1);
        assert_eq!(count(&good, &bad), 1);
        assert_eq!(count(&bad, &bad), 0);
        assert_eq!(count(&bad, &[condition("A", "False", "Other")]), 1);
        assert_eq!(count(&bad, &good), 1);
        assert_eq!(count(&good, &[condition("A", "True", "Better")]), 0);
        assert_eq!(count(&[], &[condition("B", "False", "Broken")]), 0);
        assert_eq!(turned(&[], &bad, &[a(false)]).count(), 0);
    }
}
