//! Parts of objects that an upgrade or an adoption must not change.

use serde_json::{Value, json};

use crate::relations::{of_kind, selects};

/// The pod selector of a workload of the Go operator.
#[must_use]
pub fn selector(name: &str, component: &str, instance: &str, more: &[(&str, &str)]) -> Value {
    let mut labels = json!({
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/managed-by": "thanos-operator",
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "thanos",
        "operator.thanos.io/owner": "main",
    });
    for (key, value) in more {
        labels[*key] = json!(value);
    }
    labels
}

/// Asserts that the immutable PVC template, the volume mount and the governing Service are those of the
/// Go operator.
pub fn check_volume(set: &Value, service: &Value, path: &str) {
    assert_eq!(set["spec"]["serviceName"], set["metadata"]["name"]);
    let template = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(template["metadata"]["name"], "data", "names the PVCs");
    let mounts = &set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(mounts[0], json!({"name": "data", "mountPath": path}));
    assert_eq!(service["spec"]["clusterIP"], "None", "immutable");
}

/// Asserts that the stored PVC template and pod management policy of a StatefulSet are applied again,
/// since they are immutable.
pub fn check_immutable(set: &Value, stored: &Value) {
    let sent = &set["spec"]["volumeClaimTemplates"][0];
    assert!(stored["spec"].is_object(), "{stored}");
    assert_eq!(sent["metadata"]["labels"], stored["metadata"]["labels"]);
    assert_eq!(sent["spec"], stored["spec"]);
    assert_eq!(set["spec"]["podManagementPolicy"], "OrderedReady");
}

/// The arguments of the first container of a pod template.
#[must_use]
pub fn args(template: &Value) -> Vec<String> {
    let args = template["spec"]["containers"][0]["args"].as_array();
    let args = args.unwrap().iter().filter_map(Value::as_str);
    args.map(str::to_owned).collect()
}

/// Asserts that the first container of a pod template has this argument.
pub fn has_arg(template: &Value, arg: &str) {
    let args = args(template);
    assert!(args.iter().any(|a| a == arg), "no {arg} in {args:?}");
}

/// The Services that select the pods of a workload.
#[must_use]
pub fn services_of<'a>(workload: &Value, objects: &'a [Value]) -> Vec<&'a Value> {
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    let services = of_kind(objects, "Service");
    let selecting = services.filter(|s| selects(&s["spec"]["selector"], labels));
    selecting.collect()
}
