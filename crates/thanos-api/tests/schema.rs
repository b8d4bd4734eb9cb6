//! The schema as the API server gets it.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

use kube::CustomResourceExt;
use serde_json::{Value, json};
use thanos_api::v1alpha1::{
    ThanosQuery, ThanosReceive, ThanosReceiveSpec, ThanosRuler, ThanosRulerSpec, ThanosStore,
};

fn schema_of<K: CustomResourceExt>() -> Value {
    let crd = serde_json::to_value(K::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn schema() -> Value {
    schema_of::<ThanosQuery>()
}

/// The schemas of all kinds.
fn schemas() -> [(&'static str, Value); 4] {
    [
        ("ThanosQuery", schema()),
        ("ThanosStore", schema_of::<ThanosStore>()),
        ("ThanosReceive", schema_of::<ThanosReceive>()),
        ("ThanosRuler", schema_of::<ThanosRuler>()),
    ]
}

/// Finds `spec.a[].b{}` in a schema.
fn find<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    let mut at = schema;
    for step in path.split('.') {
        let name = step.trim_end_matches("[]").trim_end_matches("{}");
        at = at.get("properties")?.get(name)?;
        if step.ends_with("[]") {
            at = at.get("items")?;
        } else if step.ends_with("{}") {
            at = at.get("additionalProperties")?;
        }
    }
    Some(at)
}

#[test]
fn every_field_of_the_go_operator_exists() {
    let [(_, query), (_, store), _, (_, ruler)] = schemas();
    is_a_superset(&query, include_str!("data/thanosquery-fields.tsv"));
    is_a_superset(&store, include_str!("data/thanosstore-fields.tsv"));
    is_a_superset(&ruler, include_str!("data/thanosruler-fields.tsv"));
}

/// What its CRDs have besides its own fields of the spec: statuses, and fields of embedded Kubernetes
/// types that came last.
#[test]
fn statuses_and_embedded_types_of_the_go_operator_exist() {
    let deployment = [
        "availableReplicas",
        "readyReplicas",
        "replicas",
        "unavailableReplicas",
        "updatedReplicas",
    ];
    let set = [
        "availableReplicas",
        "currentReplicas",
        "readyReplicas",
        "replicas",
        "updatedReplicas",
    ];
    let embedded = [
        "additionalEnv[].valueFrom.fileKeyRef.volumeName",
        "additionalContainers[].env[].valueFrom.fileKeyRef.optional",
        "additionalContainers[].restartPolicyRules[].exitCodes.values[]",
        "additionalVolumes[].projected.sources[].podCertificate.userAnnotations{}",
    ];
    let [query, store, receive, ruler] = schemas();
    for ((kind, schema), statuses, sections) in [
        (
            query,
            vec![
                ("status.querierStatus", deployment),
                ("status.queryFrontendStatus", deployment),
            ],
            vec!["spec", "spec.queryFrontend"],
        ),
        (store, vec![("status.shardStatuses{}", set)], vec!["spec"]),
        (
            receive,
            vec![
                ("status.routerStatus", deployment),
                ("status.hashringStatus{}", set),
            ],
            vec!["spec.routerSpec", "spec.ingesterSpec"],
        ),
        (ruler, vec![("status", set)], vec!["spec"]),
    ] {
        for (path, fields) in statuses {
            for field in fields {
                let found = find(&schema, &format!("{path}.{field}"));
                let found = found.unwrap_or_else(|| panic!("{kind} has no {path}.{field}"));
                assert_eq!(found["type"], "integer", "{kind} {path}.{field}");
            }
        }
        for section in sections {
            for field in embedded {
                let path = format!("{section}.{field}");
                assert!(find(&schema, &path).is_some(), "{kind} has no {path}");
            }
        }
    }
}

/// A CRD is stored as JSON, and `kubectl apply` without `--server-side` writes it into an annotation,
/// which holds no more.
#[test]
fn definitions_fit_into_an_annotation() {
    for crd in [
        ThanosQuery::crd(),
        ThanosStore::crd(),
        ThanosReceive::crd(),
        ThanosRuler::crd(),
    ] {
        let size = serde_json::to_vec(&crd).unwrap().len();
        assert!(size < 262_144, "{}: {size} bytes", crd.spec.names.kind);
    }
}

fn is_a_superset(schema: &Value, fields: &str) {
    assert!(fields.lines().count() > 50);
    for line in fields.lines() {
        let (path, kind, constraints) = {
            let mut columns = line.split('\t');
            (
                columns.next().unwrap(),
                columns.next().unwrap(),
                columns.next().unwrap_or_default(),
            )
        };
        let ours = find(schema, path).unwrap_or_else(|| panic!("{path} is missing"));
        let desired = kind.split(' ').next().unwrap();
        assert_eq!(ours["type"], json!(desired), "{path}");
        for constraint in constraints.split("; ") {
            if let Some(values) = constraint.strip_prefix("enum=") {
                assert_eq!(ours.get("nullable"), None, "{path}: null among the values");
                for value in values.split('|') {
                    let ours = ours["enum"].as_array().unwrap();
                    assert!(ours.contains(&json!(value)), "{path} refuses {value}");
                }
            } else if let Some(minimum) = constraint.strip_prefix("minimum=") {
                let minimum: f64 = minimum.parse().unwrap();
                assert!(
                    ours["minimum"].as_f64().is_some_and(|m| m <= minimum),
                    "{path}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_required_in_the_spec() {
    let schema = schema();
    let spec = &schema["properties"]["spec"];
    assert_eq!(spec.get("required"), None);
    assert_eq!(spec["default"], json!({}));
    let query: ThanosQuery = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosQuery",
        "metadata": {"name": "x"},
        "spec": {},
    }))
    .unwrap();
    assert_eq!(query.spec, thanos_api::v1alpha1::ThanosQuerySpec::default());
}

#[test]
fn nothing_is_required_of_a_receive() {
    let schema = schema_of::<ThanosReceive>();
    let spec = &schema["properties"]["spec"];
    assert_eq!(spec.get("required"), None);
    for section in ["routerSpec", "ingesterSpec"] {
        let section = &spec["properties"][section];
        assert_eq!(section.get("required"), None);
    }
    let ring = find(&schema, "spec.ingesterSpec.hashrings[]").unwrap();
    assert_eq!(ring["required"], json!(["name"]));
    let receive: ThanosReceive = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosReceive",
        "metadata": {"name": "x"},
        "spec": {},
    }))
    .unwrap();
    assert_eq!(receive.spec, ThanosReceiveSpec::default());
    let router = receive.spec.router_spec;
    assert_eq!((router.replicas, router.replication_factor), (1, 1));
}

