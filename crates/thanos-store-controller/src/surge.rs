//! Replaces the pods of a shard without losing availability, by one surge pod. No IO.
//!
//! A StatefulSet stops a pod before it starts its replacement. With a partition, only the surge pod
//! gets the new template; once it is ready and known to the queriers, the other pods follow, and
//! then the surge pod is deleted.

use thanos_controller_common::facts::SetFacts;
use thanos_workload::stateful::Scale;

/// State of the pods of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pods<'a> {
    /// Whether all pods below replicas are ready.
    pub rest_ready: bool,
    /// Whether a pod above replicas is ready.
    pub more_ready: bool,
    /// A querier of the shard that does not list one of its ready pods.
    pub unlisted_by: Option<&'a str>,
}

/// What happens to the pods of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No surge pod is needed: the StatefulSet controller creates, replaces or deletes pods alone.
    Steady,
    /// Pods above replicas stay unchanged, since the other pods cannot replace them yet.
    KeepingPods,
    /// The surge pod starts with the new template; the other pods keep the old one.
    StartingSurgePod,
    /// The other pods get the new template.
    ReplacingPods,
    /// Every pod has the new template, and the surge pod is deleted.
    DeletingSurgePod,
}

/// Decision for one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surge {
    /// Current step.
    pub step: Step,
    /// Reason of the step; empty if it is steady.
    pub reason: String,
    /// Replicas and partition.
    pub scale: Scale,
    /// Whether the stored template is kept, because its rollout has to finish first.
    pub keeps_template: bool,
}

impl Surge {
    fn new(step: Step, (replicas, partition): (i32, i32), reason: impl Into<String>) -> Self {
        Self {
            step,
            reason: reason.into(),
            scale: Scale {
                replicas,
                partition,
            },
            keeps_template: false,
        }
    }

    /// Step and reason for the status; empty if the shard is steady.
    #[must_use]
    pub fn message(&self) -> String {
        let step = match self.step {
            Step::Steady => return String::new(),
            Step::KeepingPods => "keeping pods above spec.replicas",
            Step::StartingSurgePod => "replacing pods, starting the surge pod",
            Step::ReplacingPods => "replacing pods beside the surge pod",
            Step::DeletingSurgePod => "replacing pods, deleting the surge pod",
        };
        let next = match self.keeps_template {
            true => "; a newer template follows",
            false => "",
        };
        format!("{step}: {}{next}", self.reason)
    }
}

/// Decides for one shard. `hash` is the digest of the desired template.
#[must_use]
pub fn surge(
    set: Option<&SetFacts>,
    replicas: i32,
    max_surge: i32,
    hash: &str,
    pods: Pods<'_>,
) -> Surge {
    // The StatefulSet is created.
    let Some(set) = set else {
        return Surge::new(Step::Steady, (replicas, 0), "");
    };
    let shard = Shard {
        set,
        replicas,
        more: replicas + max_surge,
        pods,
    };
    // Pods are replaced by a rolling update.
    if max_surge == 0 {
        return shard.without_surge_pod();
    }
    // The replacement is in progress, or complete.
    if set.template_hash.as_deref() == Some(hash) {
        return shard.with_stored_template();
    }
    // Queriers may use only the surge pod, which a different template would replace immediately.
    if set.surging && pods.more_ready && set.template.is_some() {
        return Surge {
            keeps_template: true,
            ..shard.with_stored_template()
        };
    }
    // The template changed.
    shard.with_new_template()
}

/// An existing StatefulSet and the scale that it should have.
struct Shard<'a> {
    set: &'a SetFacts,
    replicas: i32,
    /// Replicas with the surge pod.
    more: i32,
    pods: Pods<'a>,
}

