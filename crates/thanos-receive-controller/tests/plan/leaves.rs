//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores the plan.

use plan_testing::Case as _;
use plan_testing::leaves::{Leaf, Leaves, fill, fill_section};
use serde_json::{Value, json};

use crate::case::Case;

const LEAVES: Leaves<'_, Case> = Leaves {
    more_than: 1000,
    without_effect: &[
        // The runtime evaluates it before the plan.
        "spec.paused",
        // PVCs are deleted only after a proven upload, and no controller waits for that when the custom
        // resource is deleted.
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
        // Allows traffic to discovered pods, and this kind discovers none.
        "spec.networkPolicy.openDiscovered",
    ],
    case,
};

/// Observed state in which the leaf has an effect.
fn world(leaf: &Leaf) -> Value {
    let ring = |members: Value| json!({"name": "default", "algorithm": "ketama", "matcher": "exact", "members": members});
    // The second of two members left.
    let left = |draining: Value| {
        json!({
            "replicationFactor": 1, "confirmed": true, "rings": [ring(json!({"0": null}))],
            "held": {"default": 2}, "draining": {"default": {"1": draining}},
        })
    };
    let (record, mut set) = match leaf.path.as_str() {
        // Without object storage, it may be removed all the same.
        "spec.allowDataLoss" => (
            left(json!({"since": 1_767_225_500, "pod": "first"})),
            json!({"replicas": 2, "uploads": false}),
        ),
        // Its upload was proven five minutes ago.
        "spec.ingesterSpec.storeSyncDelay" => (
            left(json!({"since": 1_767_225_000, "pod": "first", "drainedAt": 1_767_225_300})),
            json!({"replicas": 2}),
        ),
        // It was removed, and its PVC exists.
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled" => (
            left(json!({"since": 1, "pod": "first", "drainedAt": 2})),
            json!({}),
        ),
        // One of two members is unavailable.
        "spec.routerSpec.hashringPolicy" => (
            json!({
                "replicationFactor": 1, "confirmed": true, "held": {"default": 2},
                "rings": [ring(json!({"0": null, "1": null}))],
            }),
            json!({"replicas": 2, "pods": {"1": {"unready": true}}}),
        ),
        _ => (
            json!({
                "replicationFactor": 1, "confirmed": true, "held": {"default": 1},
                "rings": [ring(json!({"0": null}))],
            }),
            json!({}),
        ),
    };
    set["ring"] = json!("default");
    // Routers roll out once the ingesters have the planned template.
    let image = ["spec.routerSpec.baseImage", "spec.routerSpec.version"];
    if !image.contains(&leaf.path.as_str()) {
        set["hash"] = json!("older");
    }
    json!({
        "serviceMonitors": true, "record": record, "routers": {}, "sets": [set],
        "pvcs": [{"name": "data-thanos-receive-ingester-main-default-1", "size": "10Gi"}],
        "given": ["sample", "other", "fixed"],
    })
}

/// Further fields that the leaf needs, such as a volume to mount, or a second pod for a budget.
fn around(leaf: &Leaf, mut spec: Value) -> Value {
    let path = leaf.path.as_str();
    fill_section(leaf, "spec.", &mut spec);
    for section in ["routerSpec", "ingesterSpec"] {
        let path = format!("spec.{section}.");
        if leaf.path.starts_with(&path) {
            fill_section(leaf, &path, &mut spec[section]);
        }
    }
    // Tenants from certificates require client certificates.
    if path.ends_with(".tenantCertificateField") {
        spec["routerSpec"]["additionalArgs"] = json!(["--remote-write.server-tls-client-ca=/x"]);
    }
    if path.contains(".defaultObjectStorageConfig.") {
        let key = &mut spec["ingesterSpec"]["defaultObjectStorageConfig"];
        fill(key, &["name", "key"]);
    }
    if path == "spec.routerSpec.hashringPolicy" {
        spec["ingesterSpec"]["hashrings"] = json!([{"name": "default", "replicas": 2}]);
    }
    let Some(ring) = path.strip_prefix("spec.ingesterSpec.hashrings[].") else {
        return spec;
    };
    let of_ring = &mut spec["ingesterSpec"]["hashrings"][0];
    // Another name is another hashring.
    match ring {
        "name" => fill(of_ring, &["name"]),
        _ => of_ring["name"] = json!("default"),
    }
    if ring.starts_with("objectStorageConfig.") {
        fill(&mut of_ring["objectStorageConfig"], &["name", "key"]);
    }
    if ring.starts_with("externalLabels") {
        of_ring["externalLabels"]["replica"] = json!("$(POD_NAME)");
    }
    if ring.starts_with("podDisruptionBudgetConfig") {
        of_ring["replicas"] = json!(2);
    }
    // The matcher has an effect on names without wildcards as well.
    if ring.ends_with("tenantMatcherType") {
        of_ring["tenancyConfig"]["tenants"] = json!(["a"]);
    }
    spec
}

fn case(leaf: &Leaf, value: Option<&Value>) -> Case {
    let mut case = world(leaf);
    case["spec"] = around(leaf, leaf.spec(value));
    Case::read(&case)
}

#[test]
fn every_leaf_has_an_effect() {
    LEAVES.have_an_effect();
}

#[test]
fn relations_hold_for_every_leaf() {
    LEAVES.keep_relations();
}

#[test]
fn credentials_of_urls_are_not_repeated() {
    LEAVES.do_not_repeat_credentials(&[
        "ConfigMap of spec.ingesterSpec.hashrings[].tenancyConfig.tenants[]",
        "ConfigMap of spec.routerSpec.limits.global.metaMonitoringLimitQuery",
        "arguments of spec.ingesterSpec.additionalContainers[].args[]",
        "arguments of spec.ingesterSpec.hashrings[].externalLabels{}",
        "arguments of spec.ingesterSpec.hashrings[].tenancyConfig.defaultTenantID",
        "arguments of spec.ingesterSpec.hashrings[].tenancyConfig.splitTenantLabelName",
        "arguments of spec.ingesterSpec.hashrings[].tenancyConfig.tenantHeader",
        "arguments of spec.ingesterSpec.hashrings[].tenancyConfig.tenantLabelName",
        "arguments of spec.routerSpec.additionalContainers[].args[]",
        "arguments of spec.routerSpec.externalLabels{}",
        "arguments of spec.routerSpec.tenancyConfig.defaultTenantID",
        "arguments of spec.routerSpec.tenancyConfig.splitTenantLabelName",
        "arguments of spec.routerSpec.tenancyConfig.tenantHeader",
    ]);
}