#[test]
fn nothing_is_required_of_a_ruler() {
    let schema = schema_of::<ThanosRuler>();
    let spec = &schema["properties"]["spec"];
    assert_eq!(spec["default"], json!({}));
    for path in [
        "spec",
        "spec.ruleTenancyConfig",
        "spec.alertmanagers",
        "spec.alertmanagers.tlsConfig",
        "spec.rulerMode",
        "spec.rulerMode.stateful",
        "spec.rulerMode.stateless",
        "spec.storage",
    ] {
        assert_eq!(find(&schema, path).unwrap().get("required"), None, "{path}");
    }
    let ruler: ThanosRuler = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosRuler",
        "metadata": {"name": "x"},
        "spec": {},
    }))
    .unwrap();
    assert_eq!(ruler.spec.replicas, 1);
    let written = serde_json::to_value(&ruler.spec).unwrap();
    assert_eq!(written, json!({"replicas": 1}), "nothing is filled in");
}

/// Only numbers that autoscalers and rules read have a default, and sections that hold one: any other
/// would hide from the plan what was left unset.
#[test]
fn defaults_are_few() {
    let defaults = |schema: &Value, path: &str| {
        let fields = find(schema, path).unwrap()["properties"].as_object();
        let fields = fields.unwrap().iter();
        let with_default = fields.filter(|(_, field)| field.get("default").is_some());
        let with_default =
            with_default.map(|(name, field)| (name.clone(), field["default"].clone()));
        Value::Object(with_default.collect())
    };
    for (kind, schema) in schemas() {
        if kind != "ThanosReceive" {
            assert_eq!(defaults(&schema, "spec"), json!({"replicas": 1}), "{kind}");
            continue;
        }
        let one = json!({"replicas": 1, "replicationFactor": 1});
        assert_eq!(
            defaults(&schema, "spec"),
            json!({"routerSpec": one, "ingesterSpec": {}})
        );
        assert_eq!(defaults(&schema, "spec.routerSpec"), one);
        for none in ["spec.ingesterSpec", "spec.ingesterSpec.hashrings[]"] {
            assert_eq!(defaults(&schema, none), json!({}), "{none}");
        }
    }
}

