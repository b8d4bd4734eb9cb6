//! Changes that restart no pod, and compatibility with the Go operator.

use std::collections::BTreeMap;

use plan_testing::Case as _;
use plan_testing::stable::{args, check_immutable, check_volume, has_arg, selector};
use serde_json::{Value, json};

use crate::case::Case;

const ROUTER: &str = "thanos-receive-router-main";
const INGESTER: &str = "thanos-receive-ingester-main-default";

/// A running installation: one hashring with one member.
fn running(spec: Value) -> Case {
    Case::read(&json!({
        "spec": spec, "routers": {}, "sets": [{"ring": "default"}],
        "record": {
            "replicationFactor": 1, "confirmed": true, "held": {"default": 1},
            "rings": [{"name": "default", "algorithm": "ketama", "matcher": "exact", "members": {"0": null}}],
        },
    }))
}

fn templates(case: &Case) -> [Value; 2] {
    [("Deployment", ROUTER), ("StatefulSet", INGESTER)]
        .map(|(kind, name)| case.object(kind, name)["spec"]["template"].clone())
}

/// Names and selectors of existing workloads; a change would recreate them.
#[test]
fn workloads_of_the_go_operator_are_adopted() {
    let case = running(json!({}));
    let routers = case.object("Deployment", ROUTER);
    assert_eq!(
        routers["spec"]["selector"]["matchLabels"],
        selector("thanos-receive", "thanos-receive-router", ROUTER, &[])
    );
    let set = case.object("StatefulSet", INGESTER);
    let more = [
        ("operator.thanos.io/hashring", "default"),
        ("operator.thanos.io/store-api", "true"),
    ];
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        selector("thanos-receive", "thanos-receive-ingester", INGESTER, &more)
    );
    assert_eq!(set["metadata"]["name"], INGESTER);
    check_volume(
        &set,
        &case.object("Service", INGESTER),
        "/var/thanos/receive",
    );
    assert_eq!(case.object("ConfigMap", ROUTER)["metadata"]["name"], ROUTER);
}