impl Shard<'_> {
    /// First step with a new template, which only the surge pod gets.
    fn with_new_template(&self) -> Surge {
        // Pods above replicas may be left from a larger number of replicas, and may be all that
        // serves or all that queriers know. None of them is replaced then.
        if let Some(reason) = self.rest_is_missing().filter(|_| self.pods.more_ready) {
            let all = self.more.max(self.set.replicas);
            return Surge::new(Step::KeepingPods, (all, all), reason);
        }
        let scale = (self.more, self.replicas);
        Surge::new(Step::StartingSurgePod, scale, "the pod template changed")
    }

    /// Next step of the replacement with the template of the StatefulSet.
    fn with_stored_template(&self) -> Surge {
        let set = self.set;
        // There is no surge pod, or there are pods above it.
        if !set.surging || set.replicas != self.more {
            // Several pods are replaced without a surge pod, since they replace each other; the
            // remaining pods may not.
            let replaced = set.current && set.counts.updated_replicas >= set.replicas;
            return match set.replicas > self.replicas && !replaced {
                true => self.with_new_template(),
                false => self.without_surge_pod(),
            };
        }
        match set.partition > 0 {
            true => self.with_partition(),
            false => self.without_partition(),
        }
    }

    /// No pod is replaced, or several pods replace each other. Pods above replicas are deleted only if
    /// the remaining pods can replace them.
    fn without_surge_pod(&self) -> Surge {
        let set = self.set;
        let steady = |replicas| Surge::new(Step::Steady, (replicas, 0), "");
        // There is no pod to delete, or none of them serves.
        if set.replicas <= self.replicas || !self.pods.more_ready {
            return steady(self.replicas);
        }
        let reason = match set.current && set.counts.available_replicas >= set.counts.replicas {
            true => self.rest_is_missing(),
            false => Some("not every pod is available".to_owned()),
        };
        match reason {
            Some(reason) => Surge::new(Step::KeepingPods, (set.replicas, 0), reason),
            None => steady(self.replicas),
        }
    }

    /// Only the surge pod has the new template. The other pods may be broken, which can be the reason
    /// for the replacement.
    fn with_partition(&self) -> Surge {
        let (set, pods) = (self.set, self.pods);
        let first = self.with_new_template();
        // The surge pod is left from a larger number of replicas, and is still needed.
        if first.step == Step::KeepingPods && set.partition >= first.scale.partition {
            return first;
        }
        let scale = (self.more, set.partition.min(first.scale.partition));
        let starting = |reason: &str| Surge::new(Step::StartingSurgePod, scale, reason);
        if !set.current || set.counts.updated_replicas == 0 {
            return starting("it does not exist yet");
        }
        if !pods.more_ready {
            return starting("it is not ready");
        }
        if let Some(reason) = self.unlisted() {
            return starting(&reason);
        }
        let reason = "the surge pod is ready, and queriers list it";
        Surge::new(Step::ReplacingPods, (self.more, 0), reason)
    }

    /// Every pod gets the new template.
    fn without_partition(&self) -> Surge {
        let (set, all) = (self.set, self.more);
        let replacing = |reason: String| Surge::new(Step::ReplacingPods, (all, 0), reason);
        let counts = &set.counts;
        if !set.current {
            return replacing(
                "the StatefulSet controller has not observed the change yet".to_owned(),
            );
        }
        if counts.updated_replicas < all {
            let updated = counts.updated_replicas;
            return replacing(format!("{updated} of {all} pods have the new template"));
        }
        if counts.available_replicas < all {
            let available = counts.available_replicas;
            return replacing(format!("{available} of {all} pods are available"));
        }
        if let Some(reason) = self.unlisted() {
            return replacing(reason);
        }
        let reason = "every pod has the new template, and queriers list it";
        Surge::new(Step::DeletingSurgePod, (self.replicas, 0), reason)
    }

    /// Why the pods below replicas cannot replace those above.
    fn rest_is_missing(&self) -> Option<String> {
        if !self.pods.rest_ready {
            return Some("not every other pod is ready".to_owned());
        }
        self.unlisted()
    }

    /// Which querier does not list the pods that are ready.
    fn unlisted(&self) -> Option<String> {
        let querier = self.pods.unlisted_by?;
        Some(format!("{querier} does not list every ready pod"))
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

    fn scale_of(decided: &Surge) -> (i32, i32) {
        (decided.scale.replicas, decided.scale.partition)
    }

    fn scale(set: &SetFacts, known: bool) -> (i32, i32) {
        let ready = set.counts.available_replicas;
        let pods = Pods {
            rest_ready: ready > 0,
            more_ready: ready > 1,
            unlisted_by: (!known).then_some("querier a"),
        };
        scale_of(&surge(Some(set), 1, 1, "new", pods))
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

    const READY: Pods<'_> = Pods {
        rest_ready: true,
        more_ready: true,
        unlisted_by: None,
    };

    fn steady(replicas: i32) -> Surge {
        Surge::new(Step::Steady, (replicas, 0), "")
    }

    #[test]
    fn broken_pod_is_replaced() {
        let broken = set("new", 2, 1, 1, 1);
        let pods = Pods {
            rest_ready: false,
            ..READY
        };
        let decided = surge(Some(&broken), 1, 1, "new", pods);
        assert_eq!(scale_of(&decided), (2, 0));
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
        assert_eq!(scale_of(&decided), (2, 0));
        let idle = Pods {
            more_ready: false,
            ..READY
        };
        let decided = surge(Some(&replacing), 1, 1, "new", idle);
        assert!(!decided.keeps_template, "no querier needs it");
        assert_eq!(scale_of(&decided), (2, 1));
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
            scale_of(&surge(Some(&set), 1, 1, hash, pods))
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
                unlisted_by: Some("querier a"),
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
        let kept = Surge::new(Step::KeepingPods, (2, 0), "not every pod is available");
        assert_eq!(surge(Some(&two), 1, 1, "new", first_is_away), kept);
        assert_eq!(surge(Some(&two), 1, 0, "new", first_is_away), kept);
        let none_is_there = Pods {
            more_ready: false,
            ..first_is_away
        };
        assert_eq!(surge(Some(&two), 1, 1, "new", none_is_there), steady(1));
    }

    #[test]
    fn message_names_the_step_and_what_it_waits_for() {
        let message = |set: &SetFacts, known: bool| {
            let pods = Pods {
                unlisted_by: (!known).then_some("querier a"),
                ..READY
            };
            surge(Some(set), 1, 1, "new", pods).message()
        };
        for (set, known, expected) in [
            (
                set("old", 1, 0, 1, 1),
                true,
                "replacing pods, starting the surge pod: the pod template changed",
            ),
            (
                set("new", 2, 1, 0, 1),
                true,
                "replacing pods, starting the surge pod: it does not exist yet",
            ),
            (
                set("new", 2, 1, 1, 2),
                false,
                "replacing pods, starting the surge pod: querier a does not list every ready pod",
            ),
            (
                set("new", 2, 0, 1, 2),
                true,
                "replacing pods beside the surge pod: 1 of 2 pods have the new template",
            ),
            (
                set("new", 2, 0, 2, 2),
                true,
                "replacing pods, deleting the surge pod: every pod has the new template, and \
                 queriers list it",
            ),
            (
                set("old", 3, 0, 3, 3),
                false,
                "keeping pods above spec.replicas: querier a does not list every ready pod",
            ),
            (set("new", 1, 0, 1, 1), true, ""),
        ] {
            assert_eq!(message(&set, known), expected);
        }
    }
}