#[test]
fn only_the_object_storage_is_required_of_a_store() {
    let schema = schema_of::<ThanosStore>();
    let spec = &schema["properties"]["spec"];
    assert_eq!(spec["required"], json!(["objectStorageConfig"]));
    assert_eq!(spec.get("default"), None, "no other schema has it");
    let store: ThanosStore = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosStore",
        "metadata": {"name": "x"},
        "spec": {"objectStorageConfig": {"name": "s", "key": "k"}},
    }))
    .unwrap();
    assert_eq!(store.spec.replicas, 1);
}

/// Calls `check` with every schema of the definition and its path.
fn walk(path: &str, schema: &Value, check: &mut impl FnMut(&str, &Value)) {
    check(path, schema);
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), child, check);
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(child) = schema.get(nested) {
            walk(&format!("{path}[]"), child, check);
        }
    }
}

#[test]
fn schema_is_structural() {
    for (kind, schema) in schemas() {
        walk(kind, &schema, &mut is_structural);
    }
}

fn is_structural(path: &str, schema: &Value) {
    let any = schema.get("x-kubernetes-int-or-string") == Some(&json!(true));
    assert!(
        any || schema.get("type").is_some(),
        "{path} has no type: {schema}"
    );
    for combinator in ["anyOf", "oneOf", "allOf", "not", "$ref"] {
        assert_eq!(schema.get(combinator), None, "{path}");
    }
    let keys = schema.get("x-kubernetes-list-map-keys");
    for key in keys.and_then(Value::as_array).into_iter().flatten() {
        let items = &schema["items"];
        let key = key.as_str().unwrap();
        let required = items["required"].as_array();
        assert!(
            required.is_some_and(|r| r.contains(&json!(key)))
                || items["properties"][key].get("default").is_some(),
            "{path}: the map key {key} must be required or have a default"
        );
    }
}

#[test]
fn what_a_rule_sees_is_bounded() {
    for (kind, schema) in schemas() {
        walk(kind, &schema, &mut |path, schema| {
            if schema.get("x-kubernetes-validations").is_none() {
                return;
            }
            if schema["type"] == json!("string") {
                assert!(schema.get("maxLength").is_some(), "{path}");
            }
        });
    }
}

#[test]
fn embedded_types_carry_no_descriptions() {
    let schema = schema();
    for path in [
        "spec.additionalContainers[].image",
        "spec.affinity.nodeAffinity",
        "spec.queryFrontend.additionalVolumes[].emptyDir.sizeLimit",
    ] {
        let field = find(&schema, path).unwrap();
        assert_eq!(field.get("description"), None, "{path}");
    }
}

