//! The leaves of our schema, and samples of the structures of Kubernetes that it embeds: such that a
//! Deployment or a Service with them is accepted.

use kube::CustomResourceExt;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosQuery;

use crate::sample::{Leaf, leaves};

/// The leaves of our schema. What is embedded counts as one leaf, with values from a table, since
/// free texts would be refused.
pub fn our_leaves() -> Vec<Leaf> {
    let crd = serde_json::to_value(ThanosQuery::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut schema = schema.clone();
    cut("spec", &mut schema);
    let mut leaves = leaves(&schema);
    for leaf in &mut leaves {
        let name = leaf.path.rsplit('.').next().unwrap_or_default();
        if let Some(values) = embedded(name) {
            leaf.values = values;
        }
    }
    leaves
}

/// Cuts off what is embedded. All that is ours has a description, and what is embedded has none, so
/// that nothing can be forgotten in the table.
fn cut(path: &str, schema: &mut Value) {
    let is_selector = schema["properties"].get("matchExpressions").is_some();
    let Some(properties) = schema["properties"].as_object_mut() else {
        if let Some(items) = schema.get_mut("items") {
            cut(path, items);
        }
        return;
    };
    for (name, child) in properties {
        if embedded(name).is_some() {
            *child = json!({});
        } else if !is_selector {
            let path = format!("{path}.{name}");
            assert!(
                child.get("description").is_some(),
                "{path} is embedded and has no sample"
            );
            cut(&path, child);
        }
    }
}

/// What must be there for the leaf to be of any use: a volume to mount, a Prometheus to find.
pub fn around(path: &str, mut spec: Value) -> Value {
    let finds = ["spec.serviceMonitorSelector", "spec.serviceDiscovery"];
    if !finds.iter().any(|f| path.starts_with(f)) {
        // Not everything: the ServiceMonitors of our own components come and go with the leaves.
        spec["serviceMonitorSelector"] =
            json!({"matchExpressions": [{"key": "sample", "operator": "Exists"}]});
    }
    let section = match path.strip_prefix("spec.queryFrontend") {
        Some(_) => &mut spec["queryFrontend"],
        None => &mut spec,
    };
    if section.is_null() {
        *section = json!({});
    }
    if path.ends_with("additionalVolumeMounts") {
        section["additionalVolumes"] = json!([{"name": "sample", "emptyDir": {}}]);
    }
    if path.ends_with("podDisruptionBudgetConfig.enable") {
        section["replicas"] = json!(2);
    }
    if path.ends_with("serviceMonitor.scrapeTimeout") {
        section["serviceMonitor"]["interval"] = json!("1h");
    }
    if path.ends_with("namespaceSelector") || path.contains("namespaceSelector.") {
        section["serviceDiscovery"]["prometheusServiceMonitors"]["enabled"] = json!(true);
    }
    if path.ends_with("withoutSidecar") {
        section["serviceDiscovery"]["prometheusServiceMonitors"]["enabled"] = json!(true);
    }
    if path.ends_with("matchExpressions[].key") {
        complete_expressions(section);
    }
    spec
}

/// An operator that needs no values, for a key alone.
fn complete_expressions(value: &mut Value) {
    match value {
        Value::Object(object) if object.contains_key("operator") => {
            object.insert("operator".to_owned(), json!("Exists"));
        }
        Value::Object(object) => object.values_mut().for_each(complete_expressions),
        Value::Array(items) => items.iter_mut().for_each(complete_expressions),
        _ => {}
    }
}

/// Samples of the embedded structure that a field of this name holds.
pub fn embedded(name: &str) -> Option<Vec<Value>> {
    Some(match name {
        "additionalContainers" => vec![
            json!([{"name": "sample", "image": "sample:1"}]),
            json!([{
                "name": "sample", "image": "sample:1", "args": ["--a"], "command": ["/a"],
                "workingDir": "/a", "imagePullPolicy": "Always",
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "envFrom": [{"configMapRef": {"name": "sample"}}],
                "ports": [{"name": "sample", "containerPort": 7000}],
                "resources": {"limits": {"cpu": 1, "memory": "64Mi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "sample"}},
                "readinessProbe": {"tcpSocket": {"port": 7000}},
                "startupProbe": {"exec": {"command": ["/a"]}},
                "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
                "securityContext": {"capabilities": {"drop": ["ALL"]}},
            }]),
        ],
        "additionalEnv" => vec![
            json!([{"name": "SAMPLE", "value": "sample"}]),
            json!([{"name": "SAMPLE", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]),
            json!([{"name": "SAMPLE", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}]),
            json!([{"name": "SAMPLE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
            json!([{"name": "SAMPLE", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]),
        ],
        "additionalPorts" => vec![
            json!([{"name": "sample", "containerPort": 7000}]),
            json!([{"name": "sample", "containerPort": 7000, "protocol": "UDP", "hostPort": 7000}]),
        ],
        "additionalServicePorts" => vec![
            json!([{"name": "sample", "port": 7000}]),
            json!([{
                "name": "sample", "port": 7000, "targetPort": "http", "protocol": "TCP",
                "appProtocol": "http",
            }]),
        ],
        "additionalVolumeMounts" => vec![
            json!([{"name": "sample", "mountPath": "/sample"}]),
            json!([{"name": "sample", "mountPath": "/sample", "subPath": "a", "readOnly": true}]),
        ],
        "additionalVolumes" => vec![
            json!([{"name": "sample", "emptyDir": {"sizeLimit": "7Mi"}}]),
            json!([{"name": "sample", "configMap": {"name": "a", "optional": true}}]),
            json!([{"name": "sample", "secret": {"secretName": "a", "items": [{"key": "a", "path": "b"}]}}]),
            json!([{"name": "sample", "persistentVolumeClaim": {"claimName": "a"}}]),
            json!([{"name": "sample", "hostPath": {"path": "/a", "type": "Directory"}}]),
            json!([{"name": "sample", "nfs": {"server": "a", "path": "/a"}}]),
            json!([{"name": "sample", "csi": {"driver": "a.b"}}]),
            json!([{"name": "sample", "projected": {"sources": [{"configMap": {"name": "a"}}]}}]),
            json!([{"name": "sample", "downwardAPI": {"items": [
                {"path": "a", "fieldRef": {"fieldPath": "metadata.labels"}},
            ]}}]),
        ],
        "affinity" => vec![
            json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 7, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
            }]}}),
            json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}},
            ]}}),
            json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}},
            ]}}),
        ],
        "externalCacheConfig" => vec![
            json!({"name": "sample", "key": "sample"}),
            json!({"name": "sample", "key": "sample", "optional": true}),
        ],
        "imagePullSecrets" => vec![json!([{"name": "sample"}])],
        "resourceRequirements" => vec![
            json!({"limits": {"cpu": 1, "memory": "1Gi"}}),
            json!({"requests": {"cpu": "100m", "memory": 67_108_864}}),
        ],
        "securityContext" => vec![
            json!({"runAsUser": 2000, "runAsGroup": 2000, "fsGroup": 2000}),
            json!({"supplementalGroups": [7], "fsGroupChangePolicy": "OnRootMismatch"}),
            json!({"seccompProfile": {"type": "Unconfined"}, "runAsNonRoot": false}),
            json!({"seLinuxOptions": {"level": "s0"}, "sysctls": [{"name": "net.a", "value": "1"}]}),
        ],
        "tolerations" => vec![
            json!([{"key": "a", "operator": "Exists"}]),
            json!([{"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 7}]),
        ],
        "topologySpreadConstraints" => vec![
            json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]),
            json!([{
                "maxSkew": 7, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"a": "b"}},
            }]),
        ],
        _ => return None,
    })
}
