//! What a spec asks for, in the words of the hashrings; and what no schema can check. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::SecretKeySelector;
use thanos_api::v1alpha1::{
    ClaimRetention, DEFAULT_HASHRING, HashingAlgorithm, HashringPolicy, HashringSpec,
    ThanosReceiveSpec,
};
use thanos_workload::FieldError;
use thanos_workload::checks::milliseconds;

use crate::hashring::{Desired, DesiredHashring, Ring};
use crate::tenants;

/// How long a member runs on after its upload is proven, where the spec does not say.
const STORE_SYNC: &str = "4m";

/// The hashrings of a spec: those that it names, or the one that there always is.
#[must_use]
pub fn hashrings(spec: &ThanosReceiveSpec) -> Cow<'_, [HashringSpec]> {
    match &spec.ingester_spec.hashrings {
        Some(named) if !named.is_empty() => named.into(),
        _ => Cow::Owned(vec![HashringSpec {
            name: DEFAULT_HASHRING.to_owned(),
            ..Default::default()
        }]),
    }
}

/// The path of a hashring in a spec.
#[must_use]
pub fn path(index: usize) -> String {
    format!("spec.ingesterSpec.hashrings[{index}]")
}

/// The number of members of a hashring.
#[must_use]
pub fn replicas(spec: &ThanosReceiveSpec, ring: &HashringSpec) -> i32 {
    ring.replicas.unwrap_or(spec.router_spec.replication_factor)
}

/// The object storage configuration of a hashring, with the field that names it.
#[must_use]
pub fn object_storage<'a>(
    spec: &'a ThanosReceiveSpec,
    ring: &'a HashringSpec,
    index: usize,
) -> Option<(String, &'a SecretKeySelector)> {
    let children = ring.object_storage_config.as_ref();
    let children = children.map(|key| (format!("{}.objectStorageConfig", path(index)), key));
    let shared = spec.ingester_spec.default_object_storage_config.as_ref();
    children.or_else(|| {
        Some((
            "spec.ingesterSpec.defaultObjectStorageConfig".to_owned(),
            shared?,
        ))
    })
}

/// The tenants of a hashring, or patterns of them.
pub(crate) fn tenants(ring: &HashringSpec) -> &[String] {
    let tenancy = ring.tenancy_config.as_ref();
    tenancy
        .and_then(|t| t.tenants.as_deref())
        .unwrap_or_default()
}

/// The desired state of the spec. [`check`] reports what is impossible.
#[must_use]
pub fn desired(spec: &ThanosReceiveSpec) -> Desired {
    let retention = spec
        .stateful
        .persistent_volume_claim_retention_policy
        .as_ref();
    let sync = spec
        .ingester_spec
        .store_sync_delay
        .as_deref()
        .unwrap_or(STORE_SYNC);
    let sync = thanos_workload::duration::milliseconds(sync)
        .unwrap_or_default()
        .div_ceil(1_000);
    let mut rings: Vec<DesiredHashring> = hashrings(spec)
        .iter()
        .map(|ring| of_ring(spec, ring))
        .collect();
    // The first that matches a tenant gets its samples.
    rings.sort_by_key(|w| w.ring.tenants.is_empty());
    Desired {
        replication_factor: usize::try_from(spec.router_spec.replication_factor).unwrap_or(1),
        dynamic: spec.router_spec.hashring_policy == Some(HashringPolicy::Dynamic),
        allow_data_loss: spec.allow_data_loss.unwrap_or(false),
        delete_claims: retention.and_then(|r| r.when_scaled) == Some(ClaimRetention::Delete),
        store_sync: i64::try_from(sync).unwrap_or(i64::MAX),
        rings,
    }
}

fn of_ring(spec: &ThanosReceiveSpec, ring: &HashringSpec) -> DesiredHashring {
    let algorithm = ring.hashing_algorithm.unwrap_or_default();
    let matcher = ring
        .tenancy_config
        .as_ref()
        .and_then(|t| t.tenant_matcher_type);
    DesiredHashring {
        ring: Ring {
            name: ring.name.clone(),
            algorithm: algorithm.as_str().to_owned(),
            tenants: tenants(ring).to_vec(),
            matcher: matcher.unwrap_or_default().as_str().to_owned(),
            members: BTreeMap::new(),
        },
        replicas: replicas(spec, ring),
        zones: ring.zone_awareness.unwrap_or(false),
    }
}

