//! Replacing pods when the configuration in their Secrets changes. Pure.
//!
//! Whether Secrets may be watched can change at any time, and that alone replaces no pod: the digest
//! that becomes readable first is only remembered.

use thanos_api::names::{Reason, annotation};

use crate::facts::SetFacts;
use crate::volumes::Answer;

/// The condition `SecretRotation` where Secrets are watched.
#[must_use]
pub fn watched() -> Answer {
    (Some(true), Reason::Watched, String::new())
}

/// The condition `SecretRotation` where they are not: how pods follow a change of `secrets`. `resource`
/// is the custom resource as kubectl takes it, as in `thanosstore main`.
#[must_use]
pub fn unwatched(secrets: &[&str], namespace: &str, resource: &str) -> Answer {
    let message = format!(
        "this controller may not watch Secrets. After a change of {}: kubectl -n {namespace} annotate \
         {resource} {}=\"$(date -Is)\" --overwrite",
        secrets.join(", "),
        annotation::RESTART,
    );
    (Some(false), Reason::SecretsNotWatched, message)
}

/// The digests that a StatefulSet carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// On its pods: another one replaces them.
    pub rolled: Option<String>,
    /// On itself.
    pub known: Option<String>,
}

/// Decides for one StatefulSet. `content` is the digest of what the Secrets hold now; `None` if they
/// may not be read, or one is missing.
#[must_use]
pub fn digests(set: Option<&SetFacts>, content: Option<&str>) -> Digests {
    let stored = set.map(|set| Digests {
        rolled: set.rolled_secrets.clone(),
        known: set.known_secrets.clone(),
    });
    let stored = stored.unwrap_or_default();
    let Some(content) = content else {
        return stored;
    };
    match stored.rolled.as_deref().or(stored.known.as_deref()) {
        None => Digests {
            known: Some(content.to_owned()),
            ..stored
        },
        Some(last) if last == content => stored,
        Some(_) => Digests {
            rolled: Some(content.to_owned()),
            ..stored
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rolled: Option<&str>, known: Option<&str>) -> SetFacts {
        SetFacts {
            rolled_secrets: rolled.map(str::to_owned),
            known_secrets: known.map(str::to_owned),
            ..Default::default()
        }
    }

    fn after(set: Option<&SetFacts>, content: Option<&str>) -> (Option<String>, Option<String>) {
        let Digests { rolled, known } = digests(set, content);
        (rolled, known)
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn only_a_change_replaces_pods() {
        assert_eq!(after(None, Some("a")), (None, text("a")));
        assert_eq!(
            after(Some(&set(None, None)), Some("a")),
            (None, text("a")),
            "readable since now"
        );
        assert_eq!(
            after(Some(&set(None, Some("a"))), Some("a")),
            (None, text("a"))
        );
        assert_eq!(
            after(Some(&set(None, Some("a"))), Some("b")),
            (text("b"), text("a"))
        );
        assert_eq!(
            after(Some(&set(Some("b"), Some("a"))), Some("b")),
            (text("b"), text("a"))
        );
        assert_eq!(
            after(Some(&set(Some("b"), Some("a"))), Some("a")),
            (text("a"), text("a"))
        );
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        assert_eq!(after(None, None), (None, None));
        assert_eq!(
            after(Some(&set(Some("b"), Some("a"))), None),
            (text("b"), text("a"))
        );
    }
}
