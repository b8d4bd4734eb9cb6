//! No dead field: setting any leaf of the schema changes the plan, and unsetting it restores it.

use kube::CustomResourceExt;
use operator_runtime::Plan;
use serde_json::{Value, json};
use thanos_api::v1alpha1::{ThanosReceive, ThanosReceiveSpec};
use thanos_workload::testing::credentials;
use thanos_workload::testing::sample::{Leaf, leaves};

use crate::case::{self, Case};
use crate::relations;

/// Without an effect on the plan, each for a reason.
const NOT_OF_THE_PLAN: [&str; 3] = [
    // Whether there is a plan at all.
    "spec.paused",
    // Volumes are only deleted when what they hold is proven uploaded, which nobody waits for when
    // the resource is deleted.
    "spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
    // Opens ways to what is discovered, and nothing is discovered here.
    "spec.networkPolicy.openDiscovered",
];

/// Something of everything that the leaf may act on.
fn world(leaf: &Leaf) -> Value {
    let ring = |members: Value| json!({"name": "default", "algorithm": "ketama", "matcher": "exact", "members": members});
    // Of two members, the last one left.
    let left = |leaving: Value| {
        json!({
            "replicationFactor": 1, "confirmed": true, "rings": [ring(json!({"0": null}))],
            "held": {"default": 2}, "leaving": {"default": {"1": leaving}},
        })
    };
    let (record, mut set) = match leaf.path.as_str() {
        // It has nowhere to upload to, and may still go.
        "spec.allowDataLoss" => (
            left(json!({"since": 1_767_225_500, "pod": "first"})),
            json!({"replicas": 2, "uploads": false}),
        ),
        // It was proven five minutes ago that everything is uploaded.
        "spec.ingesterSpec.storeSyncDelay" => (
            left(json!({"since": 1_767_225_000, "pod": "first", "proven": 1_767_225_300})),
            json!({"replicas": 2}),
        ),
        // It is gone, and its volume is there.
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled" => (
            left(json!({"since": 1, "pod": "first", "proven": 2})),
            json!({}),
        ),
        // One of two members is away.
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
    // Routers get another image when ingesters are as they are to be, which takes a plan to find out.
    let image = ["spec.routerSpec.baseImage", "spec.routerSpec.version"];
    if !image.contains(&leaf.path.as_str()) {
        set["hash"] = json!("older");
    }
    json!({
        "serviceMonitors": true, "record": record, "routers": {}, "sets": [set],
        "claims": [{"name": "data-thanos-receive-ingester-main-default-1", "size": "10Gi"}],
        "given": ["sample", "other", "fixed"],
    })
}

/// What must be there for the leaf to be of any use: a volume to mount, a second pod to protect.
fn around(leaf: &Leaf, mut spec: Value) -> Value {
    let path = leaf.path.as_str();
    for section in ["routerSpec", "ingesterSpec"] {
        if path.starts_with(&format!("spec.{section}.additionalVolumeMounts")) {
            spec[section]["additionalVolumes"] = json!([
                {"name": "sample", "emptyDir": {}}, {"name": "other", "emptyDir": {}},
            ]);
        }
        if path.starts_with(&format!("spec.{section}.additionalServicePorts")) {
            fill(&mut spec[section]["additionalServicePorts"][0], &["name"]);
        }
    }
    if path.starts_with("spec.routerSpec.podDisruptionBudgetConfig") {
        spec["routerSpec"]["replicas"] = json!(2);
    }
    // The only way to know clients by their certificates is to ask for these.
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
    if path.ends_with("scrapeTimeout") {
        spec["serviceMonitor"]["interval"] = json!("1h");
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
    // Names that are no patterns are compared in one way or the other.
    if ring.ends_with("tenantMatcherType") {
        of_ring["tenancyConfig"]["tenants"] = json!(["a"]);
    }
    spec
}

fn fill(key: &mut Value, fields: &[&str]) {
    for field in fields {
        if key.get(field).is_none() {
            key[field] = json!("fixed");
        }
    }
}

fn case(leaf: &Leaf, value: Option<&Value>) -> Case {
    let mut case = world(leaf);
    case["spec"] = around(leaf, leaf.spec(value));
    Case::read(&case)
}

fn planned(leaf: &Leaf, value: Option<&Value>) -> Result<Plan, String> {
    let plan = case(leaf, value).plan();
    plan.map_err(|e| format!("{}: {e}", leaf.path))
}

/// Everything that a plan does.
fn deeds(plan: &Plan) -> (Vec<Value>, String) {
    let besides = format!("{:?}{:?}", plan.amendments(), plan.removals());
    (case::bodies(plan), besides)
}

fn all() -> Vec<Leaf> {
    let crd = serde_json::to_value(ThanosReceive::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    leaves(schema)
}

#[test]
fn every_leaf_has_an_effect() {
    let leaves = all();
    assert!(leaves.len() > 1000, "{}", leaves.len());
    let (mut dead, mut alive) = (Vec::new(), Vec::new());
    for leaf in &leaves {
        let deeds_of = |value| planned(leaf, value).map(|plan| deeds(&plan));
        // A required leaf cannot be unset; then two values must differ.
        let without = deeds_of(None).ok();
        let mut with = Vec::new();
        for value in &leaf.values {
            match deeds_of(Some(value)) {
                Ok(deeds) => with.push(deeds),
                Err(refused) => assert!(leaf.values.len() > 1, "{refused}"),
            }
        }
        let changes = match &without {
            Some(without) => with.iter().any(|plan| plan != without),
            None => with.iter().any(|plan| plan != &with[0]),
        };
        match NOT_OF_THE_PLAN.contains(&leaf.path.as_str()) {
            true if changes => alive.push(&leaf.path),
            false if !changes => dead.push(&leaf.path),
            _ => {}
        }
        assert_eq!(without, deeds_of(None).ok(), "{}: unset again", leaf.path);
    }
    assert!(dead.is_empty(), "{} without effect: {dead:#?}", dead.len());
    assert!(alive.is_empty(), "they have an effect: {alive:?}");
}

/// The relations hold whatever is set.
#[test]
fn relations_hold_for_every_leaf() {
    for leaf in all() {
        // What these hold is the user's business.
        let embedded = [
            "additionalContainers[]",
            "additionalVolumes[]",
            "additionalServicePorts[].targetPort",
            ".affinity.",
        ];
        if embedded.iter().any(|e| leaf.path.contains(e)) {
            continue;
        }
        for value in &leaf.values {
            if let Ok(plan) = planned(&leaf, Some(value)) {
                relations::check(&leaf.path, &case(&leaf, Some(value)), &plan);
            }
        }
    }
}

/// A URL with credentials is rejected, and they are not repeated, wherever a URL is meant. The rest is
/// what users write as they want it.
#[test]
fn credentials_of_urls_are_not_repeated() {
    let found = credentials::places(&all(), |leaf, url| {
        let spec = around(leaf, leaf.spec(Some(url)));
        serde_json::from_value::<ThanosReceiveSpec>(spec).ok()?;
        Some(planned(leaf, Some(url)).map(|plan| case::bodies(&plan)))
    });
    let free = [
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
    ];
    assert_eq!(found, free.map(str::to_owned).into());
}