/// What cannot be.
///
/// # Errors
/// The field that must be changed.
pub fn check(spec: &ThanosReceiveSpec) -> Result<(), FieldError> {
    let factor = spec.router_spec.replication_factor;
    if !matches!(factor, 1 | 2 | 3 | 5) {
        let message = format!("{factor} is no replication factor; set 1, 2, 3 or 5");
        return Err(FieldError::new(
            "spec.routerSpec.replicationFactor",
            message,
        ));
    }
    if let Some(sync) = &spec.ingester_spec.store_sync_delay {
        milliseconds(sync, "spec.ingesterSpec.storeSyncDelay")?;
    }
    let rings = hashrings(spec);
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rest: Option<&str> = None;
    for (i, ring) in rings.iter().enumerate() {
        let at = |field: &str| format!("{}.{field}", path(i));
        if names.insert(&ring.name, i).is_some() {
            let message = format!("`{}` is there already; choose another", ring.name);
            return Err(FieldError::new(at("name"), message));
        }
        let replicas = replicas(spec, ring);
        if replicas < factor.max(1) {
            let message = format!(
                "{replicas} members are too few for the replication factor {factor}: each copy of a \
                 sample goes to another one; set {factor} or more, or lower \
                 spec.routerSpec.replicationFactor"
            );
            return Err(FieldError::new(at("replicas"), message));
        }
        let hashmod = ring.hashing_algorithm == Some(HashingAlgorithm::Hashmod);
        if hashmod && ring.zone_awareness == Some(true) {
            let message = "needs hashingAlgorithm ketama; remove it, or change the algorithm";
            return Err(FieldError::new(at("zoneAwareness"), message));
        }
        if tenants(ring).is_empty()
            && let Some(other) = rest.replace(&ring.name)
        {
            let message = format!(
                "hashring {other} has none either, and takes those of all others; give tenants to \
                 all hashrings but one"
            );
            return Err(FieldError::new(at("tenancyConfig.tenants"), message));
        }
    }
    tenants::check(&rings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(spec: Value) -> ThanosReceiveSpec {
        serde_json::from_value(spec).unwrap()
    }

    fn rings(rings: Value) -> ThanosReceiveSpec {
        spec(json!({"ingesterSpec": {"hashrings": rings}}))
    }

    #[test]
    fn nothing_given_is_one_hashring_with_one_member() {
        let desired = desired(&spec(json!({})));
        assert_eq!(desired.replication_factor, 1);
        assert_eq!(desired.store_sync, 240);
        let [ring] = &desired.rings[..] else {
            panic!("{desired:?}");
        };
        assert_eq!((ring.ring.name.as_str(), ring.replicas), ("default", 1));
    }

    #[test]
    fn a_hashring_has_as_many_members_as_copies_are_made() {
        let spec = spec(json!({
            "routerSpec": {"replicationFactor": 3},
            "ingesterSpec": {"hashrings": [{"name": "a"}, {"name": "b", "replicas": 5}]},
        }));
        let replicas: Vec<i32> = desired(&spec).rings.iter().map(|w| w.replicas).collect();
        assert_eq!(replicas, [3, 5]);
    }

    #[test]
    fn the_hashring_for_all_others_comes_last() {
        let spec = rings(json!([
            {"name": "a"},
            {"name": "c", "tenancyConfig": {"tenants": ["x"]}},
            {"name": "b", "tenancyConfig": {"tenants": ["y*"], "tenantMatcherType": "glob"}},
        ]));
        check(&spec).unwrap();
        let desired = desired(&spec);
        let names: Vec<&str> = desired.rings.iter().map(|w| w.ring.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert_eq!(desired.rings[1].ring.matcher, "glob");
    }

    #[test]
    fn impossible_values_are_reported_with_their_field() {
        let reported = |value: Value| {
            let error = check(&spec(value)).unwrap_err();
            (error.field, error.message)
        };
        let is = |value: Value, field: &str, part: &str| {
            let (at, message) = reported(value);
            assert_eq!(at, field, "{message}");
            assert!(message.contains(part), "{message}");
        };
        let hashrings = |rings: Value| json!({"ingesterSpec": {"hashrings": rings}});
        is(
            json!({"routerSpec": {"replicationFactor": 4}}),
            "spec.routerSpec.replicationFactor",
            "1, 2, 3 or 5",
        );
        is(
            json!({"routerSpec": {"replicationFactor": 3}, "ingesterSpec": {"hashrings": [{"name": "a", "replicas": 2}]}}),
            "spec.ingesterSpec.hashrings[0].replicas",
            "too few for the replication factor 3",
        );
        is(
            hashrings(json!([{"name": "a"}, {"name": "b"}])),
            "spec.ingesterSpec.hashrings[1].tenancyConfig.tenants",
            "hashring a has none either",
        );
        is(
            hashrings(json!([{"name": "a"}, {"name": "a"}])),
            "spec.ingesterSpec.hashrings[1].name",
            "there already",
        );
        let tenants = |a: Value, b: Value| {
            hashrings(json!([
                {"name": "a", "tenancyConfig": a}, {"name": "b", "tenancyConfig": b},
            ]))
        };
        is(
            tenants(json!({"tenants": ["x", "y"]}), json!({"tenants": ["y"]})),
            "spec.ingesterSpec.hashrings[1].tenancyConfig.tenants[0]",
            "in hashring a already",
        );
        is(
            tenants(json!({"tenants": ["x/y"]}), json!({})),
            "spec.ingesterSpec.hashrings[0].tenancyConfig.tenants[0]",
            "slashes",
        );
        is(
            tenants(
                json!({"tenants": ["*"], "tenantMatcherType": "glob"}),
                json!({"tenants": ["y"]}),
            ),
            "spec.ingesterSpec.hashrings[1].tenancyConfig.tenants[0]",
            "never gets here",
        );
        is(
            hashrings(json!([{"name": "a", "hashingAlgorithm": "hashmod", "zoneAwareness": true}])),
            "spec.ingesterSpec.hashrings[0].zoneAwareness",
            "ketama",
        );
    }
}
