//! What is refused: the field is named, and what to do.

use serde_json::{Value, json};
use thanos_query_controller::plan::plan;

use crate::case::Case;

fn refused(spec: Value, field: &str, words: &str) {
    let case = Case {
        spec,
        ..Default::default()
    };
    match plan(&case.observed()) {
        Ok(_) => panic!("{} was accepted", case.spec),
        Err(invalid) => {
            assert_eq!(invalid.field, field, "{invalid}");
            assert!(invalid.message.contains(words), "{invalid}");
        }
    }
}

#[test]
fn numbers_and_durations() {
    refused(json!({"replicas": 0}), "spec.replicas", "1 or more");
    refused(json!({"replicas": -3}), "spec.replicas", "-3");
    refused(
        json!({"queryFrontend": {"replicas": 0}}),
        "spec.queryFrontend.replicas",
        "1 or more",
    );
    refused(
        json!({"queryTimeout": "0"}),
        "spec.queryTimeout",
        "longer than zero",
    );
    refused(
        json!({"queryTimeout": "1M"}),
        "spec.queryTimeout",
        "such as 1h30m",
    );
    refused(
        json!({"lookbackDelta": "0s"}),
        "spec.lookbackDelta",
        "longer than zero",
    );
    refused(
        json!({"storeResponseTimeout": "soon"}),
        "spec.storeResponseTimeout",
        "soon",
    );
    refused(
        json!({"queryFrontend": {"labelsDefaultTimeRange": "0h"}}),
        "spec.queryFrontend.labelsDefaultTimeRange",
        "longer than zero",
    );
    refused(
        json!({"queryFrontend": {"queryRangeSplitInterval": "0", "queryRangeResponseCacheConfig": {"inMemoryCacheConfig": {}}}}),
        "spec.queryFrontend.queryRangeSplitInterval",
        "cached",
    );
    refused(
        json!({"serviceMonitor": {"interval": "10s", "scrapeTimeout": "30s"}}),
        "spec.serviceMonitor.scrapeTimeout",
        "10s",
    );
    refused(
        json!({"telemetryQuantiles": {"series": ["1", "many"]}}),
        "spec.telemetryQuantiles.series[1]",
        "not a number",
    );
    let cache = |size: &str| json!({"queryFrontend": {"queryRangeResponseCacheConfig": {"inMemoryCacheConfig": {"maxSize": size}}}});
    refused(
        cache("0"),
        "spec.queryFrontend.queryRangeResponseCacheConfig.inMemoryCacheConfig.maxSize",
        "512Mi",
    );
}

#[test]
fn arguments_that_break_promises() {
    for (flag, words) in [
        ("--endpoint.sd-config-file=/x", "store-api"),
        ("--endpoint.sd-config=x", "store-api"),
        ("--http-address=:1", "Services"),
        ("--grpc-address=:1", "Services"),
    ] {
        refused(
            json!({"additionalArgs": ["--ok=1", flag]}),
            "spec.additionalArgs[1]",
            words,
        );
    }
    refused(
        json!({"queryFrontend": {"additionalArgs": ["--query-frontend.downstream-url=http://x"]}}),
        "spec.queryFrontend.additionalArgs[0]",
        "queryLabelSelector",
    );
    let case = Case {
        spec: json!({"bridge": {"additionalArgs": ["--prometheus.url=http://x"]}}),
        bridges: vec![
            serde_json::from_value(json!({"pod": "a/b", "url": "http://b:9090"})).unwrap(),
        ],
        ..Default::default()
    };
    assert_eq!(
        plan(&case.observed()).unwrap_err().field,
        "spec.bridge.additionalArgs[0]"
    );
}

#[test]
fn keys_that_are_taken() {
    let x = json!({"name": "x"});
    let volume = json!({"name": "x", "emptyDir": {}});
    let spread = json!({"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"});
    for (name, items, field) in [
        ("additionalEnv", json!([x, x]), "[1].name"),
        ("additionalVolumes", json!([volume, volume]), "[1].name"),
        (
            "additionalVolumes",
            json!([{"name": "endpoints", "emptyDir": {}}]),
            "[0].name",
        ),
        ("additionalContainers", json!([x, x]), "[1].name"),
        (
            "additionalContainers",
            json!([{"name": "thanos-query"}]),
            "[0].name",
        ),
        (
            "additionalContainers",
            json!([{"name": "c", "env": [x, x]}]),
            "[0].env[1].name",
        ),
        (
            "additionalPorts",
            json!([{"containerPort": 9090}]),
            "[0].containerPort",
        ),
        (
            "additionalPorts",
            json!([{"containerPort": 1, "name": "http"}]),
            "[0].name",
        ),
        (
            "additionalPorts",
            json!([{"containerPort": 1}, {"containerPort": 1, "protocol": "TCP"}]),
            "[1].containerPort",
        ),
        (
            "additionalServicePorts",
            json!([{"name": "http", "port": 1}]),
            "[0].name",
        ),
        (
            "additionalServicePorts",
            json!([{"name": "x", "port": 9090}]),
            "[0].port",
        ),
        ("additionalServicePorts", json!([{"port": 1}]), "[0].name"),
        (
            "additionalVolumeMounts",
            json!([{"name": "x", "mountPath": "/x"}]),
            "[0].name",
        ),
        (
            "additionalVolumeMounts",
            json!([{"name": "endpoints", "mountPath": "/etc/thanos/endpoints"}]),
            "[0].mountPath",
        ),
        ("imagePullSecrets", json!([x, x]), "[1].name"),
        (
            "topologySpreadConstraints",
            json!([spread, spread]),
            "[1].topologyKey",
        ),
        ("secrets", json!(["a", "a"]), "[1]"),
        ("configMaps", json!(["a", "a"]), "[1]"),
    ] {
        refused(json!({name: items}), &format!("spec.{name}{field}"), "");
    }
    // The same port number is no duplicate if the protocol differs.
    let case = Case {
        spec: json!({"additionalPorts": [{"containerPort": 9090, "protocol": "UDP"}]}),
        ..Default::default()
    };
    assert!(plan(&case.observed()).is_ok());
}

#[test]
fn references() {
    refused(
        json!({"queryFrontend": {"queryLabelSelector": {"matchLabels": {"x": "y"}}}}),
        "spec.queryFrontend.queryLabelSelector",
        "remove the selector",
    );
    refused(
        json!({"queryFrontend": {"queryRangeResponseCacheConfig": {"externalCacheConfig": {"key": "k"}}}}),
        "spec.queryFrontend.queryRangeResponseCacheConfig.externalCacheConfig.name",
        "Secret",
    );
}
