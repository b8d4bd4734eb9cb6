//! The plans of one custom resource of each kind, in a namespace where each has something of
//! everything to run.

use kube_facts::optional::{Capability, Caps};
use operator_inspect::render::{documents, render_objects};
use operator_runtime::Reconciler;
use serde_json::{Map, Value, json};
use thanos_controller_common::Settings;
use thanos_query_controller::QueryController;
use thanos_receive_controller::ReceiveController;
use thanos_ruler_controller::{RulerController, RulerSettings};
use thanos_store_controller::StoreController;

/// Components by their label, which all kinds together run.
pub const COMPONENTS: [&str; 7] = [
    "object-storage-gateway",
    "prometheus-bridge",
    "query-frontend",
    "query-layer",
    "rule-evaluation-engine",
    "thanos-receive-ingester",
    "thanos-receive-router",
];

/// A Prometheus without a sidecar that a NetworkPolicy guards, so that there is a bridge and a policy
/// that opens the way for it; and a hashring that is published, so that there are routers.
const SURROUNDINGS: &str = r#"
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: monitoring}
spec: {serviceMonitorSelector: {}, serviceMonitorNamespaceSelector: {}}
---
apiVersion: v1
kind: Pod
metadata:
  name: prometheus-k8s-0
  namespace: monitoring
  labels: {app.kubernetes.io/name: prometheus, app.kubernetes.io/managed-by: prometheus-operator, app.kubernetes.io/instance: k8s, operator.prometheus.io/name: k8s}
spec:
  hostname: prometheus-k8s-0
  subdomain: prometheus-operated
  containers: [{name: prometheus, ports: [{name: web, containerPort: 9090}]}]
---
apiVersion: v1
kind: Service
metadata: {name: prometheus-k8s, namespace: monitoring, labels: {app: prometheus}}
spec: {selector: {app.kubernetes.io/name: prometheus}, ports: [{name: web, port: 9090}]}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: prometheus-k8s, namespace: monitoring, labels: {app: prometheus}}
spec: {selector: {matchLabels: {app: prometheus}}, endpoints: [{port: web}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: prometheus-k8s, namespace: monitoring}
spec: {podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}, policyTypes: [Ingress]}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: thanos-receive-router-main
  namespace: monitoring
  resourceVersion: "7"
  labels: {app.kubernetes.io/name: thanos-receive, app.kubernetes.io/part-of: thanos, app.kubernetes.io/component: thanos-receive-router, operator.thanos.io/owner: main}
  ownerReferences: [{apiVersion: monitoring.thanos.io/v1alpha1, kind: ThanosReceive, name: main, uid: u, controller: true}]
data:
  hashrings.json: "[]"
  record.json: '{"replicationFactor": 1, "rings": [{"name": "a", "algorithm": "ketama", "matcher": "exact", "members": {"0": null}}], "held": {"a": 1}}'
"#;

/// What the custom resources say.
#[derive(Default)]
pub struct Said {
    /// Of their metadata, besides name and namespace.
    pub metadata: Map<String, Value>,
    /// In every section with the fields of `CommonFields`.
    pub common: Map<String, Value>,
    /// In every section with the fields of `Additional`.
    pub additional: Map<String, Value>,
}

impl Said {
    /// Sections one after the other, later fields win.
    fn section(&self, more: &[&Map<String, Value>], own: Value) -> Value {
        let mut section = Map::new();
        for fields in more {
            section.extend((*fields).clone());
        }
        section.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(section)
    }

    fn resource(&self, kind: &str, spec: Value) -> Value {
        let mut metadata = self.metadata.clone();
        for (field, value) in [("name", "main"), ("namespace", "monitoring"), ("uid", "u")] {
            metadata.insert(field.to_owned(), json!(value));
        }
        json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": kind,
            "metadata": metadata, "spec": spec,
        })
    }

    /// All planned objects of all kinds.
    pub fn rendered(&self) -> Vec<Value> {
        let both: [&Map<String, Value>; 2] = [&self.common, &self.additional];
        let policies = json!({"enabled": true, "openDiscovered": "SameNamespace"});
        let bucket = json!({"name": "bucket", "key": "thanos.yaml"});
        let settings = || Settings {
            thanos_image: "thanos:default".to_owned(),
        };
        let query = self.section(
            &both,
            json!({
                "replicas": 2, "networkPolicy": policies, "serviceMonitorSelector": {},
                "queryFrontend": self.section(&both, json!({"replicas": 2})),
            }),
        );
        let store = self.section(
            &both,
            json!({
                "replicas": 2, "networkPolicy": policies, "objectStorageConfig": bucket,
                "shardingStrategy": {"type": "block", "shards": 2},
            }),
        );
        let ring = |name: &str, tenants: &[&str]| {
            let tenants = json!({"tenants": tenants});
            let own = json!({"name": name, "replicas": 2, "tenancyConfig": tenants});
            self.section(&[&self.common], own)
        };
        let receive = json!({
            "networkPolicy": policies,
            "routerSpec": self.section(&both, json!({"replicas": 2})),
            "ingesterSpec": self.section(
                &[&self.additional],
                json!({"hashrings": [ring("a", &["t"]), ring("b", &[])]}),
            ),
        });
        let ruler = self.section(
            &both,
            json!({"replicas": 2, "networkPolicy": policies, "ruleSelector": {}}),
        );
        let ruler_settings = RulerSettings {
            common: settings(),
            config_reloader_image: "reloader:default".to_owned(),
        };
        [
            self.plan(&QueryController::new(settings(), true, &[]), query),
            self.plan(&StoreController::new(settings(), true, &[]), store),
            self.plan(&ReceiveController::new(settings(), true, &[]), receive),
            self.plan(&RulerController::new(ruler_settings, true, &[]), ruler),
        ]
        .concat()
    }

    fn plan<C: Reconciler>(&self, controller: &C, spec: Value) -> Vec<Value> {
        let kind = <C::Resource as kube::Resource>::kind(&()).into_owned();
        let mut objects = documents(SURROUNDINGS).unwrap();
        objects.push(self.resource(&kind, spec));
        let text = render_objects(controller, &objects, &Caps::all(Capability::Present)).unwrap();
        let mut planned = documents(&text).unwrap();
        let resource = planned.pop().unwrap();
        assert!(!planned.is_empty(), "{kind} is rejected: {resource}");
        planned
    }
}

/// The map at `pointer`, or an empty one.
pub fn map<'a>(object: &'a Value, pointer: &str) -> &'a Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    let found = object.pointer(pointer).and_then(Value::as_object);
    found.unwrap_or(&EMPTY)
}

/// Whether `labels` has all of `selector`, which is not empty.
pub fn selects(selector: &Map<String, Value>, labels: &Map<String, Value>) -> bool {
    !selector.is_empty() && selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

/// Kind and name, for messages.
pub fn title(object: &Value) -> String {
    format!("{} {}", object["kind"], object["metadata"]["name"])
}

/// The workloads among `objects`; every component of every kind is there.
pub fn workloads(objects: &[Value]) -> Vec<&Value> {
    let all: Vec<&Value> = objects
        .iter()
        .filter(|o| o.pointer("/spec/template/spec/containers").is_some())
        .collect();
    let mut components: Vec<&str> = all.iter().map(|o| component(o)).collect();
    components.sort_unstable();
    components.dedup();
    assert_eq!(components, COMPONENTS);
    all
}

/// The component that a workload runs.
pub fn component(workload: &Value) -> &str {
    let labels = map(workload, "/spec/template/metadata/labels");
    let component = labels.get("app.kubernetes.io/component");
    component.and_then(Value::as_str).unwrap_or_default()
}
