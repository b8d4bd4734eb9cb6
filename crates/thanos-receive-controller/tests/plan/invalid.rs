//! Invalid specs are rejected with the field and the remedy.

use plan_testing::invalid;
use serde_json::{Value, json};

use crate::case::Case;

const RING: &str = "spec.ingesterSpec.hashrings";

fn rejected(spec: Value, field: &str, expected: &str) {
    invalid::rejected::<Case>(spec, field, expected);
}

fn rings(rings: Value) -> Value {
    json!({"ingesterSpec": {"hashrings": rings}})
}

/// Two hashrings, the second of which is invalid, so that the field has an index.
fn second(mut ring: Value) -> Value {
    ring["name"] = json!("b");
    rings(json!([{"name": "a", "tenancyConfig": {"tenants": ["t"]}}, ring]))
}

fn router(router: Value) -> Value {
    json!({"routerSpec": router})
}

#[test]
fn invalid_replicas_and_replication_factors_are_rejected() {
    rejected(
        router(json!({"replicas": 0})),
        "spec.routerSpec.replicas",
        "1 or more",
    );
    for factor in [0, 4, 6] {
        rejected(
            router(json!({"replicationFactor": factor})),
            "spec.routerSpec.replicationFactor",
            "1, 2, 3 or 5",
        );
    }
    rejected(
        second(json!({"replicas": 0})),
        &format!("{RING}[1].replicas"),
        "too few",
    );
    let few = json!({
        "routerSpec": {"replicationFactor": 3},
        "ingesterSpec": {"hashrings": [{"name": "a", "replicas": 2}]},
    });
    rejected(few, &format!("{RING}[0].replicas"), "set 3 or more");
}

#[test]
fn invalid_durations_and_sizes_are_rejected() {
    rejected(
        json!({"ingesterSpec": {"storeSyncDelay": "soon"}}),
        "spec.ingesterSpec.storeSyncDelay",
        "such as 1h30m",
    );
    for (ring, field, expected) in [
        (
            json!({"tsdbConfig": {"retention": "0s"}}),
            "tsdbConfig.retention",
            "longer than zero",
        ),
        (
            json!({"tsdbConfig": {"retention": "1M"}}),
            "tsdbConfig.retention",
            "1M",
        ),
        (
            json!({"tsdbConfig": {"outOfOrderTimeWindow": "late"}}),
            "tsdbConfig.outOfOrderTimeWindow",
            "late",
        ),
        (
            json!({"tooFarInFutureTimeWindow": "never"}),
            "tooFarInFutureTimeWindow",
            "never",
        ),
        (json!({"storage": {"size": "lots"}}), "storage.size", "10Gi"),
    ] {
        rejected(second(ring), &format!("{RING}[1].{field}"), expected);
    }
    rejected(
        json!({"serviceMonitor": {"interval": "10s", "scrapeTimeout": "30s"}}),
        "spec.serviceMonitor.scrapeTimeout",
        "10s",
    );
}

#[test]
fn invalid_hashrings_are_rejected() {
    rejected(
        rings(json!([{"name": "a"}, {"name": "a"}])),
        &format!("{RING}[1].name"),
        "another hashring already",
    );
    rejected(
        second(json!({"hashingAlgorithm": "hashmod", "zoneAwareness": true})),
        &format!("{RING}[1].zoneAwareness"),
        "ketama",
    );
    rejected(
        rings(json!([{"name": "a"}, {"name": "b", "tenancyConfig": {"tenants": []}}])),
        &format!("{RING}[1].tenancyConfig.tenants"),
        "all hashrings but one",
    );
    let tenants = |tenants: Value| second(json!({"tenancyConfig": {"tenants": tenants}}));
    let at = |place: usize| format!("{RING}[1].tenancyConfig.tenants[{place}]");
    rejected(tenants(json!(["x", "y/z"])), &at(1), "slashes");
    rejected(
        tenants(json!([""])),
        &at(0),
        "remove it, or leave tenants empty",
    );
    rejected(tenants(json!(["x", "t"])), &at(1), "in hashring a already");
    rejected(tenants(json!(["x", "x"])), &at(1), "in hashring b already");
    let all = json!({"tenants": ["*"], "tenantMatcherType": "glob"});
    let never = json!([
        {"name": "a", "tenancyConfig": all}, {"name": "b", "tenancyConfig": {"tenants": ["x"]}},
    ]);
    rejected(rings(never), &at(0), "put b first");
}

#[test]
fn external_labels_without_pod_name_are_rejected() {
    rejected(
        second(json!({"externalLabels": {"replica": "one"}})),
        &format!("{RING}[1].externalLabels"),
        "replica: $(POD_NAME)",
    );
    invalid::accepted::<Case>(second(
        json!({"externalLabels": {"a": "b", "pod": "x-$(POD_NAME)"}}),
    ));
}

/// Routers serve all hashrings, so these fields need one value.
#[test]
fn conflicting_tenancy_is_rejected() {
    for (field, one, other) in [
        ("tenantHeader", "A", "B"),
        ("defaultTenantID", "a", "b"),
        ("splitTenantLabelName", "a", "b"),
        ("tenantCertificateField", "commonName", "organization"),
    ] {
        let both = |router: Value| {
            json!({
                "routerSpec": {
                    "tenancyConfig": router,
                    "additionalArgs": ["--remote-write.server-tls-client-ca=/x"],
                },
                "ingesterSpec": {"hashrings": [
                    {"name": "a", "tenancyConfig": {"tenants": ["t"], field: one}},
                    {"name": "b", "tenancyConfig": {field: other}},
                ]},
            })
        };
        rejected(
            both(json!({})),
            &format!("{RING}[1].tenancyConfig.{field}"),
            &format!("set spec.routerSpec.tenancyConfig.{field} instead"),
        );
        invalid::accepted::<Case>(both(json!({field: other})));
    }
    rejected(
        router(json!({"tenancyConfig": {"tenantCertificateField": "commonName"}})),
        "spec.routerSpec.tenancyConfig.tenantCertificateField",
        "--remote-write.server-tls-client-ca",
    );
}

