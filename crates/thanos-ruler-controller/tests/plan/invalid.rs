//! Rejected specs: the message names the field and the remedy.

use plan_testing::{Case as _, invalid};
use serde_json::{Value, json};

use crate::case::Case;

fn rejected(spec: Value, field: &str, expected: &str) {
    invalid::rejected::<Case>(spec.clone(), field, expected);
    // The status names the field as well.
    let (status, _, message) = Case::of(spec).condition("Reconciled");
    assert!(status == "False" && message.contains(field), "{message}");
}

fn stateful(stateful: &Value) -> Value {
    json!({"rulerMode": {"type": "Stateful", "stateful": stateful}})
}

#[test]
fn invalid_numbers_durations_and_sizes_are_rejected() {
    rejected(json!({"replicas": 0}), "spec.replicas", "1 or more");
    for (text, expected) in [
        ("1M", "such as 1h30m"),
        ("0s", "longer than zero"),
        ("", "such as"),
    ] {
        rejected(
            json!({"evaluationInterval": text}),
            "spec.evaluationInterval",
            expected,
        );
        rejected(
            stateful(&json!({"retention": text})),
            "spec.rulerMode.stateful.retention",
            expected,
        );
    }
    rejected(
        json!({"storage": {"size": "lots"}}),
        "spec.storage.size",
        "10Gi",
    );
    rejected(
        json!({"serviceMonitor": {"interval": "10s", "scrapeTimeout": "30s"}}),
        "spec.serviceMonitor.scrapeTimeout",
        "10s",
    );
}

#[test]
fn invalid_alertmanager_urls_are_rejected() {
    for url in [
        "am:9093",
        "//am",
        "ftp://am",
        "http://",
        "http:///prefix",
        "srv+http://am",
        "http://am?x",
        "+http://am",
    ] {
        rejected(
            json!({"alertmanagerURL": url}),
            "spec.alertmanagerURL",
            "such as http://",
        );
        rejected(
            json!({"alertmanagers": {"urls": ["http://am", url]}}),
            "spec.alertmanagers.urls[1]",
            url,
        );
    }
}

#[test]
fn reserved_arguments_are_rejected_and_repeatable_ones_added() {
    for (flag, expected) in [
        ("--data-dir=/x", "volume"),
        ("--grpc-address=:1", "Services"),
        ("--http-address=:1", "probes"),
        ("--objstore.config=type: S3", "objectStorageConfig"),
        ("--objstore.config-file=/x", "objectStorageConfig"),
        ("--query=http://x", "spec.queryLabelSelector"),
        ("--query.config=x", "spec.queryLabelSelector"),
        ("--query.config-file=/x", "spec.queryLabelSelector"),
        ("--query.sd-files=/x", "remove"),
        ("--grpc-query-endpoint=x:1", "spec.queryLabelSelector"),
        ("--alertmanagers.url=http://x", "spec.alertmanagers"),
        ("--alertmanagers.config=x", "spec.alertmanagers"),
        ("--alertmanagers.config-file=/x", "spec.alertmanagers"),
        ("--alert.relabel-config=x", "spec.alertRelabelConfigs"),
        ("--alert.relabel-config-file=/x", "spec.alertRelabelConfigs"),
        ("--remote-write.config=x", "Stateless"),
        ("--remote-write.config-file=/x", "Stateless"),
    ] {
        rejected(
            json!({"additionalArgs": ["--for-grace-period=1m", flag]}),
            "spec.additionalArgs[1]",
            expected,
        );
    }
    rejected(
        json!({"additionalArgs": ["for-grace-period=1m"]}),
        "spec.additionalArgs[0]",
        "not a flag",
    );
    // Repeatable flags are added to those of the operator.
    for flag in [
        "--rule-file=/etc/thanos/configmaps/mine/*.yaml",
        "--label=region=\"x\"",
        "--alert.label-drop=region",
        "--restore-ignored-label=region",
    ] {
        let case = Case::of(json!({"additionalArgs": [flag], "configMaps": ["mine"]}));
        let args = case.template()["spec"]["containers"][0]["args"].to_string();
        let name = flag.split_once('=').unwrap().0;
        assert!(args.contains(&json!(flag).to_string()), "{args}");
        assert!(
            args.matches(name).count() > 1 || name.contains("restore"),
            "{args}"
        );
    }
}

