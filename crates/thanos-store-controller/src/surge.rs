//! Replaces the pods of a shard without losing availability, by one surge pod. No IO.
//!
//! A StatefulSet stops a pod before it starts its replacement. With a partition, only the surge pod
//! gets the new template; once it is ready and known to the queriers, the other pods follow, and
//! then the surge pod is deleted.

use thanos_controller_common::facts::SetFacts;
use thanos_workload::stateful::Scale;

/// State of the pods of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pods {
    /// Whether all pods below replicas are ready.
    pub rest_ready: bool,
    /// Whether a pod above replicas is ready.
    pub more_ready: bool,
    /// Whether every querier of the shard lists all of its ready pods.
    pub known: bool,
}

/// Scale and template of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surge {
    /// Replicas and partition.
    pub scale: Scale,
    /// Whether the stored template is kept, because its rollout has to finish first.
    pub keeps_template: bool,
}

/// Decides for one shard. `hash` is the digest of the desired template.
#[must_use]
pub fn surge(
    set: Option<&SetFacts>,
    replicas: i32,
    max_surge: i32,
    hash: &str,
    pods: Pods,
) -> Surge {
    let with = |replicas, partition| Surge {
        scale: Scale {
            replicas,
            partition,
        },
        keeps_template: false,
    };
    let Some(set) = set else {
        return with(replicas, 0);
    };
    // A pod is deleted only if the remaining pods can replace it.
    let counts = &set.counts;
    let all_available = set.current && counts.available_replicas >= counts.replicas;
    let can_go = pods.rest_ready && pods.known && all_available || !pods.more_ready;
    let fewer = if can_go {
        replicas
    } else {
        replicas.max(set.replicas)
    };
    if max_surge == 0 {
        return with(fewer, 0);
    }
    let more = replicas + max_surge;
    // Pods above replicas may be left from a larger number of replicas, and may be all that serves
    // or all that queriers know. None of them is replaced then.
    let stand_in = pods.rest_ready && pods.known || !pods.more_ready;
    let all = more.max(set.replicas);
    let (count, partition) = if stand_in {
        (more, replicas)
    } else {
        (all, all)
    };
    let is_other = set.template_hash.as_deref() != Some(hash);
    // Queriers may use only the surge pod, which a different template would replace immediately.
    let keeps_template = is_other && set.surging && pods.more_ready && set.template.is_some();
    if is_other && !keeps_template {
        return with(count, partition);
    }
    let with = |replicas, partition| Surge {
        keeps_template,
        ..with(replicas, partition)
    };
    if !set.surging || set.replicas != more {
        // Several pods are replaced without a surge pod, since they replace each other; the
        // remaining pods may not.
        let replaced = set.current && counts.updated_replicas >= set.replicas;
        return match set.replicas > replicas && !replaced {
            true => with(count, partition),
            false => with(fewer, 0),
        };
    }
    if set.partition > 0 {
        // The other pods may be broken, which can be the reason for the replacement.
        let is_new = set.current && counts.updated_replicas > 0;
        return match is_new && pods.more_ready && pods.known {
            false => with(more, set.partition.min(partition)),
            true => with(more, 0),
        };
    }
    let replaced = set.current && counts.updated_replicas >= more;
    match replaced && counts.available_replicas >= more && pods.known {
        false => with(more, 0),
        true => with(replicas, 0),
    }
}