/// Changes of files, Services or replicas restart neither routers nor ingesters.
#[test]
fn changes_of_files_services_and_replicas_restart_no_pod() {
    let plain = templates(&running(json!({})));
    let ring = |mut ring: Value| {
        ring["name"] = json!("default");
        json!({"ingesterSpec": {"hashrings": [ring]}})
    };
    for spec in [
        json!({"routerSpec": {"replicas": 5, "replicationFactor": 1}}),
        json!({"routerSpec": {"replicationFactor": 3}}),
        json!({"routerSpec": {"hashringPolicy": "dynamic"}}),
        json!({"routerSpec": {"podDisruptionBudgetConfig": {"enable": false}}}),
        json!({"allowDataLoss": true, "ingesterSpec": {"storeSyncDelay": "1h"}}),
        json!({"minReadySeconds": 5, "podManagementPolicy": "OrderedReady"}),
        json!({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"}}),
        json!({"serviceMonitor": {"enabled": false}, "networkPolicy": {"enabled": true}}),
        ring(json!({"replicas": 3})),
        ring(json!({"storage": {"size": "1Ti"}})),
        ring(json!({"hashingAlgorithm": "hashmod"})),
        ring(json!({"tenancyConfig": {"tenants": ["a*"], "tenantMatcherType": "glob"}})),
        json!({"ingesterSpec": {"hashrings": [
            {"name": "more", "tenancyConfig": {"tenants": ["a"]}}, {"name": "default"},
        ]}}),
    ] {
        assert_eq!(templates(&running(spec.clone())), plain, "{spec}");
    }
    let limits = |series: i64| {
        let limits = json!({"default": {"request": {"seriesLimit": series}}});
        templates(&running(json!({"routerSpec": {"limits": limits}})))
    };
    assert_eq!(limits(5), limits(6), "routers reload the file");
}

/// Only changed content of Secrets restarts pods.
#[test]
fn secrets_that_become_readable_restart_no_pod() {
    let spec =
        json!({"ingesterSpec": {"defaultObjectStorageConfig": {"name": "bucket", "key": "k"}}});
    let unreadable = running(spec);
    let secrets = BTreeMap::from([("bucket".to_owned(), json!({"k": "eA=="}))]);
    let readable = Case {
        secrets: Some(secrets),
        ..unreadable.clone()
    };
    assert_eq!(templates(&readable), templates(&unreadable));
}

/// The router section changes no ingester, and a hashring changes no router.
#[test]
fn routers_and_ingesters_restart_independently() {
    let [router, ingester] = templates(&running(json!({})));
    let common = json!({"logLevel": "debug", "labels": {"a": "b"}, "externalLabels": {"x": "y"}});
    let changed = templates(&running(json!({"routerSpec": common})));
    assert_ne!(changed[0], router);
    assert_eq!(changed[1], ingester);
    let mut ring = common;
    ring["name"] = json!("default");
    ring["externalLabels"]["replica"] = json!("$(POD_NAME)");
    let changed = templates(&running(json!({"ingesterSpec": {"hashrings": [ring]}})));
    assert_eq!(changed[0], router);
    assert_ne!(changed[1], ingester);
}

/// PVC templates of a StatefulSet are immutable, so the stored ones are applied again.
#[test]
fn immutable_fields_are_applied_unchanged() {
    let mut adopted = Case::named("adopted-from-the-go-operator");
    adopted.spec["podManagementPolicy"] = json!("Parallel");
    adopted.spec["ingesterSpec"]["hashrings"][0]["storage"]["size"] = json!("5Gi");
    let set = adopted.object("StatefulSet", "thanos-receive-ingester-main-blue");
    let stored = &adopted.objects[0]["spec"]["volumeClaimTemplates"][0];
    check_immutable(&set, stored);
}

/// Queriers discover the Services of ingesters, and no others.
#[test]
fn only_services_of_ingesters_offer_the_store_api() {
    let plan = Case::named("everything").plan().unwrap();
    let mut offered = 0;
    for object in plan.objects() {
        let labels = &object.body["metadata"]["labels"];
        let offers = labels["operator.thanos.io/store-api"] == "true";
        let of_ingester = object.key.kind == "Service" && object.key.name.contains("ingester");
        assert_eq!(offers, of_ingester, "{}", object.key);
        assert!(labels.get("operator.thanos.io/endpoint-group").is_none());
        offered += usize::from(offers);
    }
    assert_eq!(offered, 3);
}

/// In the syntax of Thanos' flags: one of its two duration parsers rejects weeks and days, the other a
/// bare zero; and labels are quoted.
#[test]
fn values_have_the_syntax_of_thanos_flags() {
    let has = |of: usize, spec: Value, arg: &str| has_arg(&templates(&running(spec))[of], arg);
    let ring = |mut ring: Value| {
        ring["name"] = json!("default");
        json!({"ingesterSpec": {"hashrings": [ring]}})
    };
    for (fields, arg) in [
        (json!({}), "--tsdb.retention=15d"),
        (
            json!({"objectStorageConfig": {"name": "s", "key": "k"}}),
            "--tsdb.retention=24h",
        ),
        (
            json!({"tsdbConfig": {"retention": "1w"}}),
            "--tsdb.retention=1w",
        ),
        (json!({}), "--tsdb.too-far-in-future.time-window=5m"),
        (
            json!({"tooFarInFutureTimeWindow": "0"}),
            "--tsdb.too-far-in-future.time-window=0ms",
        ),
        (
            json!({"tsdbConfig": {"outOfOrderTimeWindow": "1d"}}),
            "--tsdb.out-of-order.time-window=86400000ms",
        ),
        (json!({}), "--label=replica=\"$(POD_NAME)\""),
        (json!({}), "--receive.capnproto-address=127.0.0.1:19391"),
    ] {
        has(1, ring(fields), arg);
    }
    let router = |router: Value| json!({"routerSpec": router});
    has(0, router(json!({})), "--label=receive=\"true\"");
    let odd = json!({"externalLabels": {"a": "\"\\"}});
    has(0, router(odd), "--label=a=\"\\\"\\\\\"");
    let capnproto = router(json!({"replicationProtocol": "capnproto"}));
    has(
        0,
        capnproto.clone(),
        "--receive.replication-protocol=capnproto",
    );
    has(1, capnproto, "--receive.capnproto-address=:19391");
    // Values of one hashring apply to the routers, which serve all hashrings.
    let shared = ring(json!({
        "asyncForwardWorkerCount": 7, "grpcCompression": "none",
        "tenancyConfig": {"tenantHeader": "X-Team", "defaultTenantID": "anonymous"},
    }));
    for arg in [
        "--receive.forward.async-workers=7",
        "--receive.grpc-compression=none",
        "--receive.tenant-header=X-Team",
        "--receive.default-tenant-id=anonymous",
    ] {
        has(0, shared.clone(), arg);
    }
    has(1, shared, "--receive.default-tenant-id=anonymous");
}

/// Repeatable flags are appended; other flags replace those of the operator.
#[test]
fn repeatable_arguments_are_appended() {
    for flag in [
        "enable-feature",
        "grpc-server-tls-ciphers",
        "grpc-server-tls-curves",
        "label",
        "receive.otlp-promote-resource-attributes",
        "remote-write.server-tls-ciphers",
        "remote-write.server-tls-curves",
        "http-grace-period",
    ] {
        let more = json!({"additionalArgs": [format!("--{flag}=a"), format!("--{flag}=b")]});
        let both = running(json!({"routerSpec": more, "ingesterSpec": more}));
        let given = if flag == "http-grace-period" { 1 } else { 2 };
        for template in templates(&both) {
            let mine = [format!("--{flag}=a"), format!("--{flag}=b")];
            let mine = args(&template).into_iter().filter(|a| mine.contains(a));
            assert_eq!(mine.count(), given, "{flag}");
        }
    }
}