#[test]
fn ports_of_containers_are_maps_with_a_default_protocol() {
    let schema = schema();
    let ports = find(&schema, "spec.additionalContainers[].ports").or_else(|| {
        find(&schema, "spec.additionalContainers[]").and_then(|c| c["properties"].get("ports"))
    });
    let ports = ports.unwrap();
    assert_eq!(
        ports["x-kubernetes-list-map-keys"],
        json!(["containerPort", "protocol"])
    );
    assert_eq!(
        ports["items"]["properties"]["protocol"]["default"],
        json!("TCP")
    );
}

#[test]
fn definition_leaves_room_for_annotations() {
    for crd in [
        ThanosQuery::crd(),
        ThanosStore::crd(),
        ThanosReceive::crd(),
        ThanosRuler::crd(),
    ] {
        let bytes = serde_json::to_vec(&crd).unwrap().len();
        assert!(bytes < 200 * 1024, "{bytes}");
    }
}

#[test]
fn numeric_quantities_are_read() {
    let query: ThanosQuery = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1",
        "kind": "ThanosQuery",
        "metadata": {"name": "x"},
        "spec": {
            "resourceRequirements": {"limits": {"cpu": 2, "memory": "1Gi"}, "requests": {"cpu": 0.5}},
            "additionalContainers": [{"name": "c", "resources": {"limits": {"cpu": 1}}}],
            "additionalVolumes": [{"name": "v", "emptyDir": {"sizeLimit": 1000000}}],
            "additionalEnv": [{"name": "E", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": 1}}}],
            "queryFrontend": {"resourceRequirements": {"limits": {"cpu": 3}}},
            "bridge": {"resourceRequirements": {"limits": {"cpu": 4}}},
        },
    }))
    .unwrap();
    let spec = serde_json::to_value(&query.spec).unwrap();
    assert_eq!(spec["resourceRequirements"]["limits"]["cpu"], json!("2"));
    assert_eq!(
        spec["resourceRequirements"]["requests"]["cpu"],
        json!("0.5")
    );
    assert_eq!(
        spec["additionalContainers"][0]["resources"]["limits"]["cpu"],
        json!("1")
    );
    assert_eq!(
        spec["additionalVolumes"][0]["emptyDir"]["sizeLimit"],
        json!("1000000")
    );
    assert_eq!(
        spec["queryFrontend"]["resourceRequirements"]["limits"]["cpu"],
        json!("3")
    );
    assert_eq!(
        spec["bridge"]["resourceRequirements"]["limits"]["cpu"],
        json!("4")
    );
}

/// What is written is what was read: nothing that a user sets is lost on the way to a plan.
#[test]
fn spec_survives_a_round_trip() {
    let spec = json!({
        "replicas": 3,
        "featureGates": {"enablePrometheusOperatorCRDs": false},
        "webConfig": {"disableCORS": true},
        "serviceMonitor": {"relabelings": [{"action": "hashmod", "modulus": 7}]},
        "serviceDiscovery": {"prometheusServiceMonitors": {"enabled": true, "withoutSidecar": "Report"}},
        "networkPolicy": {"enabled": true, "openDiscovered": "SameNamespace"},
        "queryFrontend": {"queryRangeResponseCacheConfig": {"inMemoryCacheConfig": {"maxSize": "1Gi"}}},
    });
    let typed: thanos_api::v1alpha1::ThanosQuerySpec =
        serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), spec);
}

#[test]
fn the_spec_of_a_store_survives_a_round_trip() {
    let spec = json!({
        "replicas": 2,
        "maxSurge": 0,
        "objectStorageConfig": {"name": "s", "key": "k"},
        "storage": {"size": "1Ti", "storageClass": "fast"},
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"},
        "shardingStrategy": {"type": "block", "shards": 3},
        "timeRangeConfig": {"minTime": "-30d"},
        "indexCacheConfig": {"externalCacheConfig": {"name": "c", "key": "k"}},
        "storeLimitsOptions": {"storeLimitsRequestSamples": 9_000_000_000_i64},
        "indexHeaderConfig": {"enableLazyReader": false, "lazyDownloadStrategy": "lazy"},
        "blockConfig": {"blockDiscoveryStrategy": "recursive", "blockFilesConcurrency": 1},
        "serviceMonitor": {"enabled": false},
    });
    let typed: thanos_api::v1alpha1::ThanosStoreSpec =
        serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), spec);
}

