//! What this controller adds to a preflight: the operator that it takes over from, and values
//! of a ThanosQuery that are accepted and do harm. Pure.

use operator_runtime::preflight::{Extra, Harm};
use thanos_api::names::Reason;
use thanos_api::v1alpha1::ThanosQuerySpec;

use crate::plan::{CONTROLLER, image, replica_labels};
use crate::{QueryController, Seen};

/// The first Thanos that reads its endpoints from a file.
const FIRST_WITH_ENDPOINT_FILE: (u64, u64) = (0, 38);

/// Flags of queriers that Thanos had once. It ends at once if it is given one.
const REMOVED: [&str; 6] = [
    "exemplar",
    "metadata",
    "rule",
    "store",
    "store-strict",
    "target",
];

/// What the Go operator stored where nobody set replica labels.
const FORMER_REPLICA_LABELS: [&str; 1] = ["replica"];

/// Queriers without endpoints are complete, and whether policies are enforced is for the network to
/// say.
const ONLY_WARNS: [&str; 2] = [
    Reason::NoEndpoints.as_str(),
    Reason::BlockedByNetworkPolicy.as_str(),
];

/// What a preflight of this controller looks at besides what every one does.
#[must_use]
pub fn extra() -> Extra<QueryController> {
    Extra {
        only_warns: &ONLY_WARNS,
        harms,
        legacy: Some(thanos_controller_common::legacy()),
        abandoned: thanos_controller_common::abandoned(CONTROLLER),
    }
}

/// The values of a ThanosQuery that do harm. Objects that were stored under the Go operator carry
/// its defaults as if somebody had set them.
fn harms(seen: &Seen) -> Vec<Harm> {
    let query = &seen.observed.query;
    let image = image(&query.spec.common, &seen.observed.settings);
    let mut all = replica_label_harms(&query.spec, &seen.status_inputs.replica_labels);
    all.extend(silent_endpoints(&query.spec));
    all.extend(old_thanos(&image));
    all.extend(removed_flags(&query.spec));
    all
}

fn replica_label_harms(spec: &ThanosQuerySpec, effective: &[String]) -> Vec<Harm> {
    let given = spec.replica_labels.as_deref().unwrap_or_default();
    let mut all = Vec::new();
    if given == FORMER_REPLICA_LABELS {
        let mut missing = replica_labels::DEFAULT.to_vec();
        missing.retain(|label| !effective.iter().any(|e| e == label));
        if !missing.is_empty() {
            all.push(Harm {
                fatal: false,
                found: format!(
                    "spec.replicaLabels is [replica], the default of the Go operator: series of \
                     replicas that differ in {} are shown twice, unless the label is learned",
                    missing.join(", ")
                ),
                remedy: "remove the field to get the defaults of this operator".to_owned(),
            });
        }
    }
    let of_targets: Vec<&str> = given
        .iter()
        .map(String::as_str)
        .filter(|label| !replica_labels::learnable(label))
        .collect();
    if !of_targets.is_empty() {
        all.push(Harm {
            fatal: false,
            found: format!(
                "spec.replicaLabels has {}, which tells targets apart: series of different \
                 targets are merged into one",
                of_targets.join(", ")
            ),
            remedy: "remove it, unless it tells replicas apart in your Prometheuses".to_owned(),
        });
    }
    all
}

fn silent_endpoints(spec: &ThanosQuerySpec) -> Option<Harm> {
    let timeout = spec.store_response_timeout.as_deref()?;
    let waits = thanos_workload::duration::milliseconds(timeout) == Some(0);
    (waits && spec.partial_response.unwrap_or(true)).then(|| Harm {
        fatal: false,
        found: format!(
            "spec.storeResponseTimeout is {timeout}: one silent endpoint holds every query up \
             until its own timeout, although partial responses are wanted"
        ),
        remedy: "remove the field to leave silent endpoints out after 30s".to_owned(),
    })
}

fn old_thanos(image: &str) -> Option<Harm> {
    let version = version(image)?;
    let (major, minor) = FIRST_WITH_ENDPOINT_FILE;
    (version < FIRST_WITH_ENDPOINT_FILE).then(|| Harm {
        fatal: true,
        found: format!(
            "the image is {image}: Thanos before v{major}.{minor} does not read its endpoints \
             from a file, and ends at once"
        ),
        remedy: "raise spec.version or spec.baseImage, or remove them".to_owned(),
    })
}

