//! Rejected specs: the error names the field and the remedy.

use plan_testing::{Case as _, invalid};
use serde_json::{Value, json};

use crate::case::Case;

fn rejected(spec: Value, field: &str, text: &str) {
    invalid::rejected::<Case>(spec, field, text);
}

#[test]
fn invalid_numbers_and_durations_are_rejected() {
    rejected(json!({"replicas": 0}), "spec.replicas", "1 or more");
    rejected(json!({"replicas": -3}), "spec.replicas", "-3");
    rejected(
        json!({"queryFrontend": {"replicas": 0}}),
        "spec.queryFrontend.replicas",
        "1 or more",
    );
    rejected(
        json!({"queryTimeout": "0"}),
        "spec.queryTimeout",
        "longer than zero",
    );
    rejected(
        json!({"queryTimeout": "1M"}),
        "spec.queryTimeout",
        "such as 1h30m",
    );
    rejected(
        json!({"lookbackDelta": "0s"}),
        "spec.lookbackDelta",
        "longer than zero",
    );
    rejected(
        json!({"storeResponseTimeout": "soon"}),
        "spec.storeResponseTimeout",
        "soon",
    );
    rejected(
        json!({"queryFrontend": {"labelsDefaultTimeRange": "0h"}}),
        "spec.queryFrontend.labelsDefaultTimeRange",
        "longer than zero",
    );
    rejected(
        json!({"queryFrontend": {"queryRangeSplitInterval": "0", "queryRangeResponseCacheConfig": {"inMemoryCacheConfig": {}}}}),
        "spec.queryFrontend.queryRangeSplitInterval",
        "cached",
    );
    rejected(
        json!({"serviceMonitor": {"interval": "10s", "scrapeTimeout": "30s"}}),
        "spec.serviceMonitor.scrapeTimeout",
        "10s",
    );
    rejected(
        json!({"telemetryQuantiles": {"series": ["1", "many"]}}),
        "spec.telemetryQuantiles.series[1]",
        "not a number",
    );
    let cache = |size: &str| json!({"queryFrontend": {"queryRangeResponseCacheConfig": {"inMemoryCacheConfig": {"maxSize": size}}}});
    rejected(
        cache("0"),
        "spec.queryFrontend.queryRangeResponseCacheConfig.inMemoryCacheConfig.maxSize",
        "512Mi",
    );
}

#[test]
fn reserved_arguments_are_rejected() {
    for (flag, text) in [
        ("--endpoint.sd-config-file=/x", "store-api"),
        ("--endpoint.sd-config=x", "store-api"),
        ("--http-address=:1", "Services"),
        ("--grpc-address=:1", "Services"),
    ] {
        rejected(
            json!({"additionalArgs": ["--ok=1", flag]}),
            "spec.additionalArgs[1]",
            text,
        );
    }
    rejected(
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
        case.plan().unwrap_err().field,
        "spec.bridge.additionalArgs[0]"
    );
}

#[test]
fn duplicate_names_and_ports_are_rejected() {
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
        rejected(json!({name: items}), &format!("spec.{name}{field}"), "");
    }
    // The same port number is no duplicate if the protocol differs.
    invalid::accepted::<Case>(
        json!({"additionalPorts": [{"containerPort": 9090, "protocol": "UDP"}]}),
    );
}

#[test]
fn query_label_selector_without_match_is_rejected() {
    rejected(
        json!({"queryFrontend": {"queryLabelSelector": {"matchLabels": {"x": "y"}}}}),
        "spec.queryFrontend.queryLabelSelector",
        "remove the selector",
    );
    rejected(
        json!({"queryFrontend": {"queryRangeResponseCacheConfig": {"externalCacheConfig": {"key": "k"}}}}),
        "spec.queryFrontend.queryRangeResponseCacheConfig.externalCacheConfig.name",
        "Secret",
    );
}
