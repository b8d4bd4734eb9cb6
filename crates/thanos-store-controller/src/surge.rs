//! Replacing the pods of a shard without a hole: one pod more comes first. Pure.
//!
//! A StatefulSet stops a pod before it starts the next one. With a partition, only the pod above the
//! others gets a new template; when that is ready and the queriers know it, the others follow, and
//! then it goes again.

use thanos_workload::stateful::Scale;

use crate::facts::SetFacts;

/// How a shard is scaled now, and why it is not as it will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surge {
    /// Pods, and those that may be replaced.
    pub scale: Scale,
    /// What is waited for while the pods are replaced.
    pub waits: Option<&'static str>,
}

impl Surge {
    const fn steady(replicas: i32) -> Self {
        Self {
            scale: Scale {
                replicas,
                partition: 0,
            },
            waits: None,
        }
    }
}

/// Decides for one shard. `hash` is the digest of the template that its pods are to have; `known`
/// says whether every querier that asks the shard knows all of its ready pods.
#[must_use]
pub fn surge(
    set: Option<&SetFacts>,
    replicas: i32,
    max_surge: i32,
    hash: &str,
    known: bool,
) -> Surge {
    let Some(set) = set.filter(|_| max_surge > 0) else {
        return Surge::steady(replicas);
    };
    let more = replicas + max_surge;
    let with = |partition, waits| Surge {
        scale: Scale {
            replicas: more,
            partition,
        },
        waits: Some(waits),
    };
    if set.template_hash.as_deref() != Some(hash) {
        return with(replicas, "a pod with the new template starts");
    }
    if set.replicas != more {
        return Surge::steady(replicas);
    }
    let counts = &set.counts;
    let available = set.current && counts.available_replicas >= more;
    if set.partition > 0 {
        return match available && counts.updated_replicas > 0 && known {
            false => with(
                set.partition,
                "a pod with the new template becomes known to the queriers",
            ),
            true => with(0, "the other pods are replaced"),
        };
    }
    match available && counts.updated_replicas >= more && known {
        false => with(0, "the other pods are replaced"),
        true => Surge::steady(replicas),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operator_runtime::ledger::Counts;

    fn set(hash: &str, replicas: i32, partition: i32, updated: i32, available: i32) -> SetFacts {
        SetFacts {
            template_hash: Some(hash.to_owned()),
            replicas,
            partition,
            current: true,
            counts: Counts {
                replicas,
                updated_replicas: updated,
                available_replicas: available,
                ready_replicas: available,
                ..Default::default()
            },
            ..Default::default()
        }
    }

    fn scale(set: &SetFacts, known: bool) -> (i32, i32) {
        let Scale {
            replicas,
            partition,
        } = surge(Some(set), 1, 1, "new", known).scale;
        (replicas, partition)
    }

    #[test]
    fn one_replica_is_never_missing() {
        assert_eq!(
            scale(&set("old", 1, 0, 1, 1), true),
            (2, 1),
            "a second pod comes"
        );
        assert_eq!(scale(&set("new", 2, 1, 1, 1), true), (2, 1), "and starts");
        assert_eq!(
            scale(&set("new", 2, 1, 1, 2), false),
            (2, 1),
            "and is not known yet"
        );
        assert_eq!(
            scale(&set("new", 2, 1, 1, 2), true),
            (2, 0),
            "then the first one is replaced"
        );
        assert_eq!(scale(&set("new", 2, 0, 1, 1), true), (2, 0));
        assert_eq!(
            scale(&set("new", 2, 0, 2, 2), false),
            (2, 0),
            "its new address is not known yet"
        );
        assert_eq!(
            scale(&set("new", 2, 0, 2, 2), true),
            (1, 0),
            "then the second one goes"
        );
        assert_eq!(scale(&set("new", 1, 0, 1, 1), true), (1, 0));
    }

    #[test]
    fn another_template_in_between_starts_over() {
        assert_eq!(scale(&set("older", 2, 0, 1, 1), true), (2, 1));
        assert_eq!(scale(&set("older", 2, 1, 1, 2), true), (2, 1));
    }

    #[test]
    fn counts_about_an_older_generation_decide_nothing() {
        let mut stale = set("new", 2, 1, 1, 2);
        stale.current = false;
        assert_eq!(scale(&stale, true), (2, 1));
    }

    #[test]
    fn what_is_new_or_stands_in_for_itself_needs_none() {
        assert_eq!(surge(None, 3, 1, "new", true), Surge::steady(3));
        assert_eq!(
            surge(Some(&set("old", 3, 0, 3, 3)), 3, 0, "new", true),
            Surge::steady(3)
        );
    }

    #[test]
    fn other_numbers_of_replicas_are_scaled_at_once() {
        assert_eq!(
            surge(Some(&set("new", 1, 0, 1, 1)), 3, 1, "new", true),
            Surge::steady(3)
        );
        assert_eq!(
            surge(Some(&set("new", 5, 0, 5, 5)), 1, 1, "new", true),
            Surge::steady(1)
        );
    }
}
