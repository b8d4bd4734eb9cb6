//! Replacing the pods of a shard without a hole: one pod more comes first. Pure.
//!
//! A StatefulSet stops a pod before it starts the next one. With a partition, only the pod above the
//! others gets a new template; when that is ready and the queriers know it, the others follow, and
//! then it goes again.

use thanos_workload::stateful::Scale;

use crate::facts::SetFacts;

/// What the pods of a shard and the queriers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pods {
    /// Whether the pod above the wanted ones is ready.
    pub newest_ready: bool,
    /// Whether every querier that asks the shard knows all of its ready pods.
    pub known: bool,
}

/// Decides for one shard. `hash` is the digest of the template that its pods are to have.
#[must_use]
pub fn surge(
    set: Option<&SetFacts>,
    replicas: i32,
    max_surge: i32,
    hash: &str,
    pods: Pods,
) -> Scale {
    let scale = |replicas, partition| Scale {
        replicas,
        partition,
    };
    let Some(set) = set.filter(|_| max_surge > 0) else {
        return scale(replicas, 0);
    };
    let more = replicas + max_surge;
    if set.template_hash.as_deref() != Some(hash) {
        return scale(more, replicas);
    }
    if !set.surging || set.replicas != more {
        return scale(replicas, 0);
    }
    let counts = &set.counts;
    if set.partition > 0 {
        // The other pods may be broken: that can be why they are replaced.
        let is_new = set.current && counts.updated_replicas > 0;
        return match is_new && pods.newest_ready && pods.known {
            false => scale(more, set.partition),
            true => scale(more, 0),
        };
    }
    let replaced = set.current && counts.updated_replicas >= more;
    match replaced && counts.available_replicas >= more && pods.known {
        false => scale(more, 0),
        true => scale(replicas, 0),
    }
}

/// What a surge waits for, for the status. `unknown` says which querier does not know a pod of the
/// shard, if one does not.
#[must_use]
pub fn note(set: &SetFacts, unknown: Option<&str>) -> String {
    match (set.surging, unknown) {
        (false, _) => String::new(),
        (true, Some(querier)) => format!("pods are replaced: waits for {querier}"),
        (true, None) if set.partition > 0 => {
            "pods are replaced: waits for one more with the new template".to_owned()
        }
        (true, None) => "pods are replaced: the others follow".to_owned(),
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
            surging: replicas > 1,
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
        let pods = Pods {
            newest_ready: set.counts.available_replicas > 1,
            known,
        };
        let Scale {
            replicas,
            partition,
        } = surge(Some(set), 1, 1, "new", pods);
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

    const READY: Pods = Pods {
        newest_ready: true,
        known: true,
    };

    fn steady(replicas: i32) -> Scale {
        Scale {
            replicas,
            partition: 0,
        }
    }

    #[test]
    fn a_broken_pod_is_replaced_all_the_same() {
        let broken = set("new", 2, 1, 1, 1);
        assert_eq!(
            surge(Some(&broken), 1, 1, "new", READY),
            Scale {
                replicas: 2,
                partition: 0
            }
        );
    }

    #[test]
    fn what_is_new_or_stands_in_for_itself_needs_none() {
        assert_eq!(surge(None, 3, 1, "new", READY), steady(3));
        assert_eq!(
            surge(Some(&set("old", 3, 0, 3, 3)), 3, 0, "new", READY),
            steady(3)
        );
    }

    #[test]
    fn other_numbers_of_replicas_are_scaled_at_once() {
        let mut fewer = set("new", 2, 0, 2, 1);
        fewer.surging = false;
        assert_eq!(
            surge(Some(&fewer), 1, 1, "new", READY),
            steady(1),
            "it was scaled, not surging"
        );
        assert_eq!(
            surge(Some(&set("new", 1, 0, 1, 1)), 3, 1, "new", READY),
            steady(3)
        );
        assert_eq!(
            surge(Some(&set("new", 5, 0, 5, 5)), 1, 1, "new", READY),
            steady(1)
        );
    }
}