#[test]
fn reserved_arguments_are_rejected() {
    let args = |section: &str, flag: &str| json!({section: {"additionalArgs": ["--hash-func=SHA256", flag]}});
    for (flag, expected) in [
        ("--grpc-address=:1", "Services"),
        ("--http-address=:1", "probes"),
        ("--remote-write.address=:1", "Services"),
        ("--receive.capnproto-address=:1", "Services"),
        ("--receive.hashrings=[]", "hashrings of the spec"),
        (
            "--receive.hashrings-algorithm=hashmod",
            "hashrings of the spec",
        ),
        ("--receive.hashrings-file=/x", "hashrings of the spec"),
        (
            "--receive.hashrings-file-refresh-interval=1s",
            "hashrings of the spec",
        ),
        ("--receive.limits-config=x", "spec.routerSpec.limits"),
        ("--receive.limits-config-file=/x", "spec.routerSpec.limits"),
        ("--receive.local-endpoint=x", "store no samples"),
        (
            "--receive.replication-factor=2",
            "spec.routerSpec.replicationFactor",
        ),
    ] {
        rejected(
            args("routerSpec", flag),
            "spec.routerSpec.additionalArgs[1]",
            expected,
        );
    }
    for (flag, expected) in [
        ("--grpc-address=:1", "Services"),
        ("--http-address=:1", "probes"),
        ("--remote-write.address=:1", "Services"),
        ("--receive.capnproto-address=:1", "Services"),
        ("--receive.hashrings=[]", "only routers"),
        ("--receive.hashrings-file=/x", "only routers"),
        ("--receive.local-endpoint=x", "only routers"),
        ("--receive.replication-factor=2", "only routers"),
        ("--objstore.config=type: S3", "defaultObjectStorageConfig"),
        ("--objstore.config-file=/x", "defaultObjectStorageConfig"),
        ("--tsdb.path=/x", "volume"),
    ] {
        rejected(
            args("ingesterSpec", flag),
            "spec.ingesterSpec.additionalArgs[1]",
            expected,
        );
    }
    for section in ["routerSpec", "ingesterSpec"] {
        rejected(
            args(section, "no-flag"),
            &format!("spec.{section}.additionalArgs[1]"),
            "not a flag",
        );
    }
}

#[test]
fn duplicate_keys_are_rejected() {
    for (section, volume, path, port) in [
        ("routerSpec", "hashrings", "/etc/thanos/hashrings", "http"),
        ("ingesterSpec", "data", "/var/thanos/receive", "capnproto"),
    ] {
        for (name, items, field) in [
            (
                "additionalVolumes",
                json!([{"name": volume, "emptyDir": {}}]),
                "[0].name",
            ),
            (
                "additionalContainers",
                json!([{"name": format!("thanos-receive-{}", section.trim_end_matches("Spec"))}]),
                "[0].name",
            ),
            (
                "additionalPorts",
                json!([{"containerPort": 19291}]),
                "[0].containerPort",
            ),
            (
                "additionalServicePorts",
                json!([{"name": port, "port": 1}]),
                "[0].name",
            ),
            ("additionalServicePorts", json!([{"port": 1}]), "[0].name"),
            (
                "additionalVolumeMounts",
                json!([{"name": volume, "mountPath": path}]),
                "[0].mountPath",
            ),
        ] {
            rejected(
                json!({section: {name: items}}),
                &format!("spec.{section}.{name}{field}"),
                "",
            );
        }
    }
    rejected(
        json!({"ingesterSpec": {"additionalEnv": [{"name": "POD_NAME", "value": "x"}]}}),
        "spec.ingesterSpec.additionalEnv[0].name",
        "POD_NAME",
    );
    // Errors about placement name the hashring.
    rejected(
        second(json!({"imagePullSecrets": [{"name": "x"}, {"name": "x"}]})),
        &format!("{RING}[1].imagePullSecrets[1].name"),
        "already used",
    );
    let twice = json!({"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"});
    rejected(
        second(json!({"topologySpreadConstraints": [twice, twice]})),
        &format!("{RING}[1].topologySpreadConstraints[1].topologyKey"),
        "already used",
    );
    rejected(
        router(json!({"imagePullSecrets": [{"name": "x"}, {"name": "x"}]})),
        "spec.routerSpec.imagePullSecrets[1].name",
        "already used",
    );
}

#[test]
fn references_without_name_or_key_are_rejected() {
    for (key, missing) in [
        (json!({"key": "k"}), "name"),
        (json!({"name": "s", "key": ""}), "key"),
    ] {
        rejected(
            json!({"ingesterSpec": {"defaultObjectStorageConfig": key}}),
            &format!("spec.ingesterSpec.defaultObjectStorageConfig.{missing}"),
            "Secret",
        );
        rejected(
            second(json!({"objectStorageConfig": key})),
            &format!("{RING}[1].objectStorageConfig.{missing}"),
            "Secret",
        );
    }
}