#[test]
fn the_spec_of_a_receive_survives_a_round_trip() {
    let spec = json!({
        "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
        "allowDataLoss": true,
        "routerSpec": {
            "replicas": 2,
            "replicationFactor": 3,
            "replicationProtocol": "capnproto",
            "hashringPolicy": "dynamic",
            "externalLabels": {"receive": "true"},
            "tenancyConfig": {
                "tenantHeader": "X", "defaultTenantID": "d", "splitTenantLabelName": "s",
                "tenantCertificateField": "organizationalUnit",
            },
            "grpcCompression": "none",
            "limits": {
                "global": {"maxConcurrency": 0, "metaMonitoringURL": "http://x", "metaMonitoringLimitQuery": "q"},
                "default": {"request": {"sizeBytesLimit": 9_000_000_000_i64, "seriesLimit": 1, "samplesLimit": 2}},
                "tenants": {"a": {"headSeriesLimit": 0}},
            },
            "version": "v0.42.4",
        },
        "ingesterSpec": {
            "defaultObjectStorageConfig": {"name": "s", "key": "k"},
            "storeSyncDelay": "5m",
            "hashrings": [{
                "name": "a",
                "replicas": 3,
                "storage": {"size": "1Ti", "storageClass": "fast"},
                "tsdbConfig": {"retention": "1d", "outOfOrderTimeWindow": "1h", "maxExemplars": 0},
                "tenancyConfig": {
                    "tenants": ["a*"], "tenantMatcherType": "glob", "tenantLabelName": "t",
                    "tenantHeader": "X", "defaultTenantID": "d",
                },
                "tooFarInFutureTimeWindow": "0s",
                "hashingAlgorithm": "hashmod",
                "zoneAwareness": false,
                "logLevel": "debug",
            }],
            "additionalArgs": ["--x"],
        },
        "networkPolicy": {"enabled": true},
    });
    let typed: ThanosReceiveSpec = serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), spec);
}

#[test]
fn the_spec_of_a_ruler_survives_a_round_trip() {
    let key = json!({"name": "s", "key": "k"});
    let spec = json!({
        "replicas": 2,
        "storage": {"size": "1Ti", "storageClass": "fast"},
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"},
        "ruleSelector": {},
        "ruleNamespaceSelector": {"matchLabels": {"a": "b"}},
        "ruleConfigSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        "mode": "Shadow",
        "ruleTenancyConfig": {"enforcedTenantIdentifier": "t", "tenantSpecifierLabel": "x/y"},
        "evaluationInterval": "1m",
        "queryLabelSelector": {"matchLabels": {"a": "b"}},
        "alertmanagerURL": "",
        "alertmanagers": {
            "selector": {}, "namespaceSelector": {}, "urls": ["http://a"],
            "tlsConfig": {"ca": key, "serverName": "a", "insecureSkipVerify": true},
        },
        "alertLabelDrop": ["a"],
        "alertRelabelConfigs": [{
            "sourceLabels": ["a", "b"], "separator": "/", "targetLabel": "c", "regex": "d",
            "modulus": 7, "replacement": "$1", "action": "hashmod",
        }],
        "alertQueryURL": "https://q",
        "rulerMode": {
            "type": "Stateless",
            "stateful": {"externalLabels": {"a": "b"}, "retention": "2d", "objectStorageConfig": key},
            "stateless": {"labelSelector": {"matchLabels": {"a": "b"}}},
        },
        "paused": false,
        "serviceMonitor": {"enabled": false},
        "networkPolicy": {"enabled": true, "openDiscovered": "SameNamespace"},
        "additionalArgs": ["--x"],
    });
    let typed: ThanosRulerSpec = serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), spec);
}
