//! Replacement of pods when the configuration in their Secrets changes. No IO.
//!
//! Permission to watch Secrets can change at any time, which alone replaces no pod: the first
//! readable digest is only stored.

use kube::{Resource, ResourceExt};
use thanos_api::names::{Reason, annotation};

use crate::facts::SetFacts;
use crate::volumes::ConditionState;

/// Condition `SecretRotation`: whether Secrets are watched; if not, whether the pods use their current
/// content is unknown, and the message says how to apply a change of `secrets`.
/// `kind` is the name of the kind of `it` for kubectl, as in `thanosstore`.
#[must_use]
pub fn condition<K: Resource>(
    watched: bool,
    secrets: &[&str],
    it: &K,
    kind: &str,
) -> ConditionState {
    if watched {
        return (Some(true), Reason::Watched, String::new());
    }
    let message = format!(
        "pods do not restart when {} changes, since the controller has no permission to watch Secrets. \
         After a change, run: kubectl -n {} annotate {kind} {} {}=\"$(date -Is)\" \
         --overwrite",
        match secrets {
            [one] => format!("Secret {one}"),
            several => format!("one of the Secrets {}", several.join(", ")),
        },
        it.namespace().unwrap_or_default(),
        it.name_any(),
        annotation::RESTART,
    );
    // Nothing is known to be wrong.
    (None, Reason::SecretsNotWatched, message)
}

/// Digests stored in a StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// On the pod template: a change replaces the pods.
    pub rolled: Option<String>,
    /// On the StatefulSet.
    pub known: Option<String>,
}

/// Decides for one StatefulSet. `content` is the current digest of the Secrets; `None` if they are
/// not watched, or one is missing.
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
    fn only_a_changed_digest_replaces_pods() {
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
    fn unreadable_secrets_change_nothing() {
        assert_eq!(after(None, None), (None, None));
        assert_eq!(
            after(Some(&set(Some("b"), Some("a"))), None),
            (text("b"), text("a"))
        );
    }
}
