//! The hashrings of a spec, and validation beyond the schema. Pure, no IO.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::SecretKeySelector;
use thanos_api::v1alpha1::{
    ClaimRetention, DEFAULT_HASHRING, HashingAlgorithm, HashringPolicy, HashringSpec,
    ThanosReceiveSpec,
};
use thanos_workload::FieldError;
use thanos_workload::checks::milliseconds;

use crate::hashring::{DesiredHashring, DesiredHashrings, Ring};
use crate::tenants::{self, path, tenants};

/// Default of storeSyncDelay.
const STORE_SYNC: &str = "4m";

/// The hashrings of a spec, or the default one.
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

/// Number of members of a hashring.
#[must_use]
pub fn replicas(spec: &ThanosReceiveSpec, ring: &HashringSpec) -> i32 {
    ring.replicas.unwrap_or(spec.router_spec.replication_factor)
}

/// Object storage configuration of a hashring, and the field that names it.
#[must_use]
pub fn object_storage<'a>(
    spec: &'a ThanosReceiveSpec,
    ring: &'a HashringSpec,
    index: usize,
) -> Option<(String, &'a SecretKeySelector)> {
    if let Some(key) = &ring.object_storage_config {
        return Some((format!("{}.objectStorageConfig", path(index)), key));
    }
    let key = spec.ingester_spec.default_object_storage_config.as_ref()?;
    Some((
        "spec.ingesterSpec.defaultObjectStorageConfig".to_owned(),
        key,
    ))
}

/// The hashrings of the spec. [`check`] rejects invalid ones.
#[must_use]
pub fn desired(spec: &ThanosReceiveSpec) -> DesiredHashrings {
    let retention = spec
        .stateful
        .persistent_volume_claim_retention_policy
        .as_ref();
    let sync = spec
        .ingester_spec
        .store_sync_delay
        .as_deref()
        .unwrap_or(STORE_SYNC);
    let sync = kube_facts::duration::milliseconds(sync)
        .unwrap_or_default()
        .div_ceil(1_000);
    let mut rings: Vec<DesiredHashring> = hashrings(spec)
        .iter()
        .map(|ring| of_ring(spec, ring))
        .collect();
    // The first hashring that matches a tenant receives its samples.
    rings.sort_by_key(|w| w.ring.tenants.is_empty());
    DesiredHashrings {
        replication_factor: usize::try_from(spec.router_spec.replication_factor).unwrap_or(1),
        dynamic: spec.router_spec.hashring_policy == Some(HashringPolicy::Dynamic),
        allow_data_loss: spec.allow_data_loss.unwrap_or(false),
        delete_pvcs: retention.and_then(|r| r.when_scaled) == Some(ClaimRetention::Delete),
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

/// Validates the hashrings of a spec.
///
/// # Errors
/// The invalid field and its remedy.
pub fn check(spec: &ThanosReceiveSpec) -> Result<(), FieldError> {
    let factor = spec.router_spec.replication_factor;
    if !matches!(factor, 1 | 2 | 3 | 5) {
        let message = format!("{factor} is not a supported replication factor; set 1, 2, 3 or 5");
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
            let message = format!(
                "`{}` is the name of another hashring already; choose another name",
                ring.name
            );
            return Err(FieldError::new(at("name"), message));
        }
        let replicas = replicas(spec, ring);
        if replicas < factor.max(1) {
            let message = format!(
                "{replicas} members are too few for the replication factor {factor}, since each copy of \
                 a sample needs its own member; set {factor} or more, or lower \
                 spec.routerSpec.replicationFactor"
            );
            return Err(FieldError::new(at("replicas"), message));
        }
        let hashmod = ring.hashing_algorithm == Some(HashingAlgorithm::Hashmod);
        if hashmod && ring.zone_awareness == Some(true) {
            let message = "requires hashingAlgorithm ketama; remove it, or change the algorithm";
            return Err(FieldError::new(at("zoneAwareness"), message));
        }
        if tenants(ring).is_empty()
            && let Some(other) = rest.replace(&ring.name)
        {
            let message = format!(
                "hashring {other} has no tenants either, and receives all other tenants; set tenants \
                 on all hashrings but one"
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
    fn empty_spec_has_one_hashring_with_one_member() {
        let desired = desired(&spec(json!({})));
        assert_eq!(desired.replication_factor, 1);
        assert_eq!(desired.store_sync, 240);
        let [ring] = &desired.rings[..] else {
            panic!("{desired:?}");
        };
        assert_eq!((ring.ring.name.as_str(), ring.replicas), ("default", 1));
    }

    #[test]
    fn replicas_default_to_the_replication_factor() {
        let spec = spec(json!({
            "routerSpec": {"replicationFactor": 3},
            "ingesterSpec": {"hashrings": [{"name": "a"}, {"name": "b", "replicas": 5}]},
        }));
        let replicas: Vec<i32> = desired(&spec).rings.iter().map(|w| w.replicas).collect();
        assert_eq!(replicas, [3, 5]);
    }

    #[test]
    fn hashring_without_tenants_is_matched_last() {
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
    fn invalid_hashrings_are_rejected_with_the_field() {
        let rejected = |value: Value| {
            let error = check(&spec(value)).unwrap_err();
            (error.field, error.message)
        };
        let is = |value: Value, field: &str, part: &str| {
            let (at, message) = rejected(value);
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
            "hashring a has no tenants either",
        );
        is(
            hashrings(json!([{"name": "a"}, {"name": "a"}])),
            "spec.ingesterSpec.hashrings[1].name",
            "another hashring already",
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
            "is unreachable",
        );
        is(
            hashrings(json!([{"name": "a", "hashingAlgorithm": "hashmod", "zoneAwareness": true}])),
            "spec.ingesterSpec.hashrings[0].zoneAwareness",
            "ketama",
        );
    }
}
