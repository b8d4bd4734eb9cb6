//! Preflight of a ThanosRuler: accepted but harmful values. Pure.

use operator_inspect::preflight::{Extra, Harm};
use thanos_api::names::Reason;
use thanos_api::v1alpha1::{ClaimRetention, ThanosRulerSpec};

use thanos_ruler_controller::{NAME, Observed, RulerController};

use super::{legacy, orphaned};

/// Valid without rules, queriers or alerting, and only the network plugin decides whether policies are
/// enforced.
const ONLY_WARNS: [&str; 4] = [
    Reason::BlockedByNetworkPolicy.as_str(),
    Reason::NoQueriers.as_str(),
    Reason::NoRules.as_str(),
    Reason::AlertingDisabled.as_str(),
];

/// Shortest safe retention in milliseconds: twice the time range of a block. Below it, results can expire
/// before they are in a block, and pending alerts lose their state.
const SHORT: u64 = 4 * 60 * 60 * 1000;

/// Checks in addition to the common ones.
pub(super) fn extra() -> Extra<RulerController> {
    Extra {
        only_warns: &ONLY_WARNS,
        harms,
        legacy: Some(legacy()),
        orphaned: orphaned(NAME),
    }
}

/// Harmful values of a ThanosRuler.
fn harms(seen: &Observed) -> Vec<Harm> {
    let spec = &seen.plan_inputs.ruler.spec;
    short_retention(spec)
        .into_iter()
        .chain(lost_results(spec))
        .collect()
}

/// Rulers neither write nor upload a block when they stop.
fn lost_results(spec: &ThanosRulerSpec) -> Option<Harm> {
    let policy = spec
        .stateful
        .persistent_volume_claim_retention_policy
        .as_ref()?;
    let fields = [
        ("whenDeleted", policy.when_deleted),
        ("whenScaled", policy.when_scaled),
    ];
    let (field, _) = fields
        .into_iter()
        .find(|(_, choice)| *choice == Some(ClaimRetention::Delete))?;
    Some(Harm {
        fatal: false,
        found: format!(
            "spec.persistentVolumeClaimRetentionPolicy.{field} is Delete: deleting a pod's volume loses \
             some hours of results that are in no block yet"
        ),
        remedy: "set it to Retain, or remove it".to_owned(),
    })
}

fn short_retention(spec: &ThanosRulerSpec) -> Option<Harm> {
    let stateful = spec.ruler_mode.as_ref()?.stateful.as_ref()?;
    let retention = stateful.retention.as_deref()?;
    let short = kube_facts::duration::milliseconds(retention).is_ok_and(|ms| ms < SHORT);
    short.then(|| Harm {
        fatal: false,
        found: format!(
            "spec.rulerMode.stateful.retention is {retention}, about the time range of a block: results \
             can expire before they are uploaded"
        ),
        remedy: "set it to 24h or more, or remove it".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_default_retention_of_the_go_operator_is_warned_about() {
        let harm = |retention: &str| {
            let mode = json!({"type": "Stateful", "stateful": {"retention": retention}});
            short_retention(&serde_json::from_value(json!({"rulerMode": mode})).unwrap())
        };
        assert!(harm("2h").is_some_and(|harm| !harm.fatal));
        assert!(harm("48h").is_none());
    }

    #[test]
    fn deleting_volumes_with_their_pods_is_warned_about() {
        let found = |policy: serde_json::Value| {
            let spec = json!({"persistentVolumeClaimRetentionPolicy": policy});
            lost_results(&serde_json::from_value(spec).unwrap()).map(|harm| harm.found)
        };
        let harm = found(json!({"whenDeleted": "Retain", "whenScaled": "Delete"})).unwrap();
        assert!(harm.contains("whenScaled is Delete"), "{harm}");
        assert_eq!(found(json!({"whenScaled": "Retain"})), None);
    }
}
