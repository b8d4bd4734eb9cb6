//! Preflight of a ThanosQuery: accepted but harmful values. Pure.

use operator_inspect::preflight::{Extra, Harm};
use thanos_api::names::Reason;
use thanos_api::v1alpha1::ThanosQuerySpec;

use thanos_query_controller::plan::{CONTROLLER, image, replica_labels};
use thanos_query_controller::{Observed, QueryController};

use super::{legacy, orphaned};

/// First version of Thanos that reads endpoints from a file.
const FIRST_WITH_ENDPOINT_FILE: (u64, u64) = (0, 38);

/// Querier flags that Thanos removed; with one of them it exits at startup.
const REMOVED: [&str; 6] = [
    "exemplar",
    "metadata",
    "rule",
    "store",
    "store-strict",
    "target",
];

/// Default that the Go operator stored.
const GO_OPERATOR_REPLICA_LABELS: [&str; 1] = ["replica"];

/// A querier without endpoints is valid, and only the network plugin decides whether policies are
/// enforced.
const ONLY_WARNS: [&str; 2] = [
    Reason::NoEndpoints.as_str(),
    Reason::BlockedByNetworkPolicy.as_str(),
];

/// Checks in addition to the common ones.
pub(super) fn extra() -> Extra<QueryController> {
    Extra {
        only_warns: &ONLY_WARNS,
        harms,
        legacy: Some(legacy()),
        orphaned: orphaned(CONTROLLER),
    }
}

/// Harmful values of a ThanosQuery. Objects stored by the Go operator contain its defaults as if
/// the user had set them.
fn harms(seen: &Observed) -> Vec<Harm> {
    let query = &seen.plan_inputs.query;
    let image = image(&query.spec.common, &seen.plan_inputs.settings);
    let mut all = replica_label_harms(&query.spec, &seen.status_inputs.replica_labels);
    all.extend(silent_endpoints(&query.spec));
    all.extend(old_thanos(&image));
    all.extend(removed_flags(&query.spec));
    all
}

fn replica_label_harms(spec: &ThanosQuerySpec, effective: &[String]) -> Vec<Harm> {
    let given = spec.replica_labels.as_deref().unwrap_or_default();
    let mut all = Vec::new();
    if given == GO_OPERATOR_REPLICA_LABELS {
        let mut missing = replica_labels::DEFAULT.to_vec();
        missing.retain(|label| !effective.iter().any(|e| e == label));
        if !missing.is_empty() {
            all.push(Harm {
                fatal: false,
                found: format!(
                    "spec.replicaLabels is [replica], the default of the Go operator: series that differ in {} are not deduplicated unless the label is learned",
                    missing.join(", ")
                ),
                remedy: "remove the field to use the defaults of this operator".to_owned(),
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
                "spec.replicaLabels contains target labels ({}): series of different targets are merged into one",
                of_targets.join(", ")
            ),
            remedy: "remove them, unless your Prometheuses use them as replica labels".to_owned(),
        });
    }
    all
}

fn silent_endpoints(spec: &ThanosQuerySpec) -> Option<Harm> {
    let timeout = spec.store_response_timeout.as_deref()?;
    let waits = kube_facts::duration::milliseconds(timeout) == Ok(0);
    (waits && spec.partial_response.unwrap_or(true)).then(|| Harm {
        fatal: false,
        found: format!(
            "spec.storeResponseTimeout is {timeout}: one unresponsive endpoint delays every query until its timeout, although partial responses are enabled"
        ),
        remedy: "remove the field to leave unresponsive endpoints out after 30s".to_owned(),
    })
}

fn old_thanos(image: &str) -> Option<Harm> {
    let version = version(image)?;
    let (major, minor) = FIRST_WITH_ENDPOINT_FILE;
    (version < FIRST_WITH_ENDPOINT_FILE).then(|| Harm {
        fatal: true,
        found: format!(
            "the image is {image}: Thanos before v{major}.{minor} cannot read endpoints from a file and exits at startup"
        ),
        remedy: "update or remove spec.version and spec.baseImage".to_owned(),
    })
}

/// Major and minor version of an image, if its tag has them.
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
            "spec.additionalArgs contains {}, which Thanos removed: queriers exit at startup",
            removed.join(", ")
        ),
        remedy: "remove it; for an address use --endpoint or label its Service".to_owned(),
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
    fn go_operator_replica_label_is_reported_unless_the_others_are_learned() {
        let stored = spec(json!({"replicaLabels": ["replica"]}));
        let reported = replica_label_harms(&stored, &labels(&["replica"]));
        assert_eq!(reported.len(), 1);
        assert!(reported[0].found.contains("prometheus_replica"));
        assert!(replica_label_harms(&stored, &labels(&replica_labels::DEFAULT)).is_empty());
        let unset = spec(json!({}));
        assert!(replica_label_harms(&unset, &labels(&replica_labels::DEFAULT)).is_empty());
        let own = spec(json!({"replicaLabels": ["replica", "dc_replica"]}));
        assert!(replica_label_harms(&own, &labels(&["replica", "dc_replica"])).is_empty());
    }

    #[test]
    fn target_labels_in_replica_labels_are_reported() {
        let stored = spec(json!({"replicaLabels": ["replica", "pod", "instance"]}));
        let reported = replica_label_harms(&stored, &[]);
        assert_eq!(reported.len(), 1);
        assert!(
            reported[0].found.contains("pod, instance"),
            "{}",
            reported[0].found
        );
    }

    #[test]
    fn unlimited_store_timeout_is_reported_with_partial_responses() {
        let reported = |s| silent_endpoints(&spec(s)).is_some();
        assert!(reported(json!({"storeResponseTimeout": "0s"})));
        assert!(reported(
            json!({"storeResponseTimeout": "0", "partialResponse": true})
        ));
        assert!(!reported(
            json!({"storeResponseTimeout": "0s", "partialResponse": false})
        ));
        assert!(!reported(json!({"storeResponseTimeout": "10s"})));
        assert!(!reported(json!({})));
    }

    #[test]
    fn image_without_endpoint_files_is_reported() {
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
    fn removed_flags_are_reported() {
        let reported = |args| removed_flags(&spec(json!({"additionalArgs": args})));
        let harm = reported(json!(["--store=dns+x:10901", "--log.level=debug"])).unwrap();
        assert!(
            harm.fatal && harm.found.contains("--store,"),
            "{}",
            harm.found
        );
        assert!(reported(json!(["--store.sd-dns-interval=10s", "--endpoint=x"])).is_none());
    }
}
