//! Placement of the pods of a workload.

use k8s_openapi::api::core::v1::{
    Affinity, PodAffinityTerm, PodAntiAffinity, TopologySpreadConstraint, WeightedPodAffinityTerm,
};

use crate::labels::Identity;

/// Adds a selector to constraints without one, which would have no effect.
pub(crate) fn over_own_pods(
    constraint: &TopologySpreadConstraint,
    identity: &Identity,
) -> TopologySpreadConstraint {
    let mut constraint = constraint.clone();
    constraint
        .label_selector
        .get_or_insert_with(|| identity.selector());
    constraint
}

/// Anti-affinity: pods of one workload prefer different nodes.
pub(crate) fn different_nodes(identity: &Identity) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![
                WeightedPodAffinityTerm {
                    weight: 100,
                    pod_affinity_term: PodAffinityTerm {
                        label_selector: Some(identity.selector()),
                        topology_key: "kubernetes.io/hostname".to_owned(),
                        ..Default::default()
                    },
                },
            ]),
            ..Default::default()
        }),
        ..Default::default()
    }
}