#[test]
fn the_label_of_shadowed_alerts_is_reserved() {
    rejected(
        json!({"alertLabelDrop": ["pod", "thanos_shadow"]}),
        "spec.alertLabelDrop[1]",
        "spec.mode: Active",
    );
    rejected(
        stateful(&json!({"externalLabels": {"thanos_shadow": "false"}})),
        "spec.rulerMode.stateful.externalLabels",
        "thanos_shadow",
    );
    for flag in [
        "--alert.label-drop=thanos_shadow",
        "--label=thanos_shadow=\"x\"",
    ] {
        rejected(
            json!({"additionalArgs": [flag]}),
            "spec.additionalArgs[0]",
            "thanos_shadow",
        );
    }
}

#[test]
fn names_and_ports_in_use_are_rejected() {
    for (name, items, field) in [
        (
            "additionalVolumes",
            json!([{"name": "data", "emptyDir": {}}]),
            "[0].name",
        ),
        (
            "additionalVolumes",
            json!([{"name": "rules", "emptyDir": {}}]),
            "[0].name",
        ),
        (
            "additionalVolumes",
            json!([{"name": "config", "emptyDir": {}}]),
            "[0].name",
        ),
        (
            "additionalVolumes",
            json!([{"name": "queriers", "emptyDir": {}}]),
            "[0].name",
        ),
        (
            "additionalVolumes",
            json!([{"name": "alertmanagers", "emptyDir": {}}]),
            "[0].name",
        ),
        (
            "additionalContainers",
            json!([{"name": "thanos-rule"}]),
            "[0].name",
        ),
        (
            "additionalContainers",
            json!([{"name": "config-reloader"}]),
            "[0].name",
        ),
        (
            "additionalPorts",
            json!([{"containerPort": 9090}]),
            "[0].containerPort",
        ),
        (
            "additionalPorts",
            json!([{"containerPort": 1, "name": "grpc"}]),
            "[0].name",
        ),
        (
            "additionalServicePorts",
            json!([{"name": "grpc", "port": 1}]),
            "[0].name",
        ),
        (
            "additionalServicePorts",
            json!([{"name": "x", "port": 9090}]),
            "[0].port",
        ),
        (
            "additionalEnv",
            json!([{"name": "POD_NAME", "value": "x"}]),
            "[0].name",
        ),
        (
            "additionalVolumeMounts",
            json!([{"name": "data", "mountPath": "/var/thanos/rule"}]),
            "[0].mountPath",
        ),
        (
            "additionalVolumeMounts",
            json!([{"name": "nothing", "mountPath": "/x"}]),
            "[0].name",
        ),
    ] {
        rejected(json!({name: items}), &format!("spec.{name}{field}"), "");
    }
    let taken = |name: &str| json!([{"name": name, "emptyDir": {}}]);
    let key = json!({"name": "s", "key": "k"});
    let mut uploads = stateful(&json!({"objectStorageConfig": key}));
    uploads["additionalVolumes"] = taken("object-storage");
    rejected(uploads, "spec.additionalVolumes[0].name", "");
    let trust = json!({"tlsConfig": {"ca": key}});
    rejected(
        json!({"alertmanagers": trust, "additionalVolumes": taken("alertmanager-ca")}),
        "spec.additionalVolumes[0].name",
        "",
    );
}

/// All containers of a pod share its ports.
#[test]
fn the_port_of_the_config_reloader_is_rejected() {
    let ports = json!([{"containerPort": 7000}, {"containerPort": 8080}]);
    rejected(
        json!({"additionalPorts": ports}),
        "spec.additionalPorts[1].containerPort",
        "config-reloader",
    );
    rejected(
        json!({"additionalContainers": [{"name": "x", "ports": ports}]}),
        "spec.additionalContainers[0].ports[1].containerPort",
        "8080",
    );
}

#[test]
fn secret_references_without_name_or_key_are_rejected() {
    for key in [json!({"key": "k"}), json!({"name": "", "key": "k"})] {
        rejected(
            stateful(&json!({"objectStorageConfig": key})),
            "spec.rulerMode.stateful.objectStorageConfig.name",
            "Secret",
        );
        rejected(
            json!({"alertmanagers": {"tlsConfig": {"ca": key}}}),
            "spec.alertmanagers.tlsConfig.ca.name",
            "Secret",
        );
    }
    rejected(
        stateful(&json!({"objectStorageConfig": {"name": "s", "key": ""}})),
        "spec.rulerMode.stateful.objectStorageConfig.key",
        "Secret",
    );
}
