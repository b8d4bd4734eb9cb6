//! What this controller adds to a preflight: the operator that it takes over from, and values
//! of a ThanosStore that are accepted and do harm. Pure.

use operator_runtime::preflight::{Extra, Harm};
use thanos_api::names::Reason;
use thanos_api::v1alpha1::ThanosStoreSpec;

use crate::{NAME, Seen, StoreController};

/// Flags of stores that Thanos had once. It ends at once if it is given one.
const REMOVED: [&str; 2] = [
    "--debug.advertise-compatibility-label",
    "--experimental.enable-index-header",
];

/// There are no pods before the controller runs, and who may watch Secrets is the user's choice.
const ONLY_WARNS: [&str; 3] = [
    Reason::Syncing.as_str(),
    Reason::SecretsNotWatched.as_str(),
    Reason::VolumePending.as_str(),
];

/// What a preflight of this controller looks at besides what every one does.
#[must_use]
pub fn extra() -> Extra<StoreController> {
    Extra {
        only_warns: &ONLY_WARNS,
        harms,
        legacy: Some(thanos_controller_common::legacy()),
        abandoned: thanos_controller_common::abandoned(NAME),
    }
}

/// The values of a ThanosStore that do harm.
fn harms(seen: &Seen) -> Vec<Harm> {
    let spec = &seen.observed.store.spec;
    removed_flags(spec).into_iter().collect()
}

fn removed_flags(spec: &ThanosStoreSpec) -> Option<Harm> {
    let given = spec.additional.additional_args.as_deref();
    let flag = |arg: &str| arg.split('=').next().unwrap_or(arg).to_owned();
    let removed: Vec<String> = given
        .unwrap_or_default()
        .iter()
        .map(|arg| flag(arg))
        .filter(|flag| REMOVED.contains(&flag.as_str()))
        .collect();
    (!removed.is_empty()).then(|| Harm {
        fatal: true,
        found: format!(
            "spec.additionalArgs has {}, which Thanos has no more: stores end at once",
            removed.join(", ")
        ),
        remedy: "remove it".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn removed_flags_are_told() {
        let told = |args| {
            let spec =
                json!({"objectStorageConfig": {"name": "s", "key": "k"}, "additionalArgs": args});
            removed_flags(&serde_json::from_value(spec).unwrap())
        };
        let harm = told(json!([
            "--experimental.enable-index-header",
            "--log.level=debug"
        ]))
        .unwrap();
        assert!(
            harm.fatal && harm.found.contains("index-header,"),
            "{}",
            harm.found
        );
        assert!(told(json!(["--log.level=debug"])).is_none());
    }
}
