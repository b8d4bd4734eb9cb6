//! What this controller adds to a preflight: the operator that it takes over from, and values
//! of a ThanosRuler that are accepted and do harm. Pure.

use operator_runtime::preflight::{Extra, Harm};
use thanos_api::names::Reason;
use thanos_api::v1alpha1::{ClaimRetention, ThanosRulerSpec};
use thanos_workload::duration;

use crate::{NAME, RulerController, Seen};

/// There are no pods before the controller runs, and who may watch Secrets is the user's choice.
const ONLY_WARNS: [&str; 8] = [
    Reason::BlockedByNetworkPolicy.as_str(),
    Reason::Loading.as_str(),
    Reason::Syncing.as_str(),
    Reason::SecretsNotWatched.as_str(),
    Reason::VolumePending.as_str(),
    Reason::NoQueriers.as_str(),
    Reason::NoRules.as_str(),
    Reason::AlertingDisabled.as_str(),
];

/// Shorter than this, results can be gone before they are in a block, and alerts forget how long they
/// were pending: twice the time that a block covers, in milliseconds.
const SHORT: u64 = 4 * 60 * 60 * 1000;

/// What a preflight of this controller looks at besides what every one does.
#[must_use]
pub fn extra() -> Extra<RulerController> {
    Extra {
        only_warns: &ONLY_WARNS,
        harms,
        legacy: Some(thanos_controller_common::legacy()),
        abandoned: thanos_controller_common::abandoned(NAME),
    }
}

/// The values of a ThanosRuler that do harm.
fn harms(seen: &Seen) -> Vec<Harm> {
    let spec = &seen.observed.ruler.spec;
    short_retention(spec)
        .into_iter()
        .chain(lost_results(spec))
        .collect()
}

/// Rulers neither write a block nor upload one when they stop.
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
            "spec.persistentVolumeClaimRetentionPolicy.{field} is Delete: with a pod goes its volume, \
             and with that the results that are in no block yet, some hours of them"
        ),
        remedy: "set it to Retain, or remove it".to_owned(),
    })
}

fn short_retention(spec: &ThanosRulerSpec) -> Option<Harm> {
    let stateful = spec.ruler_mode.as_ref()?.stateful.as_ref()?;
    let retention = stateful.retention.as_deref()?;
    let short = duration::milliseconds(retention).is_some_and(|ms| ms < SHORT);
    short.then(|| Harm {
        fatal: false,
        found: format!(
            "spec.rulerMode.stateful.retention is {retention}, which is about the time that a block \
             covers: results are gone soon, and are not uploaded for certain"
        ),
        remedy: "set it to 24h or more, or remove it".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_retention_that_the_go_operator_writes_is_told() {
        let told = |retention: &str| {
            let mode = json!({"type": "Stateful", "stateful": {"retention": retention}});
            short_retention(&serde_json::from_value(json!({"rulerMode": mode})).unwrap())
        };
        assert!(told("2h").is_some_and(|harm| !harm.fatal));
        assert!(told("48h").is_none());
    }

    #[test]
    fn volumes_that_go_with_their_pods_are_told() {
        let told = |policy: serde_json::Value| {
            let spec = json!({"persistentVolumeClaimRetentionPolicy": policy});
            lost_results(&serde_json::from_value(spec).unwrap()).map(|harm| harm.found)
        };
        let found = told(json!({"whenDeleted": "Retain", "whenScaled": "Delete"})).unwrap();
        assert!(found.contains("whenScaled is Delete"), "{found}");
        assert_eq!(told(json!({"whenScaled": "Retain"})), None);
    }
}