/// Major and minor version of an image, if its tag says so.
fn version(image: &str) -> Option<(u64, u64)> {
    let name = image.rsplit('/').next()?.split('@').next()?;
    let tag = name.split_once(':')?.1;
    let mut parts = tag.strip_prefix('v').unwrap_or(tag).split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

fn removed_flags(spec: &ThanosQuerySpec) -> Option<Harm> {
    let given = spec.additional.additional_args.as_deref();
    let name = |arg: &str| {
        let flag = arg.strip_prefix("--")?;
        Some(flag.split('=').next().unwrap_or(flag).to_owned())
    };
    let removed: Vec<String> = given
        .unwrap_or_default()
        .iter()
        .filter_map(|arg| name(arg))
        .filter(|flag| REMOVED.contains(&flag.as_str()))
        .map(|flag| format!("--{flag}"))
        .collect();
    (!removed.is_empty()).then(|| Harm {
        fatal: true,
        found: format!(
            "spec.additionalArgs has {}, which Thanos has no more: queriers end at once",
            removed.join(", ")
        ),
        remedy: "remove it; for an address use --endpoint, or label its Service".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(spec: serde_json::Value) -> ThanosQuerySpec {
        serde_json::from_value(spec).unwrap()
    }

    fn labels(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|l| (*l).to_owned()).collect()
    }

    #[test]
    fn the_go_operators_replica_label_is_told_unless_the_others_are_learned() {
        let stored = spec(json!({"replicaLabels": ["replica"]}));
        let told = replica_label_harms(&stored, &labels(&["replica"]));
        assert_eq!(told.len(), 1);
        assert!(told[0].found.contains("prometheus_replica"));
        assert!(replica_label_harms(&stored, &labels(&replica_labels::DEFAULT)).is_empty());
        let unset = spec(json!({}));
        assert!(replica_label_harms(&unset, &labels(&replica_labels::DEFAULT)).is_empty());
        let own = spec(json!({"replicaLabels": ["replica", "dc_replica"]}));
        assert!(replica_label_harms(&own, &labels(&["replica", "dc_replica"])).is_empty());
    }

    #[test]
    fn labels_of_targets_are_told() {
        let stored = spec(json!({"replicaLabels": ["replica", "pod", "instance"]}));
        let told = replica_label_harms(&stored, &[]);
        assert_eq!(told.len(), 1);
        assert!(told[0].found.contains("pod, instance"), "{}", told[0].found);
    }

    #[test]
    fn waiting_for_ever_is_told_where_answers_may_be_partial() {
        let told = |s| silent_endpoints(&spec(s)).is_some();
        assert!(told(json!({"storeResponseTimeout": "0s"})));
        assert!(told(
            json!({"storeResponseTimeout": "0", "partialResponse": true})
        ));
        assert!(!told(
            json!({"storeResponseTimeout": "0s", "partialResponse": false})
        ));
        assert!(!told(json!({"storeResponseTimeout": "10s"})));
        assert!(!told(json!({})));
    }

    #[test]
    fn a_thanos_without_endpoint_files_is_told() {
        for (image, old) in [
            ("quay.io/thanos/thanos:v0.37.2", true),
            ("registry:5000/thanos:0.36.1", true),
            ("quay.io/thanos/thanos:v0.38.0", false),
            ("quay.io/thanos/thanos:v0.42.4@sha256:00", false),
            ("quay.io/thanos/thanos:v1.0.0", false),
            ("quay.io/thanos/thanos:main", false),
            ("registry:5000/thanos", false),
        ] {
            assert_eq!(old_thanos(image).is_some(), old, "{image}");
        }
    }

    #[test]
    fn removed_flags_are_told() {
        let told = |args| removed_flags(&spec(json!({"additionalArgs": args})));
        let harm = told(json!(["--store=dns+x:10901", "--log.level=debug"])).unwrap();
        assert!(
            harm.fatal && harm.found.contains("--store,"),
            "{}",
            harm.found
        );
        assert!(told(json!(["--store.sd-dns-interval=10s", "--endpoint=x"])).is_none());
    }
}
