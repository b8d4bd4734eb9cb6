//! Preflight of a ThanosReceive: accepted but harmful values. Pure.

use operator_inspect::preflight::{Extra, Harm};
use thanos_api::v1alpha1::ThanosReceiveSpec;

use thanos_receive_controller::desired::{hashrings, object_storage};
use thanos_receive_controller::tenants::path;
use thanos_receive_controller::{NAME, Observed, ReceiveController};

use super::{legacy, orphaned};

/// Shortest safe retention, in milliseconds. With a shorter one, samples can be deleted before a store
/// serves them: blocks are cut every two hours, and are uploaded and synced some time later.
const MIN_RETENTION: u64 = 6 * 3_600_000;

/// Checks in addition to the common ones.
pub(super) fn extra() -> Extra<ReceiveController> {
    Extra {
        only_warns: &[],
        harms,
        legacy: Some(legacy()),
        orphaned: orphaned(NAME),
    }
}

/// Harmful values of a ThanosReceive.
fn harms(seen: &Observed) -> Vec<Harm> {
    let spec = &seen.plan_inputs.receive.spec;
    short_retention(spec)
        .into_iter()
        .chain(deletes(spec))
        .collect()
}

/// Resources that were created under the Go operator have its default of 2h.
fn short_retention(spec: &ThanosReceiveSpec) -> Vec<Harm> {
    let rings = hashrings(spec);
    let short = rings.iter().enumerate().filter_map(|(i, ring)| {
        let retention = ring.tsdb_config.as_ref()?.retention.as_deref()?;
        let is_short = kube_facts::duration::milliseconds(retention).ok()? < MIN_RETENTION;
        let uploads = object_storage(spec, ring, i).is_some();
        (is_short && uploads).then(|| Harm {
            fatal: false,
            found: format!(
                "{}.tsdbConfig.retention is {retention}: ingesters can delete samples before a store \
                 serves them",
                path(i)
            ),
            remedy: "remove it (default: 24h), or set 6h or more".to_owned(),
        })
    });
    short.collect()
}

/// Another default of the Go operator, which has no effect.
fn deletes(spec: &ThanosReceiveSpec) -> Option<Harm> {
    let policy = spec
        .stateful
        .persistent_volume_claim_retention_policy
        .as_ref()?;
    policy
        .when_deleted
        .filter(|when| when.as_str() == "Delete")?;
    Some(Harm {
        fatal: false,
        found: "spec.persistentVolumeClaimRetentionPolicy.whenDeleted is Delete, which has no \
                effect: PVCs are kept, since the upload of their samples could no longer be proven"
            .to_owned(),
        remedy: "remove it; to delete PVCs, scale hashrings down first with whenScaled: Delete"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn harmful_defaults_of_the_go_operator_are_reported() {
        let spec = json!({
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
            "ingesterSpec": {
                "defaultObjectStorageConfig": {"name": "s", "key": "k"},
                "hashrings": [{"name": "a", "tsdbConfig": {"retention": "2h"}}, {"name": "b"}],
            },
        });
        let spec: ThanosReceiveSpec = serde_json::from_value(spec).unwrap();
        let short = short_retention(&spec);
        assert_eq!(short.len(), 1);
        assert!(
            short[0].found.contains("hashrings[0]"),
            "{}",
            short[0].found
        );
        assert!(deletes(&spec).is_some());
        let quiet = ThanosReceiveSpec::default();
        assert!(short_retention(&quiet).is_empty() && deletes(&quiet).is_none());
    }
}