/// Progress of a surge for the status. `unknown` is a querier that does not list a pod of the
/// shard.
#[must_use]
pub fn note(set: &SetFacts, unknown: Option<&str>) -> String {
    match (set.surging, unknown) {
        (false, _) => String::new(),
        (true, Some(querier)) => format!("replacing pods: waiting for {querier}"),
        (true, None) if set.partition > 0 => {
            "replacing pods: waiting for the surge pod with the new template".to_owned()
        }
        (true, None) => "replacing pods: the remaining pods follow".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operator_runtime::owned_objects::Counts;

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
        let ready = set.counts.available_replicas;
        let pods = Pods {
            rest_ready: ready > 0,
            more_ready: ready > 1,
            known,
        };
        let Scale {
            replicas,
            partition,
        } = surge(Some(set), 1, 1, "new", pods).scale;
        (replicas, partition)
    }

    #[test]
    fn single_replica_is_replaced_with_a_surge_pod() {
        assert_eq!(
            scale(&set("old", 1, 0, 1, 1), true),
            (2, 1),
            "a second pod is created"
        );
        assert_eq!(scale(&set("new", 2, 1, 1, 1), true), (2, 1), "and starts");
        assert_eq!(
            scale(&set("new", 2, 1, 1, 2), false),
            (2, 1),
            "and is not listed yet"
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
            "its new address is not listed yet"
        );
        assert_eq!(
            scale(&set("new", 2, 0, 2, 2), true),
            (1, 0),
            "then the second one is deleted"
        );
        assert_eq!(scale(&set("new", 1, 0, 1, 1), true), (1, 0));
    }

    #[test]
    fn changed_template_restarts_the_surge() {
        assert_eq!(scale(&set("older", 2, 0, 1, 1), true), (2, 1));
        assert_eq!(scale(&set("older", 2, 1, 1, 2), true), (2, 1));
    }

    #[test]
    fn counts_of_an_older_generation_are_ignored() {
        let mut stale = set("new", 2, 1, 1, 2);
        stale.current = false;
        assert_eq!(scale(&stale, true), (2, 1));
    }

    const READY: Pods = Pods {
        rest_ready: true,
        more_ready: true,
        known: true,
    };

    fn steady(replicas: i32) -> Surge {
        Surge {
            scale: Scale {
                replicas,
                partition: 0,
            },
            keeps_template: false,
        }
    }

    #[test]
    fn broken_pod_is_replaced() {
        let broken = set("new", 2, 1, 1, 1);
        let pods = Pods {
            rest_ready: false,
            ..READY
        };
        let Scale {
            replicas,
            partition,
        } = surge(Some(&broken), 1, 1, "new", pods).scale;
        assert_eq!((replicas, partition), (2, 0));
    }

    #[test]
    fn running_replacement_finishes_before_another_template_is_applied() {
        let mut replacing = set("older", 2, 0, 1, 1);
        replacing.template = Some(serde_json::json!({}));
        let serving = Pods {
            rest_ready: false,
            ..READY
        };
        let decided = surge(Some(&replacing), 1, 1, "new", serving);
        assert!(decided.keeps_template, "the surge pod is all that serves");
        assert_eq!(
            decided.scale,
            Scale {
                replicas: 2,
                partition: 0
            }
        );
        let idle = Pods {
            more_ready: false,
            ..READY
        };
        let decided = surge(Some(&replacing), 1, 1, "new", idle);
        assert!(!decided.keeps_template, "no querier needs it");
        assert_eq!(
            decided.scale,
            Scale {
                replicas: 2,
                partition: 1
            }
        );
    }

    #[test]
    fn new_shards_and_several_replicas_need_no_surge_pod() {
        assert_eq!(surge(None, 3, 1, "new", READY), steady(3));
        let three = set("old", 3, 0, 3, 3);
        assert_eq!(surge(Some(&three), 3, 0, "new", READY), steady(3));
    }

    #[test]
    fn replica_changes_are_applied_immediately() {
        let mut two = set("new", 2, 0, 2, 2);
        two.surging = false;
        assert_eq!(surge(Some(&two), 1, 1, "new", READY), steady(1));
        assert_eq!(
            surge(Some(&set("new", 1, 0, 1, 1)), 3, 1, "new", READY),
            steady(3)
        );
        assert_eq!(
            surge(Some(&set("new", 5, 0, 5, 5)), 1, 1, "new", READY),
            steady(1)
        );
    }

    #[test]
    fn scale_down_during_replacement_waits_for_a_surge_pod() {
        let decide = |set: SetFacts, hash, pods| {
            let set = SetFacts {
                surging: false,
                ..set
            };
            let Scale {
                replicas,
                partition,
            } = surge(Some(&set), 1, 1, hash, pods).scale;
            (replicas, partition)
        };
        let starts = Pods {
            more_ready: false,
            ..READY
        };
        let two = set("new", 2, 0, 1, 1);
        assert_eq!(decide(two, "new", starts), (2, 1), "the second one is new");
        let mut unseen = set("new", 2, 0, 2, 2);
        unseen.current = false;
        assert_eq!(decide(unseen, "new", READY), (2, 1), "none is new yet");
        let three = || set("new", 3, 0, 1, 3);
        assert_eq!(decide(three(), "new", READY), (2, 1), "the third one is");
        for serving in [
            Pods {
                rest_ready: false,
                ..READY
            },
            Pods {
                known: false,
                ..READY
            },
        ] {
            assert_eq!(decide(three(), "new", serving), (3, 3));
            assert_eq!(decide(three(), "newer", serving), (3, 3));
            assert_eq!(decide(set("new", 2, 0, 2, 1), "newer", serving), (2, 2));
        }
        // The first one is back, and known.
        assert_eq!(scale(&set("new", 2, 2, 0, 2), true), (2, 1));
        assert_eq!(scale(&set("new", 2, 2, 0, 2), false), (2, 2));
    }

    #[test]
    fn pod_is_deleted_only_if_the_remaining_pods_serve() {
        let mut two = set("new", 2, 0, 2, 1);
        two.surging = false;
        let first_is_away = Pods {
            rest_ready: false,
            ..READY
        };
        assert_eq!(surge(Some(&two), 1, 1, "new", first_is_away), steady(2));
        assert_eq!(surge(Some(&two), 1, 0, "new", first_is_away), steady(2));
        let none_is_there = Pods {
            more_ready: false,
            ..first_is_away
        };
        assert_eq!(surge(Some(&two), 1, 1, "new", none_is_there), steady(1));
    }
}
