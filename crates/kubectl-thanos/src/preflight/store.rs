//! Preflight of a ThanosStore: accepted but harmful values. Pure.

use operator_inspect::preflight::{Extra, Harm};
use thanos_api::v1alpha1::ThanosStoreSpec;

use thanos_store_controller::{NAME, Observed, StoreController};

use super::{legacy, orphaned};

/// Store flags that Thanos removed; with one of them it exits at startup.
const REMOVED: [&str; 2] = [
    "--debug.advertise-compatibility-label",
    "--experimental.enable-index-header",
];

/// Checks in addition to the common ones.
pub(super) fn extra() -> Extra<StoreController> {
    Extra {
        only_warns: &[],
        harms,
        legacy: Some(legacy()),
        orphaned: orphaned(NAME),
    }
}

/// Harmful values of a ThanosStore.
fn harms(seen: &Observed) -> Vec<Harm> {
    let spec = &seen.plan_inputs.store.spec;
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
            "spec.additionalArgs contains {}, which Thanos removed: stores exit at startup",
            removed.join(", ")
        ),
        remedy: "remove them".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn removed_flags_are_reported() {
        let reported = |args| {
            let spec =
                json!({"objectStorageConfig": {"name": "s", "key": "k"}, "additionalArgs": args});
            removed_flags(&serde_json::from_value(spec).unwrap())
        };
        let harm = reported(json!([
            "--experimental.enable-index-header",
            "--log.level=debug"
        ]))
        .unwrap();
        assert!(
            harm.fatal && harm.found.contains("index-header,"),
            "{}",
            harm.found
        );
        assert!(reported(json!(["--log.level=debug"])).is_none());
    }
}
